# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention in tiles of whole rows with a gradient of its own: O(tile * S) memory, five matmuls.

The forward pass keeps the output and the log of each row's sum; the backward pass makes the weights
again from them. Bias and mask join the scores in one pass over the tile, and the gradient of the
bias is taken from the tile as well, so nothing of size T x S exists in either direction. Forward
mode is not defined here: ``implementation="reference"`` has it.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.attention.semantics import accumulator
from posenc_jax.attention.tiles.forms import flat, put, same_rank, take
from posenc_jax.attention.tiles.schedule import Group
from posenc_jax.attention.visibility import Visibility

HIDDEN = -1e30


class Plan(NamedTuple):
  """What is known before any number is: how the work is cut, and the form of the bias.

  Attributes:
    groups: tiles of rows and keys.
    batch, heads: examples and key heads in one step.
    causal, window: of the visibility, whose arrays travel apart.
    form: one of ``forms``.
    scale_known: no gradient is wanted for the scale.
  """

  groups: tuple[Group, ...]
  batch: int
  heads: int
  causal: bool
  window: tuple[int, int] | None
  form: Any
  scale_known: bool


class At(NamedTuple):
  """Where a step works: starts may be traced, sizes are static.

  Attributes:
    b, batch: examples [b, b + batch).
    head, heads: query heads.
    row, rows: query rows.
    key, keys: keys; the whole range for a chunk.
    chunk: counts chunks.
  """

  b: Any
  batch: int
  head: Any
  heads: int
  row: Any = 0
  rows: int = 0
  key: Any = 0
  keys: int = 0
  chunk: Any = 0


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def flash(plan: Plan, q, k, v, scale, data, seen):
  """Attention of q ``[B, T, N, H]`` to k ``[B, S, K, H]``, v ``[B, S, K, H']``.

  Args:
    plan: static.
    q, k, v: arrays.
    scale: scalar, multiplies q k^T.
    data: what the plan's form computes the bias from; gets gradients.
    seen: (q_order, k_order, q_segments, k_segments, mask) of a Visibility with one batch axis.

  Returns:
    ``[B, T, N, H']`` of q's dtype.
  """
  return _forward(plan, q, k, v, scale, data, seen)[0]


