# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""T5 relative bias: a learned scalar for each bucket of distances (hook ``bias``, by distance).

Raffel et al. 2019, "Exploring the Limits of Transfer Learning", arXiv 1910.10683, section 2.1.
Differs from the released code: buckets are integer thresholds, not float logarithms, so the
boundary distances fall where exact arithmetic puts them on every backend. T5 itself applies no
1/sqrt(H) to the scores; pass ``scale=1.0`` to ``attend`` to follow it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks

_MEND = "Build it with T5Bias.init(key, num_heads)"


def t5_thresholds(num_buckets: int, max_distance: int) -> np.ndarray:
  """First distance of each bucket after the exact ones, for one direction, in exact integers.

  With E = num_buckets // 2 exact buckets, bucket E + j starts at the smallest n with
  n >= E * (max_distance / E)^(j / (num_buckets - E)).

  Args:
    num_buckets: buckets of this direction.
    max_distance: from here on, all distances share the last bucket.

  Returns:
    int32 NumPy ``[num_buckets - E - 1]``, ascending: thresholds of buckets E + 1, ..

  Raises:
    TypeError: settings that are not ints.

  Example:
    >>> t5_thresholds(32, 128).tolist()
    [19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
  """
  num_buckets = _checks.size("num_buckets", num_buckets, "T5 uses 32")
  max_distance = _checks.size("max_distance", max_distance, "T5 uses 128")
  exact = num_buckets // 2
  steps = num_buckets - exact

  def starts(j, n):  # n >= E (D/E)^(j/steps)  <=>  n^steps E^j >= E^steps D^j
    return n**steps * exact**j >= exact**steps * max_distance**j

  thresholds, n = [], exact
  for j in range(1, steps):
    while not starts(j, n):
      n += 1
    thresholds.append(n)
  return np.asarray(thresholds, np.int32)


def t5_bucket(relative_position: Any, *, bidirectional: bool, num_buckets: int = 32,
              max_distance: int = 128) -> jax.Array:
  """The bucket of each relative position.

  Args:
    relative_position: int ``[...]``, key position minus query position: T5's own sign, the opposite
      of the ``distance`` of other functions.
    bidirectional: True gives keys after the query the upper half of the buckets; False puts all
      of them in bucket 0.
    num_buckets: in all; even if bidirectional.
    max_distance: where the last bucket begins, more than the number of exact buckets.

  Returns:
    int32 ``[...]`` in [0, num_buckets).

  Raises:
    TypeError: positions or settings that are not integers.
    ValueError: too few buckets, an odd number with two directions, max_distance too small.

  Example:
    >>> t5_bucket(jnp.array([0, -1, -16, -1000, 5]), bidirectional=False).tolist()
    [0, 1, 16, 31, 0]

  References:
    Raffel et al. 2019, arXiv 1910.10683, section 2.1.
  """
  num_buckets, max_distance = _check_buckets(bidirectional, num_buckets, max_distance)
  r = jnp.asarray(_align.numbers(relative_position, "relative_position"))
  r = jnp.maximum(r, np.int32(1 - 2**31))  # int32 holds no opposite of -2^31
  side = num_buckets // 2 if bidirectional else num_buckets
  far = jnp.abs(r) if bidirectional else jnp.maximum(-r, 0)
  thresholds = t5_thresholds(side, max_distance)
  exact = side // 2
  over = functools.reduce(jnp.add, [(far >= t).astype(jnp.int32) for t in thresholds],
                          jnp.zeros_like(far, jnp.int32))
  bucket = jnp.minimum(far, exact).astype(jnp.int32) + over
  return bucket + jnp.where(r > 0, side, 0).astype(jnp.int32) if bidirectional else bucket


def _check_buckets(bidirectional, num_buckets, max_distance):
  """(num_buckets, max_distance) as ints; raises unless they make sense."""
  _errors.check_bool("bidirectional", bidirectional, "False for decoders, True for encoders")
  num_buckets = _checks.size("num_buckets", num_buckets, "T5 uses 32")
  max_distance = _checks.size("max_distance", max_distance, "T5 uses 128")
  side = num_buckets // 2 if bidirectional else num_buckets
  if side < 2 or (bidirectional and num_buckets % 2):
    raise _errors.value_error("num_buckets", num_buckets,
                              "an even number, at least 4" if bidirectional else "at least 2",
                              "T5 uses 32")
  if max_distance <= side // 2:
    raise _errors.value_error("max_distance", max_distance,
                              f"more than the {side // 2} exact buckets", "T5 uses 128")
  return num_buckets, max_distance


def t5_bias(distance: Any, table: jax.Array, *, bidirectional: bool,
            max_distance: int = 128) -> jax.Array:
  """table[bucket(-distance)].

  Args:
    distance: int ``[...]``, query position minus key position.
    table: ``[num_buckets, N]``.
    bidirectional, max_distance: as in ``t5_bucket``.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Raises:
    TypeError: distances that are not integers, settings that are not.
    ValueError: a table of another rank or with too few buckets.

  Example:
    >>> t5_bias(jnp.array([3]), jnp.arange(32.)[:, None], bidirectional=False).tolist()
    [[3.0]]
  """
  table = jnp.asarray(_checks.floats("table", table, "[num_buckets, N]", _MEND))
  behind = jnp.asarray(_align.numbers(distance, "distance"))
  bucket = t5_bucket(-behind, bidirectional=bidirectional, num_buckets=table.shape[0],
                     max_distance=max_distance)
  return jnp.take(table.T, bucket, axis=1, mode="clip")


@encoding
class T5Bias(Encoding):
  """Adds a learned scalar for each head and bucket of distances.

  Args:
    table: ``[num_buckets, N]``, a parameter.
    bidirectional: static; False for decoders, True for encoders.
    max_distance: static.

  Raises:
    TypeError: a table that is no float array, settings that are not ints.
    ValueError: a table of another rank, settings that do not fit; see ``t5_bucket``.

  Example:
    >>> e = T5Bias.init(jax.random.key(0), num_heads=2)
    >>> e, e.distance_bias(jnp.arange(3)).shape
    (T5Bias(table=f32[32,2]), (2, 3))
  """

  table: jax.Array = parameter()
  bidirectional: bool = static(default=False)
  max_distance: int = static(default=128)

  relative = True

  def __post_init__(self):
    table = _checks.floats("table", self.table, "[num_buckets, N]", _MEND, stacked=True)
    _, far = _check_buckets(self.bidirectional, table.shape[-2], self.max_distance)
    self.set_fields(table=table, bidirectional=bool(self.bidirectional), max_distance=far)

  @property
  def one_way(self) -> bool:
    return not self.bidirectional

  @classmethod
  def init(cls, key, num_heads: int, *, bidirectional: bool = False, num_buckets: int = 32,
           max_distance: int = 128, stddev: float = 0.02) -> "T5Bias":
    """Draws a table ``[num_buckets, num_heads]`` from N(0, stddev^2)."""
    shape = (_checks.size("num_buckets", num_buckets, "T5 uses 32"),
             _checks.size("num_heads", num_heads, "Pass the query heads N"))
    table = jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev
    return cls(table, bidirectional, max_distance)

  def distance_bias(self, distance):
    return t5_bias(distance, self.table, bidirectional=self.bidirectional,
                   max_distance=self.max_distance)
