# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What one device does under context parallelism: its rows against keys that come in parts.

An online softmax over tiles of rows and chunks of keys, and its gradient, for any encoding whose
bias can be asked for any rows and keys. A tile and a chunk that cannot see each other are skipped
by what their order and segments say while running, so any layout of tokens profits.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from posenc_jax.attention.semantics import accumulator, dot_scores, weigh_values
from posenc_jax.attention.visibility import Visibility


class Rows(NamedTuple):
  """Queries; T is axis ``batch`` of every array, also inside positions."""

  q: jax.Array
  positions: Any
  order: Any
  segments: Any


class Keys(NamedTuple):
  """Keys and values; S is axis ``batch`` of every array."""

  k: jax.Array
  v: jax.Array
  positions: Any
  order: Any
  segments: Any


class Shared(NamedTuple):
  """What every device holds whole."""

  encoding: Any
  scale: jax.Array


class Rule(NamedTuple):
  """Static: who sees whom, and the sizes of tiles and chunks. ``batch`` counts batch axes."""

  batch: int
  causal: bool
  window: tuple[int, int] | None
  tile: int
  chunk: int


class State(NamedTuple):
  """An unfinished softmax: ``[..., T, N, H']`` and twice ``[..., T, N]``."""

  out: jax.Array
  top: jax.Array
  total: jax.Array


def split(tree):
  """(leaves that have gradients, the others), both of ``tree``'s shape with None elsewhere."""
  moves = lambda x: jnp.issubdtype(jnp.result_type(x), jnp.inexact)
  return (jax.tree.map(lambda x: x if moves(x) else None, tree),
          jax.tree.map(lambda x: None if moves(x) else x, tree))


def join(one, other):
  """Undoes ``split``."""
  return jax.tree.map(lambda a, b: b if a is None else a, one, other, is_leaf=lambda x: x is None)


def start(rows: Rows, keys: Keys) -> State:
  """The softmax of rows that have seen nothing."""
  acc = accumulator(rows.q.dtype)
  lead = rows.q.shape[:-1]
  return State(jnp.zeros((*lead, keys.v.shape[-1]), acc), jnp.full(lead, -jnp.inf, acc),
               jnp.zeros(lead, acc))


def finish(state: State) -> tuple[jax.Array, jax.Array]:
  """(output ``[..., T, N, H']``, log of the softmax sum ``[..., T, N]``), 0 if nothing was seen."""
  seen = state.total > 0
  total = jnp.where(seen, state.total, 1)
  return state.out / total[..., None], jnp.where(seen, state.top + jnp.log(total), 0)


def advance(rows: Rows, keys: Keys, shared: Shared, state: State, rule: Rule) -> State:
  """Lets all rows see ``keys`` too."""
  def one_tile(carry, tile):
    rows, state = tile

    def one_chunk(state, keys):
      step = lambda: _absorb(rows, keys, shared, state, rule)
      return _if_seen(step, state, rows, keys, rule), ()

    state, _ = _over(one_chunk, state, keys, rule.chunk, rule.batch)
    return carry, state

  _, state = _over(one_tile, (), (rows, state), rule.tile, rule.batch)
  return state


def retreat(rows: Rows, keys: Keys, shared: Shared, saved, grads, rule: Rule):
  """Adds the gradients that pass through ``keys`` to ``grads`` = (rows, keys, shared).

  Args:
    rows, keys, shared, rule: as in ``advance``.
    saved: (gradient of the output ``[..., T, N, H']``, sum over H' of it times the output
      ``[..., T, N]``, log of the softmax sum), of all rows.
    grads: differentiable parts of (rows, keys, shared) in the accumulator's dtype.
  """
  def one_tile(carry, tile):
    rows, saved, d_rows = tile

    def one_chunk(carry, part):
      (d_rows, d_shared), (keys, d_keys) = carry, part
      d_rows, d_keys, d_shared = _if_seen(
          lambda: _push_back(rows, keys, shared, saved, (d_rows, d_keys, d_shared), rule),
          (d_rows, d_keys, d_shared), rows, keys, rule)
      return (d_rows, d_shared), d_keys

    d_keys, d_shared = carry
    (d_rows, d_shared), d_keys = _over(one_chunk, (d_rows, d_shared), (keys, d_keys), rule.chunk,
                                       rule.batch)
    return (d_keys, d_shared), d_rows

  d_rows, d_keys, d_shared = grads
  (d_keys, d_shared), d_rows = _over(one_tile, (d_keys, d_shared), (rows, saved, d_rows), rule.tile,
                                     rule.batch)
  return d_rows, d_keys, d_shared


