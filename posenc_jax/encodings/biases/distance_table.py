# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A learned number for each clipped distance (hook ``bias``, by distance).

The scalar form of the clipped tables of Shaw et al. 2018, arXiv 1803.02155, without T5's buckets.
Differs from the paper: a number a head is added to the score, where the paper adds a vector to the
key.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks

_MEND = "Build it with DistanceTable.init(key, num_heads)"


def distance_table_bias(distance: Any, table: Any, *, bidirectional: bool = False) -> jax.Array:
  """table[clip(d, 0, k)], or table[clip(d, -k, k) + k] in both directions.

  Args:
    distance: int ``[...]``, query position minus key position.
    table: ``[R, N]``, R = k + 1, or 2k + 1 in both directions.
    bidirectional: whether keys after the query have entries of their own.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Raises:
    TypeError: distances that are not integers, a table that is no float array.
    ValueError: a table of another rank, an even R in both directions.

  Example:
    >>> distance_table_bias(jnp.array([-1, 1, 9]), jnp.arange(3.0)[:, None]).tolist()
    [[0.0, 1.0, 2.0]]
  """
  _errors.check_bool("bidirectional", bidirectional, "False for decoders, True for encoders")
  table = jnp.asarray(_checks.floats("table", table, "[R, N]", _MEND))
  reach = _reach(table.shape[0], bidirectional)
  low = -reach if bidirectional else 0
  row = jnp.clip(jnp.asarray(_align.numbers(distance, "distance")), low, reach) - low
  return jnp.take(table.T, row, axis=1, mode="clip")


def _reach(rows, bidirectional):
  if rows < 1 or bidirectional and rows % 2 == 0:
    wanted = "2k + 1 rows" if bidirectional else "k + 1 rows"
    raise _errors.value_error("table", f"{rows} rows", wanted, _MEND)
  return rows // 2 if bidirectional else rows - 1


@encoding
class DistanceTable(Encoding):
  """Adds a learned number for each head and distance up to k; farther ones read the last.

  Args:
    table: ``[k + 1, N]``, or ``[2k + 1, N]`` in both directions, a parameter.
    bidirectional: static.

  Raises:
    TypeError, ValueError: as ``distance_table_bias``.

  Example:
    >>> DistanceTable.init(jax.random.key(0), num_heads=2, max_distance=16)
    DistanceTable(table=f32[17,2])
  """

  table: jax.Array = parameter()
  bidirectional: bool = static(default=False)

  relative = True

  def __post_init__(self):
    table = _checks.floats("table", self.table, "[R, N]", _MEND, stacked=True)
    both = _errors.check_bool("bidirectional", self.bidirectional, "True for encoders")
    _reach(table.shape[-2], both)
    self.set_fields(table=table, bidirectional=both)

  @classmethod
  def init(cls, key, num_heads: int, *, max_distance: int = 128, bidirectional: bool = False,
           stddev: float = 0.02) -> "DistanceTable":
    """Draws the numbers from N(0, stddev^2)."""
    far = _checks.size("max_distance", max_distance, "The last distance with its own number")
    both = _errors.check_bool("bidirectional", bidirectional, "True for encoders")
    shape = (2 * far + 1 if both else far + 1,
             _checks.size("num_heads", num_heads, "Pass the query heads N"))
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev, both)

  def distance_bias(self, distance):
    return distance_table_bias(distance, self.table, bidirectional=self.bidirectional)
