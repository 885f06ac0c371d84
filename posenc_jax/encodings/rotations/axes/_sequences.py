# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ids of sequences of texts and grids, which methods number differently."""

from collections.abc import Callable
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks

Grid = Callable[[tuple[int, ...], float], tuple[np.ndarray, float]]


def number(parts: tuple, grid: Grid, *, axes: int = 3, dtype: Any = np.float32) -> np.ndarray:
  """``[T, axes]``: texts count up on all axes, ``grid(sizes, start)`` gives (ids, next start)."""
  rows: list[np.ndarray] = [np.zeros((0, axes))]
  start = 0.0
  for part in parts:
    if isinstance(part, int) or np.ndim(part) == 0:
      n = _checks.size("parts", part, "A number of text tokens; an image is (1, h, w)", least=0)
      rows.append(np.repeat(start + np.arange(n)[:, None], axes, axis=1))
      start += n
      continue
    if len(part) != 3:
      raise _errors.value_error("parts", part, "a number of text tokens or 3 grid sizes",
                                "An image is (1, height, width)")
    sizes = tuple(_checks.size("parts", n, "An image is (1, height, width)") for n in part)
    ids, start = grid(sizes, start)
    rows.append(ids)
  return np.concatenate(rows).astype(dtype)


def index(sizes: tuple[int, ...]) -> np.ndarray:
  """(time, height, width) of the cells of a grid in row-major order, float64 ``[T, 3]``."""
  return np.indices(sizes).reshape(len(sizes), -1).T.astype(np.float64)
