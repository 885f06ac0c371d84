# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of offsets: what they hold at rows and columns, and what stands in their shapes."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.encodings import _checks


def offsets(distance: Any) -> jax.Array:
  """Integer distances ``[..., 2]`` of rows and columns; raises for others."""
  d = jnp.asarray(_align.numbers(distance, "distance"))
  if d.ndim < 1 or d.shape[-1] != 2:
    raise _errors.value_error("distance", f"shape {d.shape}", "[..., 2], rows and columns",
                              "Tile.distance(2) gives them")
  return d


def signed(table: jax.Array, d: jax.Array) -> jax.Array:
  """table[:, dy + My - 1, dx + Mx - 1] of ``[2My - 1, 2Mx - 1, N]``, offsets clipped to it."""
  half = [n // 2 for n in table.shape[:2]]
  y, x = (jnp.clip(d[..., i], -h, h) + h for i, h in enumerate(half))
  return at(table, y, x)


def at(table: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
  """``[N, ...]`` from a table ``[R, C, N]`` at rows and columns inside it."""
  flat = table.reshape(-1, table.shape[2])
  return jnp.take(flat.T, y * table.shape[1] + x, axis=1, mode="clip")


def check_odd(table: Any, mend: str, *, stacked: bool = False) -> Any:
  """A float table ``[2My - 1, 2Mx - 1, N]``; raises for sizes that are even."""
  table = _checks.floats("table", table, "[R, C, N]", mend, stacked=stacked)
  if any(n % 2 == 0 for n in table.shape[-3:-1]):
    raise _errors.value_error("table", f"shape {tuple(table.shape)}", "odd sizes of both axes, "
                              "2 My - 1 and 2 Mx - 1", mend)
  return table


def window(value: Any, least: int = 1) -> tuple[int, int]:
  """(height, width) of a window: two ints."""
  if not isinstance(value, tuple | list) or len(value) != 2:
    raise _errors.type_error("window", _errors.describe(value), "(height, width)",
                             "Pass two ints, such as (7, 7)")
  height, width = (_checks.size("window", n, "Pass (height, width)", least=least) for n in value)
  return height, width
