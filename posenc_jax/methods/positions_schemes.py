# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of schemes: which positions tokens get in training, in a cache, in a text's parts."""

import jax.numpy as jnp

import posenc_jax as px
from posenc_jax import functions
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _shape(d_model, base=10_000.0, maximum=500, compat="paper"):
  return px.chain(px.Shifted(maximum, compat), px.Sinusoidal(d_model, base=base))


def _random_starts(key, length, d_model, rows, stddev=0.5):
  return px.chain(px.random_starts(rows, length),
                  px.Learned.init(key, rows, d_model, stddev=stddev))


def _cape(d_model, base=10_000.0, shift=5.0, jitter=0.5, stretch=1.03):
  return px.chain(px.Cape(shift, jitter, stretch), px.Sinusoidal(d_model, base=base))


def _continuous(key, d_model, length, longest=None, stddev=16.0):
  return px.chain(px.Continuous(length, longest),
                  px.LearnableFourier.init(key, d_model, stddev=stddev))


def _skipwise(head_dim, length, maximum, base=10_000.0):
  return px.chain(px.Skipwise(length, maximum), px.Rotary(head_dim, base=base))


def _in_parts(p):
  """(offset, part) of parts of three tokens."""
  return jnp.stack([p % 3, p // 3], -1)


_BASE = {"base": lambda s: s.base}
_TRAINED = {"length": lambda s: s.train_length}
_TO_POSITIONS = ("positions, key", "positions")

METHODS = (
  Method(
    "SHAPE (2021) and random starts", "positions.shape", "Shifted", "positions",
    {"shifted_positions": _TO_POSITIONS, "random_starts": ("rows of a table, length", "encoding")},
    builds={
      "shape": Maker(_shape, {"d_model": "d_model"}, _BASE),
      "random-starts": Maker(_random_starts, {"length": "length", "d_model": "d_model"},
                             {"rows": lambda s: 2 * s.length})},
    cases={
      "shape": lambda key: Case(px.chain(px.Shifted(20), px.Sinusoidal(16)), key=key),
      "random-starts": lambda key: Case(
        px.chain(px.random_starts(20, 8), px.Learned.init(key, 20, 16)), key=key, far=False)},
    catalogue="SHAPE", arxiv="2109.05644"),
  Method(
    "CAPE (2021), 1-D and 2-D", "positions.cape", "Cape", "positions",
    {"cape_positions": _TO_POSITIONS},
    builds={"cape": Maker(_cape, {"d_model": "d_model"}, _BASE)},
    cases={
      "cape": lambda key: Case(px.chain(px.Cape(), px.Sinusoidal(16)), key=key),
      "cape-2d": lambda key: Case(
        px.chain(px.Cape(0.5, 0.1, 1.4, axes=2), px.FourierFeatures(px.cape_matrix(16))), key=key,
        make_positions=lambda p: jnp.stack([p % 3, p // 3], -1).astype(jnp.float32) / 2 - 1)},
    catalogue="CAPE, 1-D", arxiv="2106.03143"),
  Method(
    "continuous random positions (2026)", "positions.continuous", "Continuous", "positions",
    {"continuous_positions": _TO_POSITIONS, "continuous_grid": ("positions, length", "positions")},
    builds={"continuous": Maker(_continuous, {"d_model": "d_model"},
                                {**_TRAINED, "longest": lambda s: s.length})},
    cases={"continuous": lambda key: Case(
      px.chain(px.Continuous(8), px.LearnableFourier.init(key, 16, stddev=4.0)), key=key,
      far=False)},
    catalogue="continuous random positions", arxiv="2602.14050"),
  Method(
    "PoSE, skip-wise positions (2023)", "positions.skipwise", "Skipwise", "positions",
    {"skipwise_positions": _TO_POSITIONS},
    builds={"pose": Maker(_skipwise, {"head_dim": "head_dim"},
                          {**_TRAINED, "maximum": lambda s: s.length, **_BASE})},
    cases={"pose": lambda key: Case(px.chain(px.Skipwise(8, 64), px.Rotary(8)), key=key)},
    catalogue="PoSE", arxiv="2309.10400"),
  Method(
    "position coupling (2024)", "positions.coupling", "", "positions",
    {"coupled_positions": ("digits, which way they are written", "ids")},
    arxiv="2405.20671"),
  Method(
    "BiPE, two levels (2024)", "positions.bipe", "", "positions, embeddings, q, k",
    {"bipe_positions": ("separators, bool", "ids ``[..., T, 2]``")},
    {"bipe": ("key, sizes", "an encoding"), "bipe_alibi": ("key, sizes", "an encoding")},
    cases={
      "bipe": lambda key: Case(functions.bipe(key, 16, 8, limit=4, stddev=0.5),
                               make_positions=_in_parts, far=False),
      "bipe-alibi": lambda key: Case(
        functions.bipe_alibi(key, 16, 4, limit=4, slope_factor=2.0, stddev=0.5),
        make_positions=_in_parts, far=False)},
    arxiv="2401.16421"),
  Method(
    "StreamingLLM, positions inside the cache (2023)", "positions.slots", "", "positions",
    {"streaming_slots": ("what slots hold, tokens seen", "ids, -1 where evicted")},
    arxiv="2309.17453", directions="causal"),
  Method(
    "DroPE, rotation dropped late in training (2025)", "positions.drope", "", "frequencies",
    {"drope_rotates": ("step, steps", "whether to rotate")},
    {"drope": ("a rotary encoding, whether", "a rotary encoding")},
    arxiv="2512.12167"),
)
