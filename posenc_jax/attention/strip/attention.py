# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Flash attention for TPUs with a bias by distance, and the gradient of that bias.

The bias comes as one vector of T + S - 1 numbers a head, which any encoding with ``distance_bias``
gives. The kernels skew a piece of it for each tile; the backward pass adds tiles of score
gradients along block diagonals and un-skews each sum once. Nothing of size T x S exists, and no
result depends on the order in which cores run.

This code has not run on a TPU. It is tested in the TPU interpreter on CPUs, race detection on, and
lowered for TPUs; with jax 0.12.0 and libtpu 0.0.50 it also compiled, without one, for v5e and v6e.
Neither its speed nor the choice of block sizes is measured.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.attention.hiding import check_window
from posenc_jax.attention.strip.backward import keys_gradient, queries_gradient, vector_gradient
from posenc_jax.attention.strip.forward import forward
from posenc_jax.attention.strip.geometry import LANES, Geometry, hide
from posenc_jax.attention.strip.segments import pad_ids

DTYPES = ("float32", "bfloat16")


def strip_attention(q: jax.Array, k: jax.Array, v: jax.Array, vector: jax.Array, *,
                    causal: bool = False, window: int | tuple[int, int] | None = None,
                    offset: int = 0, segments: tuple[jax.Array, jax.Array] | None = None,
                    scale: float | None = None, block_q: int = 128, block_k: int = 128,
                    interpret=False) -> jax.Array:
  """softmax(scale * q k^T + bias(i - j)) v on a TPU, never holding a T x S array.

  out[b, i, n] = sum_j w_ij v[b, j, g] with g = n // (N/K) and w_i the softmax over j of
  scale * q[b, i, n] . k[b, j, g] + vector[n, i - j + S - 1]. Row i of q stands ``offset`` rows
  further than row i of k; only ``causal`` and ``window`` ask, as the vector already says what each
  i - j costs. It has not run on a TPU.

  Args:
    q: ``[B, T, N, H]``, float32 or bfloat16.
    k: ``[B, S, K, H]``, N a multiple of K.
    v: ``[B, S, K, H']``.
    vector: ``[N, T+S-1]``, the bias of distance d = i - j at index d + S - 1, so for positions
      0, 1, .. ``encoding.distance_bias(jnp.arange(1 - S, T))``. Any float dtype; used in float32.
    causal: hide keys j > i + offset.
    window: None, w or (left, right): hide keys more than ``left`` behind or ``right`` ahead.
    offset: static; S - T when the queries are the last T of S tokens.
    segments: None, or ids of queries ``[1 or B, T]`` and of keys ``[1 or B, S]``, integers, in any
      order: keys of another id are hidden.
    scale: static; None is 1 / sqrt(H).
    block_q, block_k: rows and columns of a tile, multiples of 128. T and S need not be: what is
      missing is padded and masked.
    interpret: True, or ``pltpu.InterpretParams``, to run where there is no TPU.

  Returns:
    ``[B, T, N, H']`` of q's dtype, differentiable in q, k, v and vector. Sums are kept in float32,
    and float32 inputs are not rounded on their way to the matrix unit. A row that sees no key is
    zero, with zero gradients.

  Raises:
    ValueError: shapes, blocks, segments or windows that do not fit.
    TypeError: other dtypes; a scale or an offset that is not a plain number.

  Example:
    >>> import posenc_jax as px
    >>> q = k = v = jnp.ones((1, 3, 2, 8))
    >>> vector = px.Alibi(2).distance_bias(jnp.arange(1 - 3, 3))
    >>> strip_attention(q, k, v, vector, causal=True, interpret=True).shape
    (1, 3, 2, 8)

  References:
    Dao et al. 2022, arXiv 2205.14135, algorithms 1 and 2, for the online softmax and its gradient.
  """
  b, t, n, s = _check(q, k, v, vector, scale, offset, (block_q, block_k))
  _check_segments(segments, b, t, s)
  window = check_window(window)
  low, high = 1 - t, s - 1
  if causal:
    high = min(high, offset)
  if window is not None:
    low = max(low, offset - window[0])
    high = min(high, offset + window[1])
  if low > high or 0 in (b, t, s, n):
    return jnp.zeros((b, t, n, v.shape[-1]), q.dtype)
  scale = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
  geometry = Geometry(t, s, block_q, block_k, low, high, scale, interpret,
                      segments is not None)
  q = _pad_tokens_last(q, geometry.rows * block_q)
  k, v = (_pad_tokens_last(x, geometry.columns * block_k) for x in (k, v))
  ids = None if segments is None else pad_ids(*segments, b, geometry)
  out: Any = _attention(q, k, v, hide(vector, geometry), ids, geometry)
  return jnp.transpose(out[..., :t], (0, 3, 1, 2))


