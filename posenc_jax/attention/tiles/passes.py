# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The two passes of attention in tiles: five matmuls a tile, O(tile * S) memory.

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
  pieces = work.forward != work.whole

  def chunk(at, carry):
    context = work.form.open(data, at)
    parts = [take_keys(k, at, groups), take_keys(v, at, groups)]
    scores = lambda at, kt: tile_scores(work, take_rows(q, at, groups), kt, scale, context, data,
                                        masking, at, (q, k))
    if not pieces:
      return over_tiles(work.forward, at, functools.partial(_rows, groups, scores), carry, parts)
    each = (parts[0].shape[0], groups, q.shape[1])
    empty = (zeros((*each, v.shape[-1]), acc, q), zeros(each, acc, q) + LOWEST,
             zeros(each, acc, q))
    return _finish(over_tiles(work.forward, at, functools.partial(_piece, scores), empty, parts),
                   at._replace(rows=q.shape[1]), groups, carry)

  b, t, n, _ = q.shape
  empty = zeros((b, t, n, v.shape[-1]), q.dtype, q), zeros((b, n, t), acc, q)
  return over_chunks(work.forward, q, k, chunk, empty)


def _rows(groups, scores, at, parts, carry):
  """Writes the output and the log-sums of rows of which the tile sees all keys."""
  out, sums = carry
  kt, vt = parts
  s = scores(at, kt)
  top = jnp.max(s, axis=-1, keepdims=True)
  e = jnp.exp(s - top)
  total = jnp.sum(e, axis=-1, keepdims=True)
  o = jnp.einsum("xts,xsh->xth", joined(e, kt, vt.dtype), vt, preferred_element_type=s.dtype)
  # A row that sees nothing is zero; its log-sum is such that the backward pass finds zeros.
  alive = top > LOWEST / 2
  o = o * jnp.where(alive, 1 / total, 0).reshape(*o.shape[:2], 1)
  lse = jnp.where(alive, top + jnp.log(total), 0).reshape(at.batch, at.heads, at.rows)
  return put_rows(out, o, at, groups), put(sums, lse, at.of_rows[0])


def _piece(scores, at, parts, carry):
  """Adds a tile's keys to its rows: weighted values, largest score so far, sum relative to it."""
  kt, vt = parts
  s = scores(at, kt)
  o, before, total = (take(x, {2: at.row}, {2: at.rows}) for x in carry)
  top = jnp.maximum(before, jnp.max(s, axis=-1).reshape(before.shape))
  top, share = jax.lax.optimization_barrier((top, jnp.exp(before - top)))
  e = jnp.exp(s - top.reshape(*s.shape[:-1], 1))
  new = jnp.einsum("xts,xsh->xth", joined(e, kt, vt.dtype), vt, preferred_element_type=s.dtype)
  new = (o * share[..., None] + new.reshape(o.shape), top,
         total * share + jnp.sum(e, axis=-1).reshape(total.shape))
  return tuple(put(x, y, {2: at.row}) for x, y in zip(carry, new, strict=True))


def _finish(carry, at, groups, written):
  """Writes the output and the log-sums of a chunk's rows."""
  o, top, total = carry
  out, sums = written
  # A row that sees nothing is zero; its log-sum is such that the backward pass finds zeros.
  alive = top > LOWEST / 2
  share = jax.lax.optimization_barrier(jnp.where(alive, 1 / jnp.where(alive, total, 1), 0))
  lse = jnp.where(alive, top + jnp.log(jnp.where(alive, total, 1)), 0)
  o = (o * share[..., None]).reshape(o.shape[0], -1, o.shape[-1])
  return put_rows(out, o, at, groups), put(sums, lse.reshape(at.batch, at.heads, at.rows),
                                           at.of_rows[0])


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
    rows = (_chunk_rows if work.forward != work.whole else _tile_rows)(q, d_out, at, groups)
    tile = functools.partial(_backward_tile, work, kept, rows, delta, context)
    d_scale, dq, dkc, dvc, state = over_tiles(work.backward, at, tile, carry, [kc, vc])
    dk, dv = put_keys(dk, dkc * scale, at, groups), put_keys(dv, dvc, at, groups)
    return d_scale, dq, dk, dv, work.form.close(state, at)

  summed = zeros(q.shape, q.dtype if work.backward == work.whole else acc, q)
  empty = (zeros((), acc, q), summed, *(zeros(x.shape, x.dtype, q) for x in (k, v)),
           work.form.zeros(data, (q, k)))
  d_scale, dq, dk, dv, state = over_chunks(work.backward, q, k, chunk, empty)
  d_data, dk, more = work.form.result(state, data, dk)
  d_scale = d_scale if more is None else d_scale + more
  return dq.astype(q.dtype), dk, dv, d_scale.astype(scale.dtype), d_data


