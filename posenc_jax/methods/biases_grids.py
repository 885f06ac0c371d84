# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of biases over grids and by tables."""

from typing import Any

import jax
import jax.numpy as jnp

import posenc_jax as px
from posenc_jax.encodings.biases.grids.alibi_2d import Alibi2D
from posenc_jax.encodings.biases.grids.beit import BeitTable
from posenc_jax.encodings.biases.grids.dynamic_grid import DynamicGrid
from posenc_jax.encodings.biases.grids.levit import LevitTable
from posenc_jax.encodings.biases.grids.log_cpb import LogCPB
from posenc_jax.encodings.biases.grids.swin import SwinTable
from posenc_jax.encodings.softmax.cosine_scores import CosineScores
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _grid(p: Any) -> jax.Array:
  """Token p of a grid of three columns, row by row."""
  p = jnp.asarray(p)
  return jnp.stack([p // 3, p % 3], -1)


def _after_cls(p: Any) -> jax.Array:
  """The same after a CLS token, which is at (-1, -1)."""
  p = jnp.asarray(p)
  return jnp.where((p == 0)[..., None], -1, _grid(p - 1))


def _case(encoding: px.Encoding, **sizes: Any) -> Case:
  return Case(encoding, causal=False, **{"make_positions": _grid, **sizes})


def _swin_v2(key: jax.Array) -> Case:
  return _case(px.chain(LogCPB.init(key, 4, (4, 3), hidden=8), CosineScores.init(key, 4)))


_BIAS = "bias ``[N, ...]``"
_TABLE = ("distance ``[..., 2]``, table", _BIAS)
_WEIGHTS = ("distance ``[..., 2]``, weights", _BIAS)

METHODS: tuple[Method, ...] = (
  Method(
    "ALiBi, 2-D (CROMA 2023)", "biases.grids.alibi_2d", "Alibi2D", "scores",
    more={"alibi_2d_bias": ("distance ``[..., P]``, slopes", _BIAS)},
    cases={"alibi-2d": lambda key: _case(Alibi2D(4))},
    catalogue="ALiBi, 2-D", arxiv="2311.00566", directions="bidirectional"),
  Method(
    "Swin's table (2021)", "biases.grids.swin", "SwinTable", "scores",
    more={"swin_bias": _TABLE},
    cases={"swin": lambda key: _case(SwinTable.init(key, 4, (3, 3), stddev=1.0))},
    catalogue="Swin", arxiv="2103.14030", directions="bidirectional",
    goldens="transformers 5.23.0"),
  Method(
    "BEiT's table, with CLS (2021)", "biases.grids.beit", "BeitTable", "scores",
    more={"beit_bias": ("query and key positions ``[..., 2]``, tables", "bias ``[..., N, T, S]``")},
    cases={"beit": lambda key: _case(BeitTable.init(key, 4, (3, 3), stddev=1.0),
                                     make_positions=_after_cls)},
    catalogue="BEiT", arxiv="2106.08254", directions="bidirectional",
    goldens="transformers 5.23.0, timm 1.0.31"),
  Method(
    "LeViT's table (2021)", "biases.grids.levit", "LevitTable", "scores",
    more={"levit_bias": _TABLE},
    cases={"levit": lambda key: _case(LevitTable.init(key, 4, (3, 3), stddev=1.0))},
    catalogue="LeViT", arxiv="2104.01136", directions="bidirectional",
    goldens="transformers 5.23.0"),
  Method(
    "Swin v2's log bias (2021)", "biases.grids.log_cpb", "LogCPB", "scores",
    more={"log_cpb_bias": _WEIGHTS},
    cases={"log-cpb": lambda key: _case(LogCPB.init(key, 4, (4, 3), hidden=8)),
           "swin-v2": _swin_v2},
    catalogue="Swin v2", arxiv="2111.09883", directions="bidirectional",
    goldens="transformers 5.23.0, timm 1.0.31"),
  Method(
    "cosine scores (Swin v2 2021)", "softmax.cosine_scores", "CosineScores", "q, k",
    more={"unit_vectors": ("q or k", "unit vectors")},
    builds={"cosine-scores": Maker(CosineScores.init, {"num_heads": "heads"})},
    catalogue="cosine scores", arxiv="2111.09883", goldens="transformers 5.23.0"),
  Method(
    "dynamic position bias (CrossFormer 2021)", "biases.grids.dynamic_grid", "DynamicGrid",
    "scores", more={"dynamic_grid_bias": _WEIGHTS},
    cases={"dynamic-grid": lambda key: _case(DynamicGrid.init(key, 4, hidden=8, depth=2))},
    catalogue="dynamic position bias (CrossFormer)", arxiv="2108.00154",
    directions="bidirectional"),
)
