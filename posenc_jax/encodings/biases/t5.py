# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""T5 relative bias: a learned scalar for each bucket of distances (hook ``bias``, by distance).

Raffel et al. 2019, "Exploring the Limits of Transfer Learning", arXiv 1910.10683, section 2.1.
Differs from the released code: buckets are integer thresholds, not float logarithms, so the
boundary distances fall where exact arithmetic puts them on every backend. T5 itself applies no
1/sqrt(H) to the scores; pass ``scale=1.0`` to ``attend`` to follow it.
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, static


def t5_thresholds(num_buckets: int, max_distance: int) -> np.ndarray:
  """First distance of each bucket after the exact ones, for one direction, in exact integers.

  With E = num_buckets // 2 exact buckets, bucket E + j starts at the smallest n with
  n >= E * (max_distance / E)^(j / (num_buckets - E)).

  Args:
    num_buckets: buckets of this direction.
    max_distance: from here on, all distances share the last bucket.

  Returns:
    int32 NumPy ``[num_buckets - E - 1]``, ascending: thresholds of buckets E + 1, ..

  Example:
    >>> t5_thresholds(32, 128).tolist()
    [19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
  """
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


def t5_bucket(relative_position: jax.Array, *, bidirectional: bool, num_buckets: int = 32,
              max_distance: int = 128) -> jax.Array:
  """The bucket of each relative position.

  Args:
    relative_position: int ``[...]``, key position minus query position.
    bidirectional: True gives keys after the query the upper half of the buckets; False puts all
      of them in bucket 0.
    num_buckets: in all; even if bidirectional.
    max_distance: where the last bucket begins, more than the number of exact buckets.

  Returns:
    int32 ``[...]`` in [0, num_buckets).

  Raises:
    ValueError: too few buckets, an odd number with two directions, max_distance too small.

  Example:
    >>> t5_bucket(jnp.array([0, -1, -16, -1000, 5]), bidirectional=False).tolist()
    [0, 1, 16, 31, 0]

  References:
    Raffel et al. 2019, arXiv 1910.10683, section 2.1.
  """
  chex.assert_type(relative_position, int)
  check_buckets(bidirectional, num_buckets, max_distance)
  r = jnp.asarray(relative_position)
  side = num_buckets // 2 if bidirectional else num_buckets
  far = jnp.abs(r) if bidirectional else jnp.maximum(-r, 0)
  thresholds = t5_thresholds(side, max_distance)
  exact = side // 2
  over = functools.reduce(jnp.add, [(far >= t).astype(jnp.int32) for t in thresholds],
                          jnp.zeros_like(far, jnp.int32))
  bucket = jnp.minimum(far, exact).astype(jnp.int32) + over
  return bucket + jnp.where(r > 0, side, 0).astype(jnp.int32) if bidirectional else bucket


def check_buckets(bidirectional: bool, num_buckets: int, max_distance: int) -> None:
  """Raises unless the settings of ``t5_bucket`` make sense."""
  side = num_buckets // 2 if bidirectional else num_buckets
  if side < 2 or (bidirectional and num_buckets % 2):
    raise _errors.value_error("num_buckets", num_buckets,
                              "an even number, at least 4" if bidirectional else "at least 2",
                              "T5 uses 32")
  if max_distance <= side // 2:
    raise _errors.value_error("max_distance", max_distance,
                              f"more than the {side // 2} exact buckets", "T5 uses 128")


def t5_bias(distance: jax.Array, table: jax.Array, *, bidirectional: bool,
            max_distance: int = 128) -> jax.Array:
  """table[bucket(-distance)].

  Args:
    distance: int ``[...]``, query position minus key position.
    table: ``[num_buckets, N]``.
    bidirectional, max_distance: as in ``t5_bucket``.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Example:
    >>> t5_bias(jnp.array([3]), jnp.arange(32.)[:, None], bidirectional=False).tolist()
    [[3.0]]
  """
  bucket = t5_bucket(-distance, bidirectional=bidirectional, num_buckets=table.shape[0],
                     max_distance=max_distance)
  return jnp.take(table.T, bucket, axis=1, mode="clip")


@encoding
class T5Bias(Encoding):
  """Adds a learned scalar for each head and bucket of distances.

  Args:
    table: ``[num_buckets, N]``, a leaf.
    bidirectional: static; False for decoders, True for encoders.
    max_distance: static.

  Example:
    >>> e = T5Bias.init(jax.random.key(0), num_heads=2)
    >>> e.bias(None, None, jnp.arange(3), jnp.arange(3)).shape
    (2, 3, 3)
  """

  table: jax.Array
  bidirectional: bool = static(False)
  max_distance: int = static(128)

  relative = True

  def __post_init__(self):
    chex.assert_rank(self.table, {2, 3}, exception_type=ValueError)
    check_buckets(self.bidirectional, self.table.shape[-2], self.max_distance)

  @classmethod
  def init(cls, key, num_heads: int, *, bidirectional: bool = False, num_buckets: int = 32,
           max_distance: int = 128, stddev: float = 0.02) -> "T5Bias":
    """Draws a table ``[num_buckets, num_heads]`` from N(0, stddev^2)."""
    table = jax.random.normal(key, (num_buckets, num_heads), jnp.float32) * stddev
    return cls(table, bidirectional, max_distance)

  def distance_bias(self, distance):
    return t5_bias(distance, self.table, bidirectional=self.bidirectional,
                   max_distance=self.max_distance)
