# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""TUPE: positions meet positions by projections of their own (hooks ``qk`` and ``bias``).

Ke et al. 2020, "Rethinking Positional Encoding in Language Pre-training", arXiv 2006.15595: scores
are (q_m . k_n + (LN(p_m) U_q) . (LN(p_n) U_k)) / sqrt(2 H), plus T5's buckets (TUPE-R), and a CLS
token at position 0 is untied: one number of each head from it, one to it.
Differs from the paper: the layer norm, the biases of U and the place of the two numbers (products
of the first two rows of the table) are those of the authors' code. CLS is the token at position 0,
in each packed document. The model shares one object between its layers.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks, _queries
from posenc_jax.encodings.biases.t5 import t5_bucket
from posenc_jax.encodings.inputs.learned import lookup
from posenc_jax.positions import distance

_MEND = "Build it with Tupe.init(key, length, d_model, num_heads, head_dim)"
_NAMES = {"table": "[L, D]", "gain": "[D]", "offset": "[D]", "w_q": "[D, N, H]", "b_q": "[N, H]",
          "w_k": "[D, N, H]", "b_k": "[N, H]"}


def tupe_projections(rows: jax.Array, gain: jax.Array, offset: jax.Array, weight: jax.Array,
                     bias: jax.Array | None = None, *, eps: float = 1e-5) -> jax.Array:
  """LN(p) U + b of rows of the table.

  Args:
    rows: p, ``[..., D]``.
    gain, offset: ``[D]``, of the layer norm.
    weight: U, ``[D, N, H]``. bias: b, ``[N, H]``, or None for zeros.
    eps: of the layer norm.

  Returns:
    ``[..., N, H]``, float32, or float64 for float64 rows.

  Example:
    >>> one = jnp.ones(2)
    >>> tupe_projections(jnp.array([1.0, 3.0]), one, 0 * one, jnp.eye(2)[:, None],
    ...                  jnp.zeros((1, 2))).round(3).tolist()
    [[-1.0, 1.0]]
  """
  dtype = _numerics.wide(rows)
  rows, gain, offset, weight = (jnp.asarray(a).astype(dtype) for a in (rows, gain, offset, weight))
  centred = rows - jnp.mean(rows, axis=-1, keepdims=True)
  normal = centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + eps)
  last = (1,) * (rows.ndim - 1) + (-1,)
  normal = normal * gain.reshape(last) + offset.reshape(last)
  out = jnp.einsum("...d,dnh->...nh", normal, weight)
  if bias is None:
    return out
  return out + jnp.asarray(bias).astype(dtype).reshape((1,) * (rows.ndim - 1) + bias.shape)


def untie_cls(x: jax.Array, q_positions: Any, k_positions: Any, from_cls: jax.Array,
              to_cls: jax.Array) -> jax.Array:
  """Puts one number of each head where the key is at position 0, another where the query is.

  Args:
    x: ``[..., N, T, S]``.
    q_positions: ``[..., T]``, k_positions: ``[..., S]``.
    from_cls: ``[N]``, for the query at position 0, its own key too. to_cls: ``[N]``.

  Returns:
    Like x.

  Example:
    >>> untie_cls(jnp.zeros((1, 2, 2)), jnp.arange(2), jnp.arange(2), jnp.ones(1),
    ...           2 * jnp.ones(1)).tolist()
    [[[1.0, 1.0], [2.0, 0.0]]]
  """
  by_head = lambda a: jnp.asarray(a).astype(x.dtype).reshape((1,) * (x.ndim - 3) + (-1, 1, 1))
  x = jnp.where((jnp.asarray(k_positions) == 0)[..., None, None, :], by_head(to_cls), x)
  return jnp.where((jnp.asarray(q_positions) == 0)[..., None, :, None], by_head(from_cls), x)


