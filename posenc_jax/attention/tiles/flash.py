# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention in tiles of whole rows with a gradient of its own: O(tile * S) memory, five matmuls.

The forward pass keeps the output and the log of each row's sum; the backward pass makes the weights
again from them. Bias and mask join the scores in one pass over the tile, and the gradient of the
bias is taken from the tile as well, so nothing of size T x S exists in either direction.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax.attention import visibility
from posenc_jax.attention.tiles.forms import flat, put, same_rank, take
from posenc_jax.attention.tiles.schedule import Group
from posenc_jax.attention.visibility import Rule, Side
from posenc_jax.base import Tile, check_heads

LOWEST = -1e30  # the score of a hidden key


class Work(NamedTuple):
  """What is known before any number is: how the work is cut, and the form of the bias.

  Attributes:
    groups: tiles of rows and keys.
    batch, heads: examples and key heads in one step.
    rule: static facts about who sees whom.
    form: one of ``forms``.
    scale_known: no gradient is wanted for the scale.
  """

  groups: tuple[Group, ...]
  batch: int
  heads: int
  rule: Rule
  form: Any
  scale_known: bool


class Masking(NamedTuple):
  """What hides pairs: arrays with one batch axis, and no gradient.

  Attributes:
    queries, keys: sides without x; with positions only if ``encoding`` is given.
    mask: None, or bool ``[..., 1 or N, T, S]``.
    encoding: None, or one that answers ``visible``.
  """

  queries: Side
  keys: Side
  mask: Any
  encoding: Any


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

  @property
  def of_rows(self):
    """Starts and sizes of an array ``[B, N, T]``."""
    return ({0: self.b, 1: self.head, 2: self.row}, {0: self.batch, 1: self.heads, 2: self.rows})


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def flash(work: Work, q, k, v, scale, data, masking: Masking):
  """Attention of q ``[B, T, N, H]`` to k ``[B, S, K, H]``, v ``[B, S, K, H']``.

  Args:
    work: static.
    q, k, v: arrays.
    scale: scalar, multiplies q k^T.
    data: what the form computes the bias from; gets gradients.
    masking: what hides pairs.

  Returns:
    ``[B, T, N, H']`` of q's dtype.
  """
  return _forward(work, q, k, v, scale, data, masking)[0]


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


