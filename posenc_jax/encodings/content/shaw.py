# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shaw's relative positions: learned vectors join keys and values (hooks ``bias`` and ``mix``).

Shaw et al. 2018, "Self-Attention with Relative Position Representations", arXiv 1803.02155,
equations 3 and 4.
Differs from the paper: nothing in the numbers. q . a^K is computed for the 2k + 1 vectors and then
looked up, and weights are summed by vector before they meet a^V, so no ``[T, S, H]`` array exists.
With grouped heads every query head meets the same vectors, as if keys and values were repeated.
"""

import math

import chex
import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding
from posenc_jax.positions import distance


def shaw_index(q_positions: jax.Array, k_positions: jax.Array, max_distance: int) -> jax.Array:
  """clip(n - m, -k, k) + k: the row of the tables for each query position m and key position n.

  Args:
    q_positions: int ``[..., T]``, k_positions: int ``[..., S]``, of one rank.
    max_distance: k.

  Returns:
    int32 ``[..., T, S]`` in [0, 2k].

  Raises:
    TypeError: positions are not integers.

  Example:
    >>> shaw_index(jnp.array([5]), jnp.array([0, 4, 5, 9]), 2).tolist()
    [[0, 1, 2, 4]]
  """
  for name, p in (("q_positions", q_positions), ("k_positions", k_positions)):
    if not jnp.issubdtype(jnp.result_type(p), jnp.integer):
      raise _errors.type_error(name, jnp.result_type(p).name, "int32",
                               "The tables have rows for whole distances only")
  reach = jnp.clip(-distance(q_positions, k_positions), -max_distance, max_distance)
  return (reach + max_distance).astype(jnp.int32)


def shaw_bias(q: jax.Array, key_table: jax.Array, index: jax.Array, *,
              scale: float | None = None) -> jax.Array:
  """scale * q_m . a^K[index]: what equation 4 adds to the scaled scores.

  Args:
    q: ``[..., T, N, H]``.
    key_table: ``[2k + 1, H]``.
    index: int32 ``[..., T, S]``; leading axes of size 1 broadcast.
    scale: None is 1 / sqrt(H).

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 q.

  Example:
    >>> q = jnp.ones((1, 1, 4)); table = jnp.arange(3.)[:, None] * jnp.ones((3, 4))
    >>> shaw_bias(q, table, jnp.array([[0, 2]])).tolist()
    [[[0.0, 4.0]]]
  """
  chex.assert_equal(q.ndim, index.ndim + 1)
  dtype = jnp.float64 if q.dtype == jnp.float64 else jnp.float32
  scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
  dots = jnp.einsum("...tnh,rh->...ntr", q.astype(dtype), jnp.asarray(key_table).astype(dtype))
  return _look_up(dots * scale, index)


def shaw_values(weights: jax.Array, value_table: jax.Array, index: jax.Array) -> jax.Array:
  """sum_n weights_mn a^V[index_mn]: what equation 3 adds to the output.

  Args:
    weights: ``[..., N, T, S]``.
    value_table: ``[2k + 1, H]``.
    index: int32 ``[..., T, S]``; leading axes of size 1 broadcast.

  Returns:
    ``[..., T, N, H]`` of the weights' dtype.

  Example:
    >>> weights = jnp.array([[[0.25, 0.75]]])
    >>> shaw_values(weights, jnp.eye(3), jnp.array([[2, 2]])).tolist()
    [[[0.0, 0.0, 1.0]]]
  """
  chex.assert_equal(weights.ndim, index.ndim + 1)
  rows = jax.ShapeDtypeStruct((*weights.shape[:-1], value_table.shape[0]), weights.dtype)
  # Summing weights by row of the table is the transpose of looking scores up by row.
  total, = jax.linear_transpose(lambda x: _look_up(x, index), rows)(weights)
  return jnp.einsum("...ntr,rh->...tnh", total, jnp.asarray(value_table).astype(weights.dtype))


def _look_up(x, index):
  return jnp.take_along_axis(x, index[..., None, :, :], axis=-1, mode="clip")


@encoding
class Shaw(Encoding):
  """Adds a^K to keys and a^V to values, by clipped relative position, shared by the heads.

  Args:
    key_table: ``[2k + 1, H]``, a leaf, or None to leave keys as they are.
    value_table: ``[2k + 1, H']``, a leaf, or None to leave values as they are.

  The bias is scaled by 1/sqrt(H) as the paper's; a ``scale`` given to ``attend`` does not reach it.

  Raises:
    ValueError: no table, an even number of rows, tables of different lengths.

  Example:
    >>> e = Shaw.init(jax.random.key(0), head_dim=4)
    >>> e.key_table.shape, e.max_distance
    ((33, 4), 16)
  """

  key_table: jax.Array | None = None
  value_table: jax.Array | None = None

  relative = True

  def __post_init__(self):
    shapes = [jnp.shape(t) for t in (self.key_table, self.value_table) if t is not None]
    rows = {s[-2] if len(s) > 1 else 0 for s in shapes}
    if len(rows) != 1 or min(rows) % 2 == 0:
      raise _errors.value_error("key_table, value_table", f"shapes {shapes}",
                                "one or two tables [2k + 1, H] of the same odd number of rows",
                                "Build them with Shaw.init(key, head_dim)")

  @classmethod
  def init(cls, key, head_dim: int, *, max_distance: int = 16, keys: bool = True,
           values: bool = True, stddev: float = 0.02) -> "Shaw":
    """Draws the wanted tables ``[2 max_distance + 1, head_dim]`` from N(0, stddev^2)."""
    if head_dim < 1 or max_distance < 0:
      raise _errors.value_error("head_dim, max_distance", (head_dim, max_distance),
                                "at least 1 and at least 0", "The paper's distance is 16")
    shape = (2 * max_distance + 1, head_dim)
    tables = [jax.random.normal(k, shape, jnp.float32) * stddev if wanted else None
              for k, wanted in zip(jax.random.split(key), (keys, values), strict=True)]
    return cls(*tables)

  @property
  def max_distance(self) -> int:
    """k: all relative positions beyond it share the outermost vectors."""
    table = self.value_table if self.key_table is None else self.key_table
    return table.shape[-2] // 2

  def has(self, hook):
    table = {"bias": self.key_table, "mix": self.value_table}.get(hook, True)
    return table is not None and super().has(hook)

  def bias(self, q, k, q_positions, k_positions):
    if self.key_table is None:
      return None
    return shaw_bias(q, self.key_table, shaw_index(q_positions, k_positions, self.max_distance))

  def mix(self, weights, q_positions, k_positions):
    if self.value_table is None:
      return None
    index = shaw_index(q_positions, k_positions, self.max_distance)
    return shaw_values(weights, self.value_table, index)
