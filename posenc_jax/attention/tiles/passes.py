# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The two passes of attention in tiles of whole rows: five matmuls a tile, O(tile * S) memory.

The forward pass keeps the output and the log of each row's sum; the backward pass makes the weights
again from them. Bias and mask join the scores in one pass over the tile, and the gradient of the
bias is taken from the tile as well, so nothing of size T x S exists in either direction.
"""

import functools

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.attention.tiles.scores import LOWEST, joined, tile_scores
from posenc_jax.attention.tiles.work import (
    Masking,
    Work,
    over_chunks,
    over_tiles,
    put,
    put_keys,
    put_rows,
    take,
    take_keys,
    take_rows,
    zeros,
)


def forward(work: Work, q, k, v, scale, data, masking: Masking):
  """(output ``[B, T, N, H']``, log of each row's sum ``[B, N, T]``); arguments as in ``flash``."""
  acc = _numerics.wide(q)
  groups = q.shape[2] // k.shape[2]

  def chunk(at, carry):
    context = work.form.open(data, at)
    return over_tiles(work.forward, at, functools.partial(tile, context), carry,
                      [take_keys(k, at, groups), take_keys(v, at, groups)])

  def tile(context, at, parts, carry):
    out, sums = carry
    kt, vt = parts
    s = tile_scores(work, take_rows(q, at, groups), kt, scale, context, data, masking, at, (q, k))
    top = jnp.max(s, axis=-1, keepdims=True)
    e = jnp.exp(s - top)
    total = jnp.sum(e, axis=-1, keepdims=True)
    o = jnp.einsum("xts,xsh->xth", joined(e, kt, v.dtype), vt, preferred_element_type=acc)
    # A row that sees nothing is zero; its log-sum is such that the backward pass finds zeros.
    alive = top > LOWEST / 2
    o = o * jnp.where(alive, 1 / total, 0).reshape(*o.shape[:2], 1)
    lse = jnp.where(alive, top + jnp.log(total), 0).reshape(at.batch, at.heads, at.rows)
    return put_rows(out, o, at, groups), put(sums, lse, at.of_rows[0])

  b, t, n, _ = q.shape
  empty = zeros((b, t, n, v.shape[-1]), q.dtype, q), zeros((b, n, t), acc, q)
  return over_chunks(work.forward, q, k, chunk, empty)


def backward(work: Work, q, k, v, scale, data, masking: Masking, out, lse, d_out):
  """The gradients of q, k, v, scale and data, from that of the output."""
  kept = q, k, v, scale, data, masking, lse
  acc = _numerics.wide(q)
  groups = q.shape[2] // k.shape[2]
  delta = jnp.swapaxes(jnp.sum(d_out.astype(acc) * out.astype(acc), axis=-1), 1, 2)

  def chunk(at, carry):
    d_scale, dq, dk, dv, state = carry
    kc, vc = take_keys(k, at, groups), take_keys(v, at, groups)
    context = work.form.open(data, at)
    empty = [zeros((x.shape[0], x.shape[2], x.shape[1]), acc, q) for x in (kc, vc)]
    carry = d_scale, dq, *empty, work.form.begin(state, context)
    tile = functools.partial(_backward_tile, work, kept, d_out, delta, context)
    d_scale, dq, dkc, dvc, state = over_tiles(work.backward, at, tile, carry, [kc, vc])
    dk, dv = put_keys(dk, dkc * scale, at, groups), put_keys(dv, dvc, at, groups)
    return d_scale, dq, dk, dv, work.form.close(state, at)

  summed = zeros(q.shape, q.dtype if work.backward == work.forward else acc, q)
  empty = (zeros((), acc, q), summed, *(zeros(x.shape, x.dtype, q) for x in (k, v)),
           work.form.zeros(data, (q, k)))
  d_scale, dq, dk, dv, state = over_chunks(work.backward, q, k, chunk, empty)
  d_data, dk, more = work.form.result(state, data, dk)
  d_scale = d_scale if more is None else d_scale + more
  return dq.astype(q.dtype), dk, dv, d_scale.astype(scale.dtype), d_data


def _backward_tile(work, kept, d_out, delta, context, at, parts, carry):
  """Adds the gradients of one tile to (scale, dq, dk and dv of the chunk, the form's state)."""
  q, k, v, scale, data, masking, lse = kept
  acc, groups = _numerics.wide(q), q.shape[2] // k.shape[2]
  d_scale, dq, dkc, dvc, state = carry
  kt, vt = parts
  qt, dt = (take_rows(x, at, groups) for x in (q, d_out))
  s = tile_scores(work, qt, kt, scale, context, data, masking, at, (q, k))
  lt, et = (take(x, *at.of_rows).reshape(*s.shape[:-1], 1) for x in (lse, delta))
  p = jnp.exp(s - lt)
  # The barriers fix an order that a compiler for CPUs does not find: rows are turned once, not in
  # the matmul, and dv is taken while p is still in the caches.
  qh, dh = jax.lax.optimization_barrier((jnp.swapaxes(qt, 1, 2), jnp.swapaxes(dt, 1, 2)))
  dvt = jnp.einsum("xht,xts->xhs", dh, joined(p, kt, v.dtype), preferred_element_type=acc)
  p, dvt = jax.lax.optimization_barrier((p, dvt))
  dp = jnp.einsum("xth,xsh->xts", dt, vt, preferred_element_type=acc)
  ds = p * (dp.reshape(s.shape) - et)
  low = joined(ds, kt, q.dtype)
  dqt = jnp.einsum("xts,xsh->xth", low, kt, preferred_element_type=acc)
  dkt = jnp.einsum("xht,xts->xhs", qh, low, preferred_element_type=acc)
  dkc, dvc = (put(x, y, {2: at.key}, add=True) for x, y in ((dkc, dkt), (dvc, dvt)))
  # Tiles of whole rows meet each row once.
  dq = put_rows(dq, dqt * scale, at, groups, add=work.backward != work.forward)
  state, dq = work.form.back(state, context, data, ds, at, (q, k), dq, scale)
  if not work.scale_known:
    d_scale = d_scale + jnp.sum(dqt * qt.astype(acc))
  return d_scale, dq, dkc, dvc, state
