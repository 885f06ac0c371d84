# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Music Transformer: a learned vector of each head and distance meets the query (hook ``bias``).

Huang et al. 2018, "Music Transformer", arXiv 1809.04281, section 3.4: scores
(q_m . k_n + S_mn) / sqrt(H) with S_mn = q_m . E_(m - n), for causal attention.
Differs from the paper: nothing in the numbers. ``skew`` is the paper's way to S for whole
sequences; the encoding looks rows up by distance, so that decoding, packing and padding are right
too. Rows stand in the order of the distance, the paper's in the opposite one; distances beyond the
table share its last row.
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

_MEND = "Build it with MusicTransformer.init(key, num_heads, head_dim)"


def skew(x: jax.Array) -> jax.Array:
  """Moves column T - 1 - d of row m to column m - d: the paper's reshape of Q E^T to S.

  Args:
    x: ``[..., T, T]``, q_m . E of distance T - 1, .., 0: the paper's order.

  Returns:
    ``[..., T, T]``: right for keys that are not later than the query, and arbitrary for others.

  Raises:
    ValueError: no square.

  Example:
    >>> skew(jnp.array([[2.0, 1.0, 0.0]] * 3)).tolist()
    [[0.0, 0.0, 2.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0]]

  References:
    Huang et al. 2018, arXiv 1809.04281, section 3.4.1.
  """
  if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
    raise _errors.value_error("x", f"shape {x.shape}", "[..., T, T]",
                              "Other lengths need music_transformer_bias")
  *batch, length, _ = x.shape
  x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 0)])
  return x.reshape(*batch, length + 1, length)[..., 1:, :]


def music_transformer_bias(q: jax.Array, table: jax.Array, behind: Any, *, scale: Any = None
                           ) -> jax.Array:
  """scale * q_m . E_h[clip(m - n, 0, L - 1)].

  Args:
    q: ``[..., T, N, H]``.
    table: E, ``[L, N, H]``, row d for distance d.
    behind: int ``[..., T, S]``, m - n; leading axes that are missing broadcast.
    scale: what q . k is multiplied by; None is 1 / sqrt(H).

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 q.

  Raises:
    TypeError: distances that are no integers.
    ValueError: a table for other heads or another head dim than q.

  Example:
    >>> q, table = jnp.ones((1, 1, 4)), jnp.arange(3.)[:, None, None] * jnp.ones((3, 1, 4))
    >>> music_transformer_bias(q, table, jnp.array([[0, 2, 9]])).tolist()
    [[[0.0, 4.0, 4.0]]]
  """
  q = _checks.floats("q", q, "[..., T, N, H]", "Pass queries, heads before dims")
  table = _checks.floats("table", table, "[L, N, H]", _MEND,
                         sizes={"N": q.shape[-2], "H": q.shape[-1]})
  behind = jnp.asarray(behind)
  if not jnp.issubdtype(behind.dtype, jnp.integer):
    raise _errors.type_error("q_positions, k_positions", behind.dtype.name, "int32",
                             "The table has rows for whole distances only")
  dtype = _numerics.wide(q)
  scale = jnp.asarray(1 / math.sqrt(q.shape[-1]) if scale is None else scale).astype(dtype)
  dots = jnp.einsum("...tnh,rnh->...ntr", q.astype(dtype), jnp.asarray(table).astype(dtype))
  row = jnp.clip(behind, 0, table.shape[0] - 1)
  return _tables.look_up(dots * scale, _tables.with_heads(row, dots.ndim))


@encoding
class MusicTransformer(Encoding):
  """Adds q_m . E_h[m - n] / sqrt(H) to the scores; causal attention only.

  Args:
    table: ``[L, N, H]``, a parameter: E of distances 0 to L - 1.

  One scale serves both terms: the bias is multiplied by what q . k is multiplied by.

  Raises:
    TypeError: no float array.
    ValueError: another rank.

  Example:
    >>> MusicTransformer.init(jax.random.key(0), num_heads=2, head_dim=4).table.shape
    (128, 2, 4)
  """

  table: jax.Array = parameter()

  relative = True

  def __post_init__(self):
    _checks.floats("table", self.table, "[L, N, H]", _MEND, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, length: int = 128, stddev: float = 0.02
           ) -> "MusicTransformer":
    """Draws E of distances below ``length`` from N(0, stddev^2)."""
    shape = (_checks.size("length", length, "Pass how many distances have vectors of their own"),
             _checks.size("num_heads", num_heads, "Pass the query heads N"),
             _checks.size("head_dim", head_dim, "Pass the head dim H"))
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev)

  def bias(self, tile):
    behind = distance(tile.q_positions, tile.k_positions)
    return music_transformer_bias(tile.q, self.table, behind, scale=tile.scale)
