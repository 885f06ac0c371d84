# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Coordinates of one or several axes, and their products with a matrix of frequencies."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.encodings.inputs import _add


def axes_of(count: int) -> int:
  """``position_axes`` of an encoding of that many coordinates: one alone has no axis."""
  return count if count > 1 else 0


def coordinates(x: jax.Array, positions: Any, count: int) -> jax.Array:
  """Positions ``[..., T]`` or ``[..., T, P]`` as ``[..., T, P]``, aligned with x."""
  positions = _add.aligned(x, positions, axes_of(count))
  return positions if count > 1 else positions[..., None]


def products(positions: jax.Array, matrix: jax.Array, dtype: Any) -> jax.Array:
  """sum_p x_p B_fp, ``[..., F]``: written as sums, as a matrix unit may round to fewer bits."""
  matrix = matrix.astype(dtype).reshape((1,) * (positions.ndim - 1) + matrix.shape)
  return jnp.sum(positions.astype(dtype)[..., None, :] * matrix, axis=-1)