@encoding
class Tupe(Encoding):
  """Adds (LN(p_m) U_q) . (LN(p_n) U_k) to q . k, divides both by sqrt(2), adds T5's buckets.

  Args:
    table: p, ``[L, D]``; gain, offset: ``[D]``; w_q, w_k: ``[D, N, H]``; b_q, b_k: ``[N, H]``:
      parameters. With ``cls`` position m has row m + 1, else row m. b_k may be None: without
      ``cls`` it adds the same to a whole row, which no softmax sees.
    buckets: ``[num_buckets + 1, N]``, a parameter, or None for TUPE-A. The last row is for keys at
      position 0; without ``cls`` it is unused.
    cls: static, whether the token at position 0 is untied.
    max_distance: static, of the buckets.

  Call attention with its own scale, 1 / sqrt(H): the factor 1 / sqrt(2) is on q already.

  Raises:
    TypeError: fields without floats.
    ValueError: shapes that do not fit; in a call, a known position outside the table.

  Example:
    >>> e = Tupe.init(jax.random.key(0), 8, 6, num_heads=2, head_dim=4)
    >>> e.table.shape, e.buckets.shape
    ((9, 6), (33, 2))
  """

  table: jax.Array = parameter()
  gain: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  offset: jax.Array = parameter(None)
  w_q: jax.Array = parameter(None)
  b_q: jax.Array = parameter(None)
  w_k: jax.Array = parameter(None)
  b_k: jax.Array | None = parameter(None)
  buckets: jax.Array | None = parameter(default=None)
  cls: bool = static(default=True)
  max_distance: int = static(default=128)

  def __post_init__(self):
    sizes = {}
    for name, letters in _NAMES.items():
      if name == "b_k" and self.b_k is None:
        continue
      x = _checks.floats(name, getattr(self, name), letters, _MEND, sizes=sizes, stacked=True)
      names = letters.strip("[]").split(", ")
      sizes |= dict(zip(names, np.shape(x)[-len(names):], strict=True))
    if self.buckets is not None:
      _checks.floats("buckets", self.buckets, "[num_buckets + 1, N]", _MEND, stacked=True,
                     sizes={"N": sizes["N"]})
    _errors.check_bool("cls", self.cls, "The paper unties the CLS token")

  @classmethod
  def init(cls, key, length: int, d_model: int, num_heads: int, head_dim: int, *,
           num_buckets: int = 32, max_distance: int = 128, untied: bool = True,
           stddev: float = 0.02) -> "Tupe":
    """Draws all from N(0, stddev^2); 0 buckets make TUPE-A, ``untied`` is the field ``cls``."""
    length, d, n, h = (_checks.size(name, size, "Pass sizes as ints") for name, size in (
        ("length", length), ("d_model", d_model), ("num_heads", num_heads),
        ("head_dim", head_dim)))
    num_buckets = _checks.size("num_buckets", num_buckets, "0 leaves them out", least=0)
    shapes = ((length + untied, d), (d, n, h), (d, n, h), (num_buckets + 1, n))
    table, w_q, w_k, buckets = (jax.random.normal(k, s, jnp.float32) * stddev for k, s in zip(
        jax.random.split(_checks.key(key), 4), shapes, strict=True))
    return cls(table, jnp.ones(d), jnp.zeros(d), w_q, jnp.zeros((n, h)), w_k,
               jnp.zeros((n, h)) if untied else None,
               buckets if num_buckets else None, untied, max_distance)

  def _product(self, q_rows, k_rows, letters):
    q = tupe_projections(q_rows, self.gain, self.offset, self.w_q, self.b_q)
    k = tupe_projections(k_rows, self.gain, self.offset, self.w_k, self.b_k)
    return jnp.einsum(letters, q, k)

  def qk(self, q, k, q_positions, k_positions):
    del q_positions, k_positions
    return _queries.times(q, jnp.full(1, math.sqrt(0.5), _numerics.wide(q))), k

  def bias(self, tile):
    at = tile.q_positions, tile.k_positions
    q_rows = lookup(self.table, at[0], offset=int(self.cls))
    # Empty slots of a cache stand anywhere; keys that are seen are queries too, which are checked.
    n = jnp.clip(jnp.asarray(at[1]), 0, np.shape(self.table)[-2] - 1 - self.cls) + int(self.cls)
    k_rows = jnp.take(self.table, n, axis=0, mode="clip")
    x = self._product(q_rows, k_rows, "...tnh,...snh->...nts")
    if self.cls:
      first = self._product(self.table[:2], self.table[:2], "rnh,rnh->rn")
      x = untie_cls(x, *at, first[0], first[1])
    x = x * (jnp.asarray(tile.scale).astype(x.dtype) * math.sqrt(0.5))
    if self.buckets is None:
      return x
    last = np.shape(self.buckets)[-2] - 1
    bucket = t5_bucket(-jnp.asarray(distance(*at)), bidirectional=True, num_buckets=last,
                       max_distance=self.max_distance)
    values = jnp.moveaxis(jnp.take(self.buckets.astype(x.dtype), bucket, axis=0, mode="clip"),
                          -1, -3)
    if self.cls:
      values = untie_cls(values, *at, self.buckets[last // 2], self.buckets[last])
    return x + values
