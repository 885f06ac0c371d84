# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that read q, k, scores or the layer's input."""

import posenc_jax as px
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "relative, Shaw 2018, on keys and values", "content.shaw", "Shaw", "scores, output", {
      "shaw_index": ("query and key positions", "rows of the tables"),
      "shaw_bias": ("q, table, rows", "bias ``[..., N, T, S]``"),
      "shaw_values": ("weights of the softmax, table, rows", "added to outputs")},
    builds={"shaw": lambda s, key: px.Shaw.init(key, s.head_dim)},
    cases={"shaw": lambda key: Case(px.Shaw.init(key, 8, max_distance=3, stddev=1.0))}),
  Method(
    "Transformer-XL (2019)", "content.transformer_xl", "TransformerXL", "scores", {
      "transformer_xl_bias": ("q, k, query and key positions, u, v, w_r",
                              "bias ``[..., N, T, S]``")},
    builds={"transformer-xl": lambda s, key: px.TransformerXL.init(
      key, s.heads, s.head_dim, base=s.base)},
    cases={"transformer-xl": lambda key: Case(px.TransformerXL.init(key, 4, 8, stddev=0.3))}),
  Method(
    "CoPE, contextual (2024)", "content.cope", "Cope", "scores", {
      "cope_positions": ("scores, mask", "positions of pairs"),
      "cope_bias": ("q, positions of pairs, table", "bias ``[..., N, T, S]``")},
    builds={"cope": lambda s, key: px.Cope.init(key, s.train_length, s.head_dim)},
    cases={"cope": lambda key: Case(px.Cope.init(key, 8, 8, stddev=1.0))}),
  Method(
    "FoX, forgetting attention (2025)", "content.fox", "Fox", "scores", {
      "log_forget_gates": ("a layer's input, weights", "log gates"),
      "forget_positions": ("log gates", "``[..., T, 2, N]``"),
      "forget_bias": ("query and key positions, of forget_positions", "bias ``[..., N, T, S]``")},
    builds={"fox": lambda s, key: px.Fox.init(key, s.d_model, s.heads)},
    cases={"fox": lambda key: Case(px.Fox.init(key, 16, 4, stddev=0.5))}),
  Method(
    "DAPE and DAPE-V2 (2024)", "content.dape", "Dape", "scores",
    {"dape_scores": ("scores, bias, weights, mask", "scores")},
    builds={"dape": lambda s, key: px.Dape.init(key, s.heads, px.Alibi(s.heads)),
            "dape-v2": lambda s, key: px.Dape.init(key, s.heads, px.Alibi(s.heads), taps=3)}),
)
