# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings whose scores read content."""

import jax.numpy as jnp

from posenc_jax.encodings.content.cable import cable_init
from posenc_jax.encodings.content.disentangled import Disentangled
from posenc_jax.encodings.content.grape_additive import GrapeA
from posenc_jax.encodings.content.grape_path import GrapePath
from posenc_jax.encodings.content.inkling import Inkling
from posenc_jax.encodings.content.music_transformer import MusicTransformer
from posenc_jax.encodings.content.path_attention import PathAttention
from posenc_jax.encodings.content.tupe import Tupe
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

_HEADS = {"num_heads": "heads", "head_dim": "head_dim"}
_LAYER = {"d_model": "d_model", "num_heads": "heads"}
_BIAS = "bias ``[..., N, T, S]``"


def _tupe(key, untied):
  e = Tupe.init(key, 8, 6, 4, 8, num_buckets=8, max_distance=16, untied=untied, stddev=0.7)
  # A norm's gain of one and biases of zero would hide their places.
  e = e.replace(gain=1 + e.table[0], offset=0.3 * e.table[1], b_q=jnp.cos(e.w_q[0]))
  return e.replace(b_k=jnp.sin(e.w_k[1])) if untied else e


def _inkling(key, **settings):
  return Case(Inkling.init(key, 16, 4, mixed=3, extent=5, stddev=0.6, **settings))


METHODS = (
  Method(
    "Music Transformer (2018)", "content.music_transformer", "MusicTransformer", "scores",
    {"music_transformer_bias": ("q, table, distances", _BIAS)},
    {"skew": ("q . E, ``[..., T, T]``", "rows moved to keys")},
    {"music-transformer": Maker(MusicTransformer.init, _HEADS,
                                {"length": lambda s: s.train_length})},
    {"music-transformer": lambda key: Case(
      MusicTransformer.init(key, 4, 8, length=4, stddev=1.0))},
    catalogue="Music Transformer", arxiv="1809.04281", directions="causal"),
  Method(
    "disentangled attention (DeBERTa 2020)", "content.disentangled", "Disentangled", "q, scores", {
      "disentangled_bias": ("q, k, tables, their rows", _BIAS)},
    {"disentangled_index": ("how far behind, span", "rows of the tables")},
    {"deberta": Maker(Disentangled.init, _HEADS, {"span": lambda s: s.train_length})},
    {"deberta": lambda key: Case(
      Disentangled.init(key, 4, 8, span=4, max_position=8, stddev=1.0), causal=False)},
    catalogue="DeBERTa", arxiv="2006.03654", goldens="transformers 5.23.0"),
  Method(
    "TUPE (2020), absolute and relative, CLS untied", "content.tupe", "Tupe", "q, scores", {
      "tupe_projections": ("rows of the table, norm, weights", "``[..., N, H]``")},
    {"untie_cls": ("scores, query and key positions, numbers", "scores")},
    {"tupe": Maker(Tupe.init, _LAYER | {"head_dim": "head_dim", "length": "length"},
                   {"untied": lambda s: False})},
    {"tupe": lambda key: Case(_tupe(key, True), causal=False, far=False),
     "tupe-causal": lambda key: Case(_tupe(key, False), far=False)},
    catalogue="TUPE", arxiv="2006.15595"),
  Method(
    "Cable (2025): FoX with its logit negated", "content.cable", "", "scores",
    more={"cable": ("weights of Cable", "a ``Fox``"), "cable_init": ("a key, sizes", "a ``Fox``")},
    builds={"cable": Maker(cable_init, _LAYER)},
    cases={"cable": lambda key: Case(cable_init(key, 16, 4, stddev=0.5))},
    arxiv="2503.08067", directions="causal"),
  Method(
    "Inkling's relative bias (2026)", "content.inkling", "Inkling", "q, scores", {
      "inkling_positions": ("x, positions, weights", "``[..., T, N R + 2]``"),
      "inkling_bias": ("query and key positions, of inkling_positions", _BIAS)},
    builds={"inkling": Maker(Inkling.init, _LAYER, {"extent": lambda s: s.train_length})},
    cases={"inkling": lambda key: _inkling(key, alpha=0.5, floor=2.0),
           "inkling-window": lambda key: _inkling(key)},
    catalogue="Inkling", directions="causal", goldens="transformers 5.23.0"),
  Method(
    "GRAPE-A (2025), gated by keys, queries or both", "content.grape_additive", "GrapeA", "scores",
    {"grape_bias": ("how far behind, slopes, gates", _BIAS)},
    {"grape_additive_gates": ("q or k, directions", "gates")},
    {"grape-a": Maker(GrapeA.init, _HEADS),
     "grape-a-queries": Maker(GrapeA.init, _HEADS, fixed={"keys": False, "queries": True}),
     "grape-a-both": Maker(GrapeA.init, _HEADS, fixed={"keys": True, "queries": True})},
    catalogue="GRAPE-A", arxiv="2512.07805", directions="causal"),
  Method(
    "GRAPE-AP (2025)", "content.grape_path", "GrapePath", "scores", {
      "grape_path_positions": ("x, positions, weights", "``[..., T, 2, N, P]``"),
      "grape_path_bias": ("query and key positions, slopes, mask", _BIAS)},
    builds={"grape-ap": Maker(GrapePath.init, _LAYER)},
    cases={"grape-ap": lambda key: Case(GrapePath.init(key, 16, 4, dim=4, stddev=0.5))},
    catalogue="GRAPE-AP", arxiv="2512.07805", directions="causal"),
  Method(
    "PaTH attention (2025)", "content.path_attention", "PathAttention", "scores", {
      "path_products": ("q, k, w, beta, mask", "in the place of q . k")},
    builds={"path": Maker(PathAttention.init, _LAYER | {"head_dim": "head_dim"})},
    cases={"path": lambda key: Case(
      PathAttention.init(key, 16, 4, 8, groups=2, rank=4, stddev=0.7))},
    catalogue="PaTH", arxiv="2505.16381", directions="causal", goldens="fla-core 0.6.0"),
)
