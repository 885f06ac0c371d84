# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shaw's relative positions: learned vectors join keys and values (hooks ``bias``, ``value_bias``).

Shaw et al. 2018, "Self-Attention with Relative Position Representations", arXiv 1803.02155,
equations 3 and 4.
Differs from the paper: nothing in the numbers. q . a^K is computed for the 2k + 1 vectors and then
looked up, and weights are summed by vector before they meet a^V, so no ``[T, S, H]`` array exists.
With grouped heads every query head meets the same vectors, as if keys and values were repeated.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.content import _tables
from posenc_jax.positions import distance


def shaw_index(q_positions: Any, k_positions: Any, max_distance: int) -> jax.Array:
  """clip(n - m, -k, k) + k: the row of the tables for each query position m and key position n.

  Args:
    q_positions: int ``[..., T]``, k_positions: int ``[..., S]``, of one rank.
    max_distance: k.

  Returns:
    int32 ``[..., T, S]`` in [0, 2k].

  Raises:
    TypeError: positions or max_distance are not integers.
    ValueError: positions of two ranks, a negative max_distance.

  Example:
    >>> shaw_index(jnp.array([5]), jnp.array([0, 4, 5, 9]), 2).tolist()
    [[0, 1, 2, 4]]
  """
  max_distance = _checks.size("max_distance", max_distance, "The paper's distance is 16", least=0)
  behind = jnp.asarray(distance(q_positions, k_positions))
  if not jnp.issubdtype(behind.dtype, jnp.integer):
    raise _errors.type_error("q_positions, k_positions", behind.dtype.name, "int32",
                             "The tables have rows for whole distances only")
  # Clipped before the sign changes: int32 holds no opposite of -2^31.
  return max_distance - jnp.clip(behind, -max_distance, max_distance)


def shaw_bias(q: jax.Array, key_table: jax.Array, index: jax.Array, *,
              scale: Any = None) -> jax.Array:
  """scale * q_m . a^K[index]: what equation 4 adds to the scaled scores.

  Args:
    q: ``[..., T, N, H]``.
    key_table: ``[2k + 1, H]``.
    index: int32 ``[..., T, S]``; leading axes that are missing or of size 1 broadcast.
    scale: what q . k is multiplied by; None is 1 / sqrt(H).

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 q.

  Raises:
    ValueError: a table of another head dim than q.

  Example:
    >>> q = jnp.ones((1, 1, 4)); table = jnp.arange(3.)[:, None] * jnp.ones((3, 4))
    >>> shaw_bias(q, table, jnp.array([[0, 2]])).tolist()
    [[[0.0, 4.0]]]
  """
  q = _checks.floats("q", q, "[..., T, N, H]", "Pass queries, heads before dims")
  key_table = _checks.floats("key_table", key_table, "[2k + 1, H]",
                             "Build it for the head dim H of q: Shaw.init(key, head_dim)",
                             sizes={"H": q.shape[-1]})
  dtype = _numerics.wide(q)
  scale = jnp.asarray(1 / math.sqrt(q.shape[-1]) if scale is None else scale).astype(dtype)
  dots = jnp.einsum("...tnh,rh->...ntr", q.astype(dtype), jnp.asarray(key_table).astype(dtype))
  return _tables.look_up(dots * scale, _tables.with_heads(index, dots.ndim))