def _put_keys(x, part, at, groups):
  """Writes ``[batch * K, H, S]`` into ``[B, S, K, H]``."""
  part = part.reshape(at.batch, at.heads // groups, *part.shape[1:])
  return put(x, jnp.transpose(part, (0, 3, 1, 2)), {0: at.b, 2: at.head // groups})


def _tile_scores(work, q, k, scale, context, data, masking, at, sources):
  """Scaled, biased and masked scores of one tile: ``[rows, keys]`` or ``[batch * heads, ..]``.

  What is masked becomes a huge negative number, not -inf, so that no later pass has to look for
  rows that see nothing.
  """
  acc = _numerics.wide(q)
  s = jnp.einsum("xth,xsh->xts", q, k, preferred_element_type=acc)
  x = s.reshape(-1, at.rows, at.keys)
  x = (x[0] if len(x) == 1 else x) * scale
  bias = work.form.bias(context, data, at, sources, scale)
  if bias is not None:
    x = jnp.maximum(jnp.add(*same_rank(x, bias.astype(acc))), LOWEST)
  mask = _tile_mask(work, masking, at, sources, scale)
  if mask is not None:
    mask, x = same_rank(mask, x)
    x = jnp.where(mask, x, LOWEST)
  return x


def _joined(x, k, dtype):
  """Scores of query heads as matmuls take them: ``[batch * K, G * rows, keys]``."""
  return x.astype(dtype).reshape(len(k), -1, x.shape[-1])


def _tile_mask(work, masking, at, sources, scale):
  """bool ``[rows, keys]`` where all of the step share it, else ``[batch * heads, ..]``; or None."""
  rows = lambda x: take(x, {0: at.b, 1: at.row}, {0: at.batch, 1: at.rows})
  keys = lambda x: take(x, {0: at.b, 1: at.key}, {0: at.batch, 1: at.keys})
  queries, seen = jax.tree.map(rows, masking.queries), jax.tree.map(keys, masking.keys)
  out = None
  if masking.encoding is not None:
    tile = Tile(rows(sources[0]), keys(sources[1]), queries.positions, seen.positions, scale)
    out = masking.encoding.visible(tile)
    if out is not None and out.shape[-3] != 1:
      check_heads(masking.encoding, "visible", out.shape[-3], at.heads)
  mask = masking.mask
  if mask is not None:
    mask = take(mask, {0: at.b, 1: at.head, 2: at.row, 3: at.key},
                {0: at.batch, 1: at.heads, 2: at.rows, 3: at.keys})
  out = visibility.both(mask, out)
  ruled = _ruled(work.rule, queries._replace(positions=()), seen._replace(positions=()), at)
  if out is None or ruled is None:
    return ruled if out is None else flat(out, at)
  return jnp.logical_and(*same_rank(flat(out, at), ruled))


def _ruled(rule, queries, keys, at):
  """The rule's matrix, with its axes of examples and heads folded before it is made."""
  arrays = jax.tree.leaves((queries, keys))
  if all(len(x) == 1 for x in arrays):
    each = lambda x: x[0]
  else:
    each = lambda x: jnp.broadcast_to(x[:, None], (at.batch, at.heads, x.shape[1])).reshape(
        -1, x.shape[1])
  out = visibility.matrix(rule, jax.tree.map(each, queries), jax.tree.map(each, keys))
  return None if out is None else out[..., 0, :, :]


def _over_chunks(work, q, k, body, carry):
  """Runs ``body(at, carry)`` for every chunk of examples and heads."""
  groups = q.shape[2] // k.shape[2]
  across = k.shape[2] // work.heads
  count = q.shape[0] // work.batch * across

  def step(i, carry):
    at = At(i // across * work.batch, work.batch, i % across * (work.heads * groups),
            work.heads * groups, chunk=i)
    return body(at, carry)

  return step(0, carry) if count == 1 else jax.lax.fori_loop(0, count, step, carry)


def _over_tiles(work, chunk, body, carry, parts):
  """Runs ``body(at, parts of these keys, carry)`` for every tile, one after the other."""
  for group in work.groups:
    fixed = (group.key_starts == group.key_starts[0]).all()
    cut = lambda x, j, n=group.keys: take(x, {1: j}, {1: n})
    shared = [cut(x, group.key_starts[0]) for x in parts] if fixed else None

    def step(i, carry, group=group, fixed=fixed, shared=shared, cut=cut):
      row = _start(group.row_starts, i)
      key = group.key_starts[0] if fixed else _start(group.key_starts, i)
      at = chunk._replace(row=row, rows=group.rows, key=key, keys=group.keys)
      return body(at, shared if fixed else [cut(x, key) for x in parts], carry)

    # Make the trip count depend on a traced value: with a constant count XLA unrolls one-tile
    # loops, hoists the masks and keeps all of them in memory.
    count = len(group.row_starts) + jnp.minimum(chunk.chunk, 0)
    carry = jax.lax.fori_loop(0, count, step, carry)
  return carry


def _start(starts, i):
  """starts[i], by arithmetic where that is possible."""
  step = starts[1] - starts[0] if len(starts) > 1 else 1
  if (np.diff(starts) == step).all():
    return starts[0] + i * step
  return jnp.asarray(starts)[i]


def _forward(work, q, k, v, scale, data, masking):
  acc = _numerics.wide(q)
  groups = q.shape[2] // k.shape[2]

  def chunk(at, carry):
    context = work.form.open(data, at)
    return _over_tiles(work, at, functools.partial(tile, context), carry,
                       [_keys(k, at, groups), _keys(v, at, groups)])

  def tile(context, at, parts, carry):
    out, sums = carry
    kt, vt = parts
    s = _tile_scores(work, _rows(q, at, groups), kt, scale, context, data, masking, at, (q, k))
    top = jnp.max(s, axis=-1, keepdims=True)
    e = jnp.exp(s - top)
    total = jnp.sum(e, axis=-1, keepdims=True)
    o = jnp.einsum("xts,xsh->xth", _joined(e, kt, v.dtype), vt, preferred_element_type=acc)
    # A row that sees nothing is zero; its log-sum is such that the backward pass finds zeros.
    alive = top > LOWEST / 2
    o = o * jnp.where(alive, 1 / total, 0).reshape(*o.shape[:2], 1)
    lse = jnp.where(alive, top + jnp.log(total), 0).reshape(at.batch, at.heads, at.rows)
    return _put_rows(out, o, at, groups), put(sums, lse, at.of_rows[0])

  b, t, n, _ = q.shape
  empty = jnp.zeros((b, t, n, v.shape[-1]), q.dtype), jnp.zeros((b, n, t), acc)
  return _over_chunks(work, q, k, chunk, empty)


def _keep(work, q, k, v, scale, data, masking):
  out, lse = _forward(work, q, k, v, scale, data, masking)
  return out, (q, k, v, scale, data, masking, out, lse)


def _backward(work, kept, d_out):
  q, k, v, scale, data, _, out, _ = kept
  acc = _numerics.wide(q)
  groups = q.shape[2] // k.shape[2]
  delta = jnp.swapaxes(jnp.sum(d_out.astype(acc) * out.astype(acc), axis=-1), 1, 2)

  def chunk(at, carry):
    d_scale, dq, dk, dv, state = carry
    kc, vc = _keys(k, at, groups), _keys(v, at, groups)
    context = work.form.open(data, at)
    zeros = [jnp.zeros((x.shape[0], x.shape[2], x.shape[1]), acc) for x in (kc, vc)]
    carry = d_scale, dq, *zeros, work.form.begin(state, context)
    tile = functools.partial(_backward_tile, work, kept, d_out, delta, context)
    d_scale, dq, dkc, dvc, state = _over_tiles(work, at, tile, carry, [kc, vc])
    dk, dv = _put_keys(dk, dkc * scale, at, groups), _put_keys(dv, dvc, at, groups)
    return d_scale, dq, dk, dv, work.form.close(state, at)

  empty = (jnp.zeros((), acc), jnp.zeros_like(q), jnp.zeros_like(k), jnp.zeros_like(v),
           work.form.zeros(data, (q, k)))
  d_scale, dq, dk, dv, state = _over_chunks(work, q, k, chunk, empty)
  d_data, dk, more = work.form.result(state, data, dk)
  d_scale = d_scale if more is None else d_scale + more
  return dq, dk, dv, d_scale.astype(scale.dtype), d_data, None


def _backward_tile(work, kept, d_out, delta, context, at, parts, carry):
  """Adds the gradients of one tile to (scale, dq, dk and dv of the chunk, the form's state)."""
  q, k, v, scale, data, masking, _, lse = kept
  acc, groups = _numerics.wide(q), q.shape[2] // k.shape[2]
  d_scale, dq, dkc, dvc, state = carry
  kt, vt = parts
  qt, dt = (_rows(x, at, groups) for x in (q, d_out))
  s = _tile_scores(work, qt, kt, scale, context, data, masking, at, (q, k))
  lt, et = (take(x, *at.of_rows).reshape(*s.shape[:-1], 1) for x in (lse, delta))
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
  state, dq = work.form.back(state, context, data, ds, at, (q, k), dq, scale)
  if not work.scale_known:
    d_scale = d_scale + jnp.sum(dqt * qt.astype(acc))
  return d_scale, dq, dkc, dvc, state


flash.defvjp(_keep, _backward)