def _tile_rows(q, d_out, chunk, groups):
  """Makes a tile's rows of q and of d_out, and what turns both, from the whole arrays."""
  def rows(at):
    qt, dt = (take_rows(x, at, groups) for x in (q, d_out))
    return qt, dt, lambda: (jnp.swapaxes(qt, 1, 2), jnp.swapaxes(dt, 1, 2))

  return rows


def _chunk_rows(q, d_out, chunk, groups):
  """As ``_tile_rows``, from arrays that are turned once a chunk, as many tiles share rows."""
  chunk = chunk._replace(rows=q.shape[1])
  whole = [take_rows(x, chunk, groups) for x in (q, d_out)]
  whole = [x.reshape(x.shape[0], groups, -1, x.shape[-1]) for x in whole]
  turned = [jnp.moveaxis(x, 3, 1) for x in whole]

  def rows(at):
    some = [take(x, {2: at.row}, {2: at.rows}) for x in whole]
    high = [take(x, {3: at.row}, {3: at.rows}) for x in turned]
    qt, dt = (x.reshape(x.shape[0], -1, x.shape[-1]) for x in some)
    return qt, dt, lambda: tuple(x.reshape(*x.shape[:2], -1) for x in high)

  return rows


def _backward_tile(work, kept, rows, delta, context, at, parts, carry):
  """Adds the gradients of one tile to (scale, dq, dk and dv of the chunk, the form's state)."""
  q, k, v, scale, data, masking, lse = kept
  acc, groups = _numerics.wide(q), q.shape[2] // k.shape[2]
  d_scale, dq, dkc, dvc, state = carry
  kt, vt = parts
  qt, dt, turned = rows(at)
  s = tile_scores(work, qt, kt, scale, context, data, masking, at, (q, k))
  lt, et = (take(x, *at.of_rows).reshape(*s.shape[:-1], 1) for x in (lse, delta))
  p = jnp.exp(s - lt)
  # The barriers fix an order that a compiler for CPUs does not find: rows are turned once, not in
  # the matmul, and dv is taken while p is still in the caches.
  qh, dh = jax.lax.optimization_barrier(turned())
  dvt = jnp.einsum("xht,xts->xhs", dh, joined(p, kt, v.dtype), preferred_element_type=acc)
  p, dvt = jax.lax.optimization_barrier((p, dvt))
  dp = jnp.einsum("xth,xsh->xts", dt, vt, preferred_element_type=acc)
  ds = p * (dp.reshape(s.shape) - et)
  low = joined(ds, kt, q.dtype)
  dqt = jnp.einsum("xts,xsh->xth", low, kt, preferred_element_type=acc)
  dkt = jnp.einsum("xht,xts->xhs", qh, low, preferred_element_type=acc)
  dkc, dvc = (put(x, y, {2: at.key}, add=True) for x, y in ((dkc, dkt), (dvc, dvt)))
  # Tiles of whole rows meet each row once.
  dq = put_rows(dq, dqt * scale, at, groups, add=work.backward != work.whole)
  state, dq = work.form.back(state, context, data, ds, at, (q, k), dq, scale)
  if not work.scale_known:
    d_scale = d_scale + jnp.sum(dqt * qt.astype(acc))
  return d_scale, dq, dkc, dvc, state