def _rows(x, at, groups):
  """Query-sided rows ``[B, T, N, H]`` of a step as ``[batch * K, G * rows, H]``."""
  x = take(x, {0: at.b, 1: at.row, 2: at.head}, {0: at.batch, 1: at.rows, 2: at.heads})
  b, t, n, h = x.shape
  x = x.reshape(b, t, n // groups, groups, h)
  return jnp.transpose(x, (0, 2, 3, 1, 4)).reshape(b * (n // groups), groups * t, h)


def _put_rows(x, part, at, groups, *, add=False):
  """Writes what ``_rows`` took."""
  part = part.reshape(at.batch, at.heads // groups, groups, at.rows, part.shape[-1])
  part = jnp.transpose(part, (0, 3, 1, 2, 4)).reshape(at.batch, at.rows, at.heads, -1)
  return put(x, part, {0: at.b, 1: at.row, 2: at.head}, add=add)


def _keys(x, at, groups):
  """Keys ``[B, S, K, H]`` of a chunk as ``[batch * K, S, H]``."""
  x = take(x, {0: at.b, 2: at.head // groups}, {0: at.batch, 2: at.heads // groups})
  return jnp.moveaxis(x, 2, 1).reshape(-1, x.shape[1], x.shape[3])


def _tile_scores(plan, q, k, scale, context, data, seen, at, sources):
  """Scaled, biased and masked scores of one tile: ``[rows, keys]`` or ``[batch * heads, ..]``.

  What is masked becomes a huge negative number, not -inf, so that no later pass has to look for
  rows that see nothing.
  """
  acc = accumulator(q.dtype)
  s = jnp.einsum("xth,xsh->xts", q, k, preferred_element_type=acc)
  x = s.reshape(-1, at.rows, at.keys)
  x = (x[0] if len(x) == 1 else x) * scale
  bias = plan.form.bias(context, data, at, sources)
  if bias is not None:
    x = jnp.maximum(jnp.add(*same_rank(x, bias.astype(acc))), HIDDEN)
  mask = _tile_mask(plan, seen, at)
  if mask is not None:
    mask, x = same_rank(mask, x)
    x = jnp.where(mask, x, HIDDEN)
  return x


def _joined(x, k, dtype):
  """Scores of query heads as matmuls take them: ``[batch * K, G * rows, keys]``."""
  return x.astype(dtype).reshape(len(k), -1, x.shape[-1])


def _tile_mask(plan, seen, at):
  """bool ``[rows, keys]`` where all of the step share it, else ``[batch * heads, ..]``; or None."""
  *arrays, mask = seen
  arrays = [None if x is None else take(x, {0: at.b, 1: start}, {0: at.batch, 1: size})
            for x, (start, size) in zip(arrays, [(at.row, at.rows), (at.key, at.keys)] * 2,
                                        strict=True)]
  if all(x is None or len(x) == 1 for x in arrays):
    arrays = [None if x is None else x[0] for x in arrays]
  else:
    each = lambda x: jnp.broadcast_to(x[:, None], (at.batch, at.heads, x.shape[1]))
    arrays = [None if x is None else each(x).reshape(-1, x.shape[1]) for x in arrays]
  out = Visibility(plan.causal, plan.window, *arrays, None).matrix()
  out = None if out is None else out[..., 0, :, :]
  if mask is None:
    return out
  mask = flat(take(mask, {0: at.b, 1: at.head, 2: at.row, 3: at.key},
                   {0: at.batch, 1: at.heads, 2: at.rows, 3: at.keys}), at)
  return mask if out is None else jnp.logical_and(*same_rank(mask, out))


def _over_chunks(plan, q, k, body, carry):
  """Runs ``body(at, carry)`` for every chunk of examples and heads."""
  groups = q.shape[2] // k.shape[2]
  across = k.shape[2] // plan.heads
  count = q.shape[0] // plan.batch * across

  def step(i, carry):
    at = At(i // across * plan.batch, plan.batch, i % across * (plan.heads * groups),
            plan.heads * groups, chunk=i)
    return body(at, carry)

  return step(0, carry) if count == 1 else jax.lax.fori_loop(0, count, step, carry)


def _over_tiles(plan, chunk, body, carry, parts):
  """Runs ``body(at, parts of these keys, carry)`` for every tile, one after the other."""
  for group in plan.groups:
    fixed = (group.key_starts == group.key_starts[0]).all()
    cut = lambda x, j, n=group.keys: take(x, {1: j}, {1: n})
    shared = [cut(x, group.key_starts[0]) for x in parts] if fixed else None

    def step(i, carry, group=group, fixed=fixed, shared=shared, cut=cut):
      row = _start(group.row_starts, i)
      key = group.key_starts[0] if fixed else _start(group.key_starts, i)
      at = chunk._replace(row=row, rows=group.rows, key=key, keys=group.keys)
      return body(at, shared if fixed else [cut(x, key) for x in parts], carry)

    # The same number, but not for the compiler: it would take a loop of one tile apart, then hold
    # the masks of all tiles and chunks in memory, as they are the same for every chunk.
    count = len(group.row_starts) + jnp.minimum(chunk.chunk, 0)
    carry = jax.lax.fori_loop(0, count, step, carry)
  return carry


def _start(starts, i):
  """starts[i], by arithmetic where that is possible."""
  step = starts[1] - starts[0] if len(starts) > 1 else 1
  if (np.diff(starts) == step).all():
    return starts[0] + i * step
  return jnp.asarray(starts)[i]


def _forward(plan, q, k, v, scale, data, seen):
  acc = accumulator(q.dtype)
  groups = q.shape[2] // k.shape[2]

  def chunk(at, carry):
    context = plan.form.open(data, at)
    return _over_tiles(plan, at, functools.partial(tile, context), carry,
                       [_keys(k, at, groups), _keys(v, at, groups)])

  def tile(context, at, parts, carry):
    out, sums = carry
    kt, vt = parts
    s = _tile_scores(plan, _rows(q, at, groups), kt, scale, context, data, seen, at, (q, k))
    top = jnp.max(s, axis=-1, keepdims=True)
    e = jnp.exp(s - top)
    total = jnp.sum(e, axis=-1, keepdims=True)
    o = jnp.einsum("xts,xsh->xth", _joined(e, kt, v.dtype), vt, preferred_element_type=acc)
    # A row that sees nothing is zero; its log-sum is such that the backward pass finds zeros.
    alive = top > HIDDEN / 2
    o = o * jnp.where(alive, 1 / total, 0).reshape(*o.shape[:2], 1)
    lse = jnp.where(alive, top + jnp.log(total), 0).reshape(at.batch, at.heads, at.rows)
    out = _put_rows(out, o, at, groups)
    return out, put(sums, lse, {0: at.b, 1: at.head, 2: at.row})

  b, t, n, _ = q.shape
  empty = jnp.zeros((b, t, n, v.shape[-1]), q.dtype), jnp.zeros((b, n, t), acc)
  return _over_chunks(plan, q, k, chunk, empty)


def _keep(plan, q, k, v, scale, data, seen):
  out, lse = _forward(plan, q, k, v, scale, data, seen)
  return out, (q, k, v, scale, data, seen, out, lse)


def _backward(plan, kept, d_out):
  q, k, v, scale, data, seen, out, lse = kept
  acc = accumulator(q.dtype)
  groups = q.shape[2] // k.shape[2]
  delta = jnp.swapaxes(jnp.sum(d_out.astype(acc) * out.astype(acc), axis=-1), 1, 2)

  def chunk(at, carry):
    d_scale, dq, dk, dv, state = carry
    kc, vc = _keys(k, at, groups), _keys(v, at, groups)
    context = plan.form.open(data, at)
    zeros = [jnp.zeros((x.shape[0], x.shape[2], x.shape[1]), acc) for x in (kc, vc)]
    carry = d_scale, dq, *zeros, plan.form.begin(state, context)
    d_scale, dq, dkc, dvc, state = _over_tiles(plan, at, functools.partial(tile, context), carry,
                                               [kc, vc])
    dk, dv = _put_keys(dk, dkc * scale, at, groups), _put_keys(dv, dvc, at, groups)
    return d_scale, dq, dk, dv, plan.form.close(state, at)

  def tile(context, at, parts, carry):
    d_scale, dq, dkc, dvc, state = carry
    kt, vt = parts
    qt, dt = (_rows(x, at, groups) for x in (q, d_out))
    s = _tile_scores(plan, qt, kt, scale, context, data, seen, at, (q, k))
    lt, et = (take(x, {0: at.b, 1: at.head, 2: at.row}, {0: at.batch, 1: at.heads, 2: at.rows}
                   ).reshape(*s.shape[:-1], 1) for x in (lse, delta))
    p = jnp.exp(s - lt)
    # The barriers fix an order that a compiler for CPUs does not find: rows are turned once, not in
    # the matmul, and dv is taken while p is still in the caches.
    qh, dh = jax.lax.optimization_barrier((jnp.swapaxes(qt, 1, 2), jnp.swapaxes(dt, 1, 2)))
    dvt = jnp.einsum("xht,xts->xhs", dh, _joined(p, kt, v.dtype), preferred_element_type=acc)
    p, dvt = jax.lax.optimization_barrier((p, dvt))
    dp = jnp.einsum("xth,xsh->xts", dt, vt, preferred_element_type=acc)
    ds = p * (dp.reshape(s.shape) - et)
    low = _joined(ds, kt, q.dtype)
    dqt = jnp.einsum("xts,xsh->xth", low, kt, preferred_element_type=acc)
    dkt = jnp.einsum("xht,xts->xhs", qh, low, preferred_element_type=acc)
    dkc, dvc = (put(x, y, {2: at.key}, add=True) for x, y in ((dkc, dkt), (dvc, dvt)))
    dq = _put_rows(dq, dqt * scale, at, groups)
    state, dq = plan.form.back(state, context, data, ds, at, (q, k), dq)
    if not plan.scale_known:
      d_scale = d_scale + jnp.sum(dqt * qt.astype(acc))
    return d_scale, dq, dkc, dvc, state

  empty = (jnp.zeros((), acc), jnp.zeros_like(q), jnp.zeros_like(k), jnp.zeros_like(v),
           plan.form.zeros(data, (q, k)))
  d_scale, dq, dk, dv, state = _over_chunks(plan, q, k, chunk, empty)
  d_data, dk = plan.form.result(state, data, dk)
  return dq, dk, dv, d_scale.astype(scale.dtype), d_data, None


def _put_keys(x, part, at, groups):
  """Writes ``[batch * K, H, S]`` into ``[B, S, K, H]``."""
  part = part.reshape(at.batch, at.heads // groups, *part.shape[1:])
  return put(x, jnp.transpose(part, (0, 3, 1, 2)), {0: at.b, 2: at.head // groups})


flash.defvjp(_keep, _backward)
