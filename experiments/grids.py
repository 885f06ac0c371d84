# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings of two position axes for ``--encodings``: ``experiments/grids.py:axial_rotary``."""

import pathlib
from typing import Any

import posenc_jax as px

HERE = str(pathlib.Path(__file__))


def axial_rotary(sizes: Any, key: Any, base: float = 100.0) -> px.Encoding:
  """Rotary whose first pairs turn with the row and whose last turn with the column."""
  del key  # nothing is drawn
  pairs = sizes.head_dim // 2
  return px.AxesRotary((0,) * (pairs - pairs // 2) + (1,) * (pairs // 2), base=base)


def grid_sinusoidal(sizes: Any, key: Any) -> px.Encoding:
  """Sinusoids of the row in one half of the columns, of the column in the other."""
  del key
  return px.GridSinusoidal(sizes.d_model)


def alibi_2d(sizes: Any, key: Any) -> px.Encoding:
  """ALiBi by the Euclidean distance of two patches."""
  del key
  return px.Alibi2D(sizes.heads)