def shaw_values(weights: jax.Array, value_table: jax.Array, index: jax.Array) -> jax.Array:
  """sum_n weights_mn a^V[index_mn]: what equation 3 adds to the output.

  Args:
    weights: ``[..., N, T, S]``.
    value_table: ``[2k + 1, H]``.
    index: int32 ``[..., T, S]``; leading axes that are missing or of size 1 broadcast.

  Returns:
    ``[..., T, N, H]`` of the weights' dtype.

  Raises:
    TypeError: weights or a table without floats.

  Example:
    >>> weights = jnp.array([[[0.25, 0.75]]])
    >>> shaw_values(weights, jnp.eye(3), jnp.array([[2, 2]])).tolist()
    [[[0.0, 0.0, 1.0]]]
  """
  weights = _checks.floats("weights", weights, "[..., N, T, S]", "Pass the softmax's weights")
  value_table = _checks.floats("value_table", value_table, "[2k + 1, H]",
                               "Build it with Shaw.init(key, head_dim)")
  index = _tables.with_heads(index, weights.ndim)
  total = _sum_rows(weights, index, value_table.shape[0])
  return jnp.einsum("...ntr,rh->...tnh", total, jnp.asarray(value_table).astype(weights.dtype))


def _sum_rows(weights, index, rows):
  """Sums weights ``[..., N, T, S]`` by row of the table: ``[..., N, T, rows]``.

  The heads share the indices: vmap makes their axis a window of the scatter, so that no array of
  indices as large as the weights exists.
  """
  total = lambda w, i: jnp.zeros(rows, w.dtype).at[i].add(w, mode="promise_in_bounds")
  total = jax.vmap(jax.vmap(total, (0, 0)), (0, None))  # over T, then over N
  index = jnp.clip(index, 0, rows - 1)
  for axis in reversed(range(weights.ndim - 3)):
    total = jax.vmap(total, (0, None if index.shape[axis] == 1 else 0))
  batch = [n for n in index.shape[:-3] if n != 1]
  return total(weights, index.reshape(*batch, *index.shape[-2:]))


@encoding
class Shaw(Encoding):
  """Adds a^K to keys and a^V to values, by clipped relative position, shared by the heads.

  Args:
    key_table: ``[2k + 1, H]``, a parameter, or None to leave keys as they are.
    value_table: ``[2k + 1, H']``, a parameter, or None to leave values as they are.

  Equation 4 is q . (k + a^K) / sqrt(H): one scale for both terms. So the bias is multiplied by what
  q . k is multiplied by, 1/sqrt(H) or the ``scale`` given to ``attend``.

  Raises:
    TypeError: tables that are no float arrays.
    ValueError: no table, an even number of rows, tables of different lengths.

  Example:
    >>> e = Shaw.init(jax.random.key(0), head_dim=4)
    >>> e.key_table.shape, e.max_distance
    ((33, 4), 16)
  """

  key_table: jax.Array | None = parameter(default=None)
  value_table: jax.Array | None = parameter(default=None)

  relative = True

  def __post_init__(self):
    for name in ("key_table", "value_table"):
      if getattr(self, name) is not None:
        _checks.floats(name, getattr(self, name), "[...]", "Build it with Shaw.init(key, head_dim)")
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
    key = _checks.key(key)
    head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
    max_distance = _checks.size("max_distance", max_distance, "The paper's distance is 16", least=0)
    shape = (2 * max_distance + 1, head_dim)
    tables = [jax.random.normal(k, shape, jnp.float32) * stddev if wanted else None
              for k, wanted in zip(jax.random.split(key), (keys, values), strict=True)]
    return cls(*tables)

  @property
  def max_distance(self) -> int:
    """k: all relative positions beyond it share the outermost vectors."""
    table: Any = self.value_table if self.key_table is None else self.key_table
    return table.shape[-2] // 2

  def has(self, hook):
    table = {"bias": self.key_table, "value_bias": self.value_table}.get(hook, True)
    return table is not None and super().has(hook)

  def _index(self, tile):
    # Unknown to XLA, which would else compute the gradient's indices while it compiles.
    q, k = (_numerics.unknown(x) for x in (tile.q_positions, tile.k_positions))
    return shaw_index(q, k, self.max_distance)

  def bias(self, tile):
    if self.key_table is None:
      return None
    return shaw_bias(tile.q, self.key_table, self._index(tile), scale=tile.scale)

  def value_bias(self, weights, tile):
    if self.value_table is None:
      return None
    return shaw_values(weights, self.value_table, self._index(tile))