def _scores(rows: Rows, keys: Keys, shared: Shared) -> jax.Array:
  scores = dot_scores(rows.q, keys.k, shared.scale)
  if shared.encoding.has("bias"):
    bias = shared.encoding.bias(rows.q, keys.k, rows.positions, keys.positions)
    if bias is not None:
      scores = scores + bias.astype(scores.dtype)
  return scores


def _matrix(rows: Rows, keys: Keys, rule: Rule) -> jax.Array | None:
  return Visibility(rule.causal, rule.window, rows.order, keys.order, rows.segments, keys.segments,
                    None).matrix()


def _absorb(rows, keys, shared, state, rule):
  """One tile and one chunk: the step of the online softmax."""
  scores = _scores(rows, keys, shared)
  seen = _matrix(rows, keys, rule)
  if seen is not None:
    scores = jnp.where(seen, scores, -jnp.inf)
  before = jnp.moveaxis(state.top, -1, -2)[..., None]
  top = jnp.maximum(before, jnp.max(scores, axis=-1, keepdims=True))
  # Rows that have seen nothing keep exp(-inf) = 0, rather than exp(-inf + inf).
  safe = jnp.where(top == -jnp.inf, 0, top)
  e = jnp.exp(scores - safe)
  last = lambda x: jnp.moveaxis(x[..., 0], -2, -1)
  fade = last(jnp.exp(before - safe))
  out = state.out * fade[..., None] + weigh_values(e, keys.v).astype(state.out.dtype)
  return State(out, last(top), state.total * fade + last(jnp.sum(e, axis=-1, keepdims=True)))


def _push_back(rows, keys, shared, saved, grads, rule):
  """One tile and one chunk: recomputes the weights and adds their gradients to ``grads``."""
  d_out, delta, lse = saved
  row_floats, row_rest = split(rows)
  key_floats, key_rest = split(keys._replace(v=None))
  shared_floats, shared_rest = split(shared)
  score = lambda r, k, s: _scores(join(r, row_rest), join(k, key_rest), join(s, shared_rest))
  scores, pull_scores = jax.vjp(score, row_floats, key_floats, shared_floats)
  seen = _matrix(rows, keys, rule)
  if seen is not None:
    scores = jnp.where(seen, scores, -jnp.inf)
  first = lambda x: jnp.moveaxis(x, -1, -2)[..., None]
  weights = jnp.exp(scores - first(lse))
  _, pull_values = jax.vjp(weigh_values, weights, keys.v)
  d_weights, d_v = pull_values(d_out)
  d_row, d_key, d_shared = pull_scores(weights * (d_weights - first(delta)))
  add = lambda total, part: total + part.astype(total.dtype)
  return jax.tree.map(add, grads, (d_row, d_key._replace(v=d_v), d_shared))


def _if_seen(step, otherwise, rows, keys, rule):
  """step(), or ``otherwise`` if order or segments rule out that any pair is visible."""
  possible = []
  if rule.causal or rule.window is not None:
    q_low, q_high, k_low, k_high = (jnp.asarray(f(x)) for x in (rows.order, keys.order)
                                    for f in (jnp.min, jnp.max))
    if rule.causal:
      possible.append(q_high >= k_low)
    if rule.window is not None:
      left, right = rule.window
      possible.append(q_low - left <= k_high)
      possible.append(q_high + right >= k_low)
  if rows.segments is not None:
    possible.append(jnp.max(rows.segments) >= jnp.min(keys.segments))
    possible.append(jnp.min(rows.segments) <= jnp.max(keys.segments))
  if not possible:
    return step()
  return jax.lax.cond(jnp.all(jnp.stack(possible)), step, lambda: otherwise)


def _over(f, carry, data, size: int, axis: int):
  """Scans ``f(carry, part) -> (carry, out)`` over parts of ``data`` along ``axis``.

  The last part may be shorter; outs are joined along the same axis.
  """
  length = jax.tree.leaves(data)[0].shape[axis]
  full = length // size
  cut = lambda at, width: jax.tree.map(
      lambda x: jax.lax.dynamic_slice_in_dim(x, at, width, axis=axis), data)
  outs = []
  if full == 1:
    carry, out = f(carry, cut(0, size))
    outs.append(out)
  elif full > 1:
    carry, out = jax.lax.scan(lambda c, i: f(c, cut(i * size, size)), carry,
                              jnp.arange(full, dtype=jnp.int32))
    outs.append(jax.tree.map(lambda x: _merge(x, axis), out))
  if length > full * size:
    carry, out = f(carry, cut(full * size, length - full * size))
    outs.append(out)
  return carry, jax.tree.map(lambda *x: jnp.concatenate(x, axis) if len(x) > 1 else x[0], *outs)


def _merge(x, axis):
  """``[parts, .., size, ..]`` to ``[.., parts * size, ..]``."""
  x = jnp.moveaxis(x, 0, axis)
  return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2:])
