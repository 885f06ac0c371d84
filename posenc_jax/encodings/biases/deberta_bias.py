# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A learned number for each of DeBERTa's signed log buckets (hook ``bias``, by distance).

He et al. 2020, "DeBERTa", arXiv 2006.03654, whose buckets and clipping these are.
Differs from the paper: DeBERTa reads vectors by bucket and multiplies them by content; this is the
scalar form of that, as T5's is.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.deberta import deberta_bucket

_MEND = "Build it with DebertaBias.init(key, num_heads)"


def deberta_bias(distance: Any, table: Any, *, max_position: int = 512) -> jax.Array:
  """table[clip(bucket(d) + B, 0, 2B - 1)].

  Args:
    distance: int ``[...]``, query position minus key position.
    table: ``[2B, N]``, B the bucket size.
    max_position: as in ``deberta_bucket``.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Raises:
    TypeError: distances that are not integers, a table that is no float array.
    ValueError: a table of another rank; settings that ``deberta_bucket`` refuses.

  Example:
    >>> table = jnp.arange(8.0)[:, None]
    >>> deberta_bias(jnp.array([0, 1, -1, 99]), table, max_position=16).tolist()
    [[4.0, 5.0, 3.0, 7.0]]
  """
  table = jnp.asarray(_checks.floats("table", table, "[2B, N]", _MEND))
  size = _size(table.shape[0])
  behind = _align.numbers(distance, "distance")
  bucket = deberta_bucket(behind, bucket_size=size, max_position=max_position)
  return jnp.take(table.T, jnp.clip(bucket + size, 0, 2 * size - 1), axis=1, mode="clip")


def _size(rows):
  if rows % 4 or rows < 8:
    raise _errors.value_error("table", f"{rows} rows", "2B rows, B even and at least 4", _MEND)
  return rows // 2


@encoding
class DebertaBias(Encoding):
  """Adds a learned number for each head and bucket.

  Args:
    table: ``[2B, N]``, a parameter.
    max_position: static.

  Raises:
    TypeError, ValueError: as ``deberta_bias``.

  Example:
    >>> DebertaBias.init(jax.random.key(0), num_heads=2)
    DebertaBias(table=f32[512,2])
  """

  table: jax.Array = parameter()
  max_position: int = static(default=512)

  relative = True

  def __post_init__(self):
    table = _checks.floats("table", self.table, "[2B, N]", _MEND, stacked=True)
    deberta_bucket(0, bucket_size=_size(table.shape[-2]), max_position=self.max_position)

  @classmethod
  def init(cls, key, num_heads: int, *, bucket_size: int = 256, max_position: int = 512,
           stddev: float = 0.02) -> "DebertaBias":
    """Draws the numbers from N(0, stddev^2)."""
    shape = (2 * _checks.size("bucket_size", bucket_size, "Released models have 256"),
             _checks.size("num_heads", num_heads, "Pass the query heads N"))
    table = jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev
    return cls(table, max_position)

  def distance_bias(self, distance):
    return deberta_bias(distance, self.table, max_position=self.max_position)
