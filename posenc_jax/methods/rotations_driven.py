# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of rotations, and of decays of q k, that a layer's input drives."""

import jax
import jax.numpy as jnp

from posenc_jax.encodings.content.wall import Wall
from posenc_jax.encodings.rotations.driven.carope import CARope
from posenc_jax.encodings.rotations.driven.grape_contextual import GrapeContextual
from posenc_jax.encodings.rotations.driven.repo import RePo
from posenc_jax.encodings.rotations.driven.selective import SelectiveRotary
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

_SIZES = {"d_model": "d_model", "head_dim": "head_dim", "num_heads": "heads"}


def _grape(key):
  e = GrapeContextual.init(16, 8, num_heads=2, start=0.5, base=100.0)
  return e.replace(gate_weight=jax.random.normal(key, (16, 2), jnp.float32))


METHODS = (
  Method(
    "CARoPE (2025)", "rotations.driven.carope", "CARope", "q, k",
    {"carope_steps": ("a layer's input, weights", "radians")},
    builds={"carope": Maker(CARope.init, _SIZES)},
    cases={"carope": lambda key: Case(CARope.init(key, 16, 8, num_heads=2, stddev=0.5))},
    catalogue="CARoPE", arxiv="2507.23083"),
  Method(
    "Selective RoPE (2025)", "rotations.driven.selective", "SelectiveRotary", "q, k",
    more={"sliced_norm": ("a layer's input, slices", "like it")},
    builds={"selective-rotary": Maker(SelectiveRotary.init, _SIZES)},
    cases={"selective-rotary": lambda key: Case(
      SelectiveRotary.init(key, 16, 8, num_heads=2, rank=4, base=100.0)),
           "selective-rotary-gated": lambda key: Case(
      SelectiveRotary.init(key, 16, 8, rank=4, gated=True))},
    catalogue="Selective RoPE", arxiv="2511.17388", directions="causal",
    goldens="re-derived from timurcarstensen/selective-rope"),
  Method(
    "RePo (2025)", "rotations.driven.repo", "RePo", "q, k",
    {"content_positions": ("a layer's input, weights", "``[..., T, K]``")},
    builds={"repo": Maker(RePo.init, _SIZES)},
    cases={"repo": lambda key: Case(RePo.init(key, 16, 8, num_heads=2, stddev=0.5))},
    catalogue="RePo", arxiv="2512.14391"),
  Method(
    "GRAPE-M, contextual (2025)", "rotations.driven.grape_contextual", "GrapeContextual", "q, k",
    {"grape_gates": ("a layer's input, weights", "steps")},
    builds={"grape-contextual": Maker(GrapeContextual.init, _SIZES, {"base": lambda s: s.base})},
    cases={"grape-contextual": lambda key: Case(_grape(key))},
    catalogue="GRAPE-M, contextual", arxiv="2512.07805",
    goldens="re-derived from model-architectures/GRAPE"),
  Method(
    "Wall attention (2026)", "content.wall", "Wall", "scores",
    {"wall_bias": ("q, k, their sums of log gates", "bias ``[..., N, T, S]``")},
    builds={"wall": Maker(Wall.init, _SIZES | {"query_heads": "heads"})},
    cases={"wall": lambda key: Case(Wall.init(
      key, 16, 8, num_heads=2, query_heads=4, stddev=0.5, gate_bias=1.0))},
    catalogue="Wall attention", directions="causal", goldens="fla-core 0.6.0"),
)
