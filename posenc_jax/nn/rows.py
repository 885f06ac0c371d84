# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of a batch, picked or repeated in every array of a cache: beams, samples, branches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics


def check_rows(rows: Any, batch: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
  """(rows as int32 ``[B']``, whether all of them are there).

  Raises:
    TypeError: rows that are not integers.
    ValueError: no batch axis, another rank, a known row that is not there.
  """
  count = check_batched("rows", batch)
  rows = _align.numbers(rows if hasattr(rows, "dtype") else np.asarray(rows), "rows")
  if rows.ndim != 1:
    raise _errors.value_error("rows", f"shape {rows.shape}", "[B'], numbers of rows",
                              "rows=parents.reshape(-1) of beams [B, beams]")
  known = _numerics.known(rows)
  if known is not None and known.size and not 0 <= known.min() <= known.max() < count:
    raise _errors.value_error("rows", f"rows {known.min()} to {known.max()}",
                              f"rows in [0, {count})", "Number the rows of the cache from 0")
  rows = jnp.asarray(rows)
  return rows, jnp.all((rows >= 0) & (rows < count))


def check_batched(argument: str, batch: tuple[int, ...]) -> int:
  """The size of the first batch axis; an error if there is none."""
  if not batch:
    raise _errors.value_error(argument, "a cache without a batch axis", "a batch of rows",
                              "Make it with init_cache(1, length)")
  return batch[0]


def take(tree: Any, rows: jax.Array, count: int) -> Any:
  """Rows of axis 0 of every array; arrays with one row for all ``count`` of them stay."""
  pick = lambda x: x if x.shape[0] == 1 != count else jnp.take(x, rows, axis=0, mode="clip")
  return jax.tree.map(pick, tree)
