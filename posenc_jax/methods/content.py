# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that read q, k, scores or the layer's input."""

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _dape(key, num_heads, taps=1, hidden=32, left=None):
  return px.Dape.init(key, num_heads, px.Alibi(num_heads), taps=taps, hidden=hidden, left=left)


METHODS = (
  Method(
    "relative, Shaw 2018, on keys and values", "content.shaw", "Shaw", "scores, output", {
      "shaw_index": ("query and key positions", "rows of the tables"),
      "shaw_bias": ("q, table, rows", "bias ``[..., N, T, S]``"),
      "shaw_values": ("weights of the softmax, table, rows", "added to outputs")},
    builds={"shaw": Maker(px.Shaw.init, {"head_dim": "head_dim"})},
    cases={"shaw": lambda key: Case(px.Shaw.init(key, 8, max_distance=3, stddev=1.0))},
    arxiv="1803.02155", goldens="transformers 5.23.0"),
  Method(
    "Transformer-XL (2019)", "content.transformer_xl", "TransformerXL", "scores", {
      "transformer_xl_bias": ("q, k, query and key positions, u, v, w_r",
                              "bias ``[..., N, T, S]``")},
    builds={"transformer-xl": Maker(
      px.TransformerXL.init, {"num_heads": "heads", "head_dim": "head_dim"},
      {"base": lambda s: s.base})},
    cases={"transformer-xl": lambda key: Case(px.TransformerXL.init(key, 4, 8, stddev=0.3))},
    arxiv="1901.02860", goldens="transformers 5.23.0"),
  Method(
    "CoPE, contextual (2024)", "content.cope", "Cope", "scores", {
      "cope_positions": ("scores, mask", "positions of pairs"),
      "cope_bias": ("q, positions of pairs, table", "bias ``[..., N, T, S]``")},
    builds={"cope": Maker(px.Cope.init, {"head_dim": "head_dim"},
                          {"num_positions": lambda s: s.train_length})},
    cases={"cope": lambda key: Case(px.Cope.init(key, 8, 8, stddev=1.0))},
    arxiv="2405.18719", directions="causal", goldens="x-transformers 2.31.10"),
  Method(
    "FoX, forgetting attention (2025)", "content.fox", "Fox", "scores", {
      "log_forget_gates": ("a layer's input, weights", "log gates"),
      "forget_positions": ("log gates", "``[..., T, 2, N]``"),
      "forget_bias": ("query and key positions, of forget_positions", "bias ``[..., N, T, S]``")},
    builds={"fox": Maker(px.Fox.init, {"d_model": "d_model", "num_heads": "heads"})},
    cases={"fox": lambda key: Case(px.Fox.init(key, 16, 4, stddev=0.5))},
    arxiv="2503.02130", directions="causal", goldens="x-transformers 2.31.10, fla-core 0.6.0"),
  Method(
    "DAPE and DAPE-V2 (2024)", "content.dape", "Dape", "scores",
    {"dape_scores": ("scores, bias, weights, mask", "scores")},
    builds={"dape": Maker(_dape, {"num_heads": "heads"}),
            "dape-v2": Maker(_dape, {"num_heads": "heads"}, {"taps": lambda s: 3})},
    arxiv="2405.14722", directions="causal"),
)
