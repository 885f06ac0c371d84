# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that change the positions of all layers."""

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "randomized positions (Ruoss 2023)", "positions.randomized", "Randomized", "positions",
    {"randomized_positions": ("positions, key", "positions")},
    builds={"randomized": Maker(px.Randomized, {"length": "length"},
                                {"maximum": lambda s: 4 * s.length})},
    cases={"randomized": lambda key: Case(
      px.chain(px.Randomized(8, maximum=64), px.Rotary(8)), key=key)}, arxiv="2305.16843"),
)
