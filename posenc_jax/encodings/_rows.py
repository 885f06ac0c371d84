# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws that belong to a row of positions, or to a token of it, whatever else is in the call."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.encodings import _checks


def keys(key: Any, shape: tuple[int, ...]) -> jax.Array:
  """One key a row, ``[*shape]``: row b has ``fold_in(key, b)``, however many rows there are."""
  key = _checks.key(key)
  rows = jnp.arange(math.prod(shape), dtype=jnp.int32)
  return jax.vmap(lambda b: jax.random.fold_in(key, b))(rows).reshape(*shape)


def each(draw: Any, row_keys: jax.Array, positions: jax.Array) -> jax.Array:
  """draw(key, positions of one row) for every row, of positions ``[*rows, ...]``."""
  rows = row_keys.ndim
  flat = positions.reshape(row_keys.size, *positions.shape[rows:])
  out = jax.vmap(draw)(row_keys.reshape(-1), flat)
  return out.reshape(*positions.shape[:rows], *out.shape[1:])


def with_rows(positions: Any, axes: int = 0, *, real: bool = True) -> jax.Array:
  """Positions ``[..., T]``, or ``[..., T, P]``, as a ``jax.Array``; a ValueError without T."""
  positions = jnp.asarray(_checks.positions(positions, real=real))
  after = 1 if axes else 0
  if positions.ndim <= after or axes and positions.shape[-1] != axes:
    raise _errors.value_error("positions", f"shape {tuple(positions.shape)}",
                              f"[..., T, {axes}]" if axes else "[..., T]",
                              "Add an axis for the tokens")
  return positions
