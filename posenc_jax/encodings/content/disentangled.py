# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""DeBERTa's disentangled attention: content meets position both ways (hooks ``qk``, ``bias``).

He et al. 2020, "DeBERTa", arXiv 2006.03654, equations 3 and 4: scores are
(q_m . k_n + q_m . K_r[delta(m, n)] + k_n . Q_r[delta(n, m)]) / sqrt(3 H).
Differs from the paper: tables hold K_r and Q_r of each head, projected once, where the paper
projects shared embeddings in each layer. ``compat="released-code"`` reads Q_r at delta(m, n), as
released models do.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks, _queries
from posenc_jax.encodings.biases.deberta import deberta_bucket
from posenc_jax.encodings.content import _tables
from posenc_jax.positions import distance

_MEND = "Build it with Disentangled.init(key, num_heads, head_dim)"


def disentangled_index(behind: Any, span: int, max_position: int | None = None) -> jax.Array:
  """delta = clip(bucket(m - n) + span, 0, 2 span - 1), equation 3.

  Args:
    behind: int ``[...]``, m - n.
    span: k; tables have 2k rows.
    max_position: None for distances as they are (the paper's equation), else the buckets of
      ``deberta_bucket`` with span for bucket_size (DeBERTa-v2 and v3: 512).

  Returns:
    int32 ``[...]`` in [0, 2k).

  Raises:
    TypeError: distances or settings that are no integers.
    ValueError: a span below 1, settings that make no buckets.

  Example:
    >>> disentangled_index(jnp.array([-9, -1, 0, 1, 9]), 2).tolist()
    [0, 1, 2, 3, 3]
  """
  span = _checks.size("span", span, "Released models have 256")
  behind = jnp.asarray(behind)
  if not jnp.issubdtype(behind.dtype, jnp.integer):
    raise _errors.type_error("q_positions, k_positions", behind.dtype.name, "int32",
                             "The tables have rows for whole distances only")
  if max_position is not None:
    behind = deberta_bucket(behind, bucket_size=span, max_position=max_position)
  return jnp.clip(behind, -span, span - 1) + span


def disentangled_bias(q: jax.Array, k: jax.Array, key_table: jax.Array | None,
                      query_table: jax.Array | None, key_index: jax.Array, query_index: jax.Array,
                      *, scale: Any) -> jax.Array:
  """scale * (q_m . K_r[key_index] + k_n . Q_r[query_index]), equation 4 without q . k.

  Args:
    q: ``[..., T, N, H]``. k: ``[..., S, K, H]``.
    key_table, query_table: ``[2k, N, H]``, K_r and Q_r, or None to leave the term out.
    key_index, query_index: int32 ``[..., T, S]``, rows of the pair in each.
    scale: 1 / sqrt(3 H) with both terms.

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 q.

  Raises:
    ValueError: tables for other heads or another head dim than q.

  Example:
    >>> q = k = jnp.ones((1, 1, 2)); table = jnp.ones((4, 1, 2)); row = jnp.zeros((1, 1), jnp.int32)
    >>> disentangled_bias(q, k, table, 2 * table, row, row, scale=1.0).tolist()
    [[[6.0]]]
  """
  dtype, sizes = _numerics.wide(q), {"N": q.shape[-2], "H": q.shape[-1]}
  total = jnp.zeros((1,) * q.ndim, dtype)
  if key_table is not None:
    table = jnp.asarray(_checks.floats("key_table", key_table, "[2k, N, H]", _MEND, sizes=sizes))
    dots = jnp.einsum("...tnh,rnh->...ntr", q.astype(dtype), table.astype(dtype))
    total = total + _tables.look_up(dots, _tables.with_heads(key_index, dots.ndim))
  if query_table is not None:
    table = jnp.asarray(_checks.floats("query_table", query_table, "[2k, N, H]", _MEND,
                                       sizes=sizes))
    k = _tables.for_heads(k, q.shape[-2]).astype(dtype)
    total = total + _tables.of_keys(k, table.astype(dtype), query_index)
  return total * jnp.asarray(scale).astype(dtype)


@encoding
class Disentangled(Encoding):
  """Adds both content-position terms and divides all scores by sqrt(1 + their number).

  Args:
    key_table: K_r ``[2k, N, H]``, a parameter, or None without content-to-position.
    query_table: Q_r ``[2k, N, H]``, a parameter, or None without position-to-content.
    max_position: static; None for clipped distances, 512 for the buckets of DeBERTa-v2 and v3.
    compat: static, "paper" or "released-code".

  Call attention with its own scale, 1 / sqrt(H): the factor 1 / sqrt(3) is on q already.

  Raises:
    TypeError: tables that are no float arrays.
    ValueError: no table, tables of two shapes, an unknown compat.

  Example:
    >>> Disentangled.init(jax.random.key(0), num_heads=2, head_dim=4).key_table.shape
    (512, 2, 4)
  """

  key_table: jax.Array | None = parameter(default=None)
  query_table: jax.Array | None = parameter(default=None)
  max_position: int | None = static(default=None)
  compat: str = static(default="paper")

  relative = True

  def __post_init__(self):
    _checks.compat(self.compat)
    given = {n: getattr(self, n) for n in ("key_table", "query_table")
             if getattr(self, n) is not None}
    for name, table in given.items():
      _checks.floats(name, table, "[2k, N, H]", _MEND, stacked=True)
    shapes = {np.shape(t) for t in given.values()}
    if len(shapes) != 1 or min(shapes)[-3] % 2:
      raise _errors.value_error("key_table, query_table", f"shapes {sorted(shapes)}",
                                "one or two tables [2k, N, H] of one shape", _MEND)

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, span: int = 256,
           max_position: int | None = None, stddev: float = 0.02, compat: str = "paper"
           ) -> "Disentangled":
    """Draws both tables ``[2 span, N, H]`` from N(0, stddev^2)."""
    shape = (2 * _checks.size("span", span, "Released models have 256"),
             _checks.size("num_heads", num_heads, "Pass the query heads N"),
             _checks.size("head_dim", head_dim, "Pass the head dim H"))
    draw = lambda k: jax.random.normal(k, shape, jnp.float32) * stddev
    first, second = jax.random.split(_checks.key(key))
    return cls(draw(first), draw(second), max_position, compat)

  @property
  def factor(self) -> float:
    """1 / sqrt(1 + terms)."""
    return 1 / math.sqrt(1 + (self.key_table is not None) + (self.query_table is not None))

  def qk(self, q, k, q_positions, k_positions):
    del q_positions, k_positions
    return _queries.times(q, jnp.full(1, self.factor, _numerics.wide(q))), k

  def bias(self, tile):
    table: Any = self.query_table if self.key_table is None else self.key_table
    behind = jnp.asarray(distance(tile.q_positions, tile.k_positions))
    index = lambda d: disentangled_index(d, table.shape[-3] // 2, self.max_position)
    keys, far = index(behind), jnp.maximum(behind, 1 - 2**31)  # int32: no opposite of -2^31
    queries = keys if self.compat == "released-code" else index(-far)
    query_table = None if self.query_table is None else self.query_table * self.factor
    return disentangled_bias(tile.q, tile.k, self.key_table, query_table, keys, queries,
                             scale=tile.scale)