@functools.partial(jax.custom_vjp, nondiff_argnums=(5,))
def _attention(q, k, v, vector, ids, geometry):
  return forward(q, k, v, vector, ids, geometry)[0]


def _attention_forward(q, k, v, vector, ids, geometry):
  out, lse = forward(q, k, v, vector, ids, geometry)
  return out, (q, k, v, vector, ids, out, lse)


def _attention_backward(geometry, saved, do):
  q, k, v, vector, ids, out, lse = saved
  delta = jnp.sum(do.astype(jnp.float32) * out.astype(jnp.float32), axis=2, keepdims=True)
  args = q, k, v, vector, ids, lse, do, delta, geometry
  return queries_gradient(*args), *keys_gradient(*args), vector_gradient(*args), None


_attention.defvjp(_attention_forward, _attention_backward)


def _pad_tokens_last(x, length):
  """``[B, T, N, H]`` to ``[B, N, H, length]``, zeros at the end."""
  x = jnp.transpose(x, (0, 2, 3, 1))
  return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, length - x.shape[3])))


def _check(q, k, v, vector, scale, offset, blocks):
  shapes = f"q {jnp.shape(q)}, k {jnp.shape(k)}, v {jnp.shape(v)}"
  layout = "q [B, T, N, H], k [B, S, K, H], v [B, S, K, H'] with N a multiple of K"
  if not (q.ndim == k.ndim == v.ndim == 4 and q.shape[0] == k.shape[0]
          and k.shape[:-1] == v.shape[:-1] and q.shape[-1] == k.shape[-1]
          and k.shape[2] > 0 and q.shape[2] % k.shape[2] == 0):
    raise _errors.value_error("q, k, v", shapes, layout, "Fold all batch axes into one")
  if not q.dtype == k.dtype == v.dtype or q.dtype.name not in DTYPES:
    raise _errors.type_error("q, k, v", f"{q.dtype}, {k.dtype}, {v.dtype}",
                             "one of " + " or ".join(DTYPES),
                             'Cast them, or use implementation="rows", which takes every dtype')
  b, t, n, _ = q.shape
  s = k.shape[1]
  if vector.shape != (n, max(t + s - 1, 0)):
    raise _errors.value_error("vector", f"shape {vector.shape}", f"[N, T+S-1] = [{n}, {t + s - 1}]",
                              "Evaluate the bias at i - j = 1 - S, .., T - 1")
  if not jnp.issubdtype(vector.dtype, jnp.floating):
    raise _errors.type_error("vector", vector.dtype.name, "a float dtype", "Cast it to float32")
  for name, value, wanted in (("scale", scale, int | float | None), ("offset", offset, int)):
    if not isinstance(value, wanted):
      raise _errors.type_error(name, type(value).__name__, "a plain Python number",
                               "It shapes the program; multiply q by a scale that is traced")
  for name, block in zip(("block_q", "block_k"), blocks, strict=True):
    if not isinstance(block, int) or block < LANES or block % LANES:
      raise _errors.value_error(name, block, f"a multiple of {LANES}",
                                "A TPU's registers are 128 lanes wide")
  return b, t, n, s


def _check_segments(segments, b, t, s):
  if segments is None:
    return
  wanted = f"a pair of shapes [1 or {b}, {t}] and [1 or {b}, {s}]"
  if not isinstance(segments, tuple) or not all(hasattr(ids, "dtype") for ids in segments):
    raise _errors.type_error("segments", type(segments).__name__, f"{wanted}, as a tuple of arrays",
                             "Pass (ids of the queries, ids of the keys)")
  shapes = [jnp.shape(ids) for ids in segments]
  fit = [shape in ((1, length), (b, length))
         for shape, length in zip(shapes, (t, s), strict=False)]
  if len(shapes) != 2 or not all(fit):
    raise _errors.value_error("segments", f"shapes {', '.join(map(str, shapes))}", wanted,
                              "Pass ids of the queries and of the keys")
  for ids in segments:
    if not jnp.issubdtype(ids.dtype, jnp.integer) or ids.dtype.itemsize > 4:
      raise _errors.type_error("segments", ids.dtype.name, "integers of 32 bits or fewer",
                               "Number the documents from 0 on, in int32")
