# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LeViT's table: a learned number for each unsigned offset (hook ``bias``, by distance, two axes).

Graham et al. 2021, "LeViT", arXiv 2104.01136. Mirrored offsets share an entry. Queries that were
subsampled keep their positions on the grid of the keys.
Differs from the released code: an offset beyond the grid reads the nearest entry.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.grids import _tables

_MEND = "Build it with LevitTable.init(key, num_heads, window)"


def levit_bias(distance: Any, table: Any) -> jax.Array:
  """table[|dy|, |dx|].

  Args:
    distance: int ``[..., 2]``, query minus key position: rows dy, columns dx.
    table: ``[My, Mx, N]``; released tables ``[N, My Mx]`` transpose and reshape to it.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Raises:
    TypeError: distances that are not integers, a table that is no float array.
    ValueError: distances without two axes, a table of another rank.

  Example:
    >>> levit_bias(jnp.array([[0, 0], [1, -1]]), jnp.arange(4.0).reshape(2, 2, 1)).tolist()
    [[0.0, 3.0]]
  """
  table = jnp.asarray(_checks.floats("table", table, "[My, Mx, N]", _MEND))
  d = jnp.abs(_tables.offsets(distance))
  y, x = (jnp.minimum(d[..., i], table.shape[i] - 1) for i in (0, 1))
  return _tables.at(table, y, x)


@encoding
class LevitTable(Encoding):
  """Adds a learned number for each head and unsigned offset; positions ``[..., T, 2]``, integers.

  Args:
    table: ``[My, Mx, N]``, a parameter.

  Raises:
    TypeError, ValueError: as ``levit_bias``.

  Example:
    >>> LevitTable.init(jax.random.key(0), 2, (14, 14))
    LevitTable(table=f32[14,14,2])
  """

  table: jax.Array = parameter()

  position_axes = 2
  relative = True

  def __post_init__(self):
    _checks.floats("table", self.table, "[My, Mx, N]", _MEND, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int, window: tuple[int, int], *, stddev: float = 0.0
           ) -> "LevitTable":
    """Zeros, as released, or numbers from N(0, stddev^2); window is (height, width)."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    shape = (*_tables.window(window), num_heads)
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev)

  def distance_bias(self, distance):
    return levit_bias(distance, self.table)
