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

from posenc_jax import _numerics
from posenc_jax.attention import visibility
from posenc_jax.attention.call import Call
from posenc_jax.attention.semantics import biased_scores, visible_pairs, weigh_values
from posenc_jax.attention.visibility import Rule, Side
from posenc_jax.base import Encoding


class Keys(NamedTuple):
  """Keys and values; S is axis ``batch`` of every array."""

  side: Side
  v: Any


class Shared(NamedTuple):
  """What every device holds whole."""

  encoding: Encoding
  scale: jax.Array


class Cut(NamedTuple):
  """Static: the mask rule, and the sizes of tiles and chunks. ``batch`` counts batch axes."""

  rule: Rule
  batch: int
  tile: int
  chunk: int


class State(NamedTuple):
  """An unfinished softmax: ``[..., T, N, H']`` and twice ``[..., T, N]``."""

  out: jax.Array
  top: jax.Array
  total: jax.Array


def start(rows: Side, keys: Keys) -> State:
  """The softmax of rows that have seen nothing."""
  acc = _numerics.wide(rows.x)
  lead = rows.x.shape[:-1]
  return State(jnp.zeros((*lead, keys.v.shape[-1]), acc), jnp.full(lead, -jnp.inf, acc),
               jnp.zeros(lead, acc))


def finish(state: State) -> tuple[jax.Array, jax.Array]:
  """(output ``[..., T, N, H']``, log of the softmax sum ``[..., T, N]``), 0 if nothing was seen."""
  seen = state.total > 0
  total = jnp.where(seen, state.total, 1)
  return state.out / total[..., None], jnp.where(seen, state.top + jnp.log(total), 0)


def advance(rows: Side, keys: Keys, shared: Shared, state: State, cut: Cut) -> State:
  """Lets all rows see ``keys`` too."""
  def one_tile(carry, tile):
    rows, state = tile

    def one_chunk(state, keys):
      step = lambda: _absorb(rows, keys, shared, state, cut)
      return _if_seen(step, state, rows, keys, cut), ()

    state, _ = _over(one_chunk, state, keys, cut.chunk, cut.batch)
    return carry, state

  _, state = _over(one_tile, (), (rows, state), cut.tile, cut.batch)
  return state


def retreat(rows: Side, keys: Keys, shared: Shared, saved, grads, cut: Cut):
  """Adds the gradients that pass through ``keys`` to ``grads`` = (rows, keys, shared).

  Args:
    rows, keys, shared, cut: as in ``advance``.
    saved: (gradient of the output ``[..., T, N, H']``, sum over H' of it times the output
      ``[..., T, N]``, log of the softmax sum), of all rows.
    grads: differentiable parts of (rows, keys, shared) in the accumulator's dtype.
  """
  def one_tile(carry, tile):
    rows, saved, d_rows = tile

    def one_chunk(carry, part):
      (d_rows, d_shared), (keys, d_keys) = carry, part
      d_rows, d_keys, d_shared = _if_seen(
          lambda: _push_back(rows, keys, shared, saved, (d_rows, d_keys, d_shared), cut),
          (d_rows, d_keys, d_shared), rows, keys, cut)
      return (d_rows, d_shared), d_keys

    d_keys, d_shared = carry
    (d_rows, d_shared), d_keys = _over(one_chunk, (d_rows, d_shared), (keys, d_keys), cut.chunk,
                                       cut.batch)
    return (d_keys, d_shared), d_rows

  d_rows, d_keys, d_shared = grads
  (d_keys, d_shared), d_rows = _over(one_tile, (d_keys, d_shared), (rows, saved, d_rows), cut.tile,
                                     cut.batch)
  return d_rows, d_keys, d_shared


def _call(rows: Side, keys: Keys, shared: Shared, cut: Cut) -> Call:
  """The rectangle of these rows and keys as a call of its own."""
  return Call(rows, keys.side, keys.v, cut.rule, None, shared.scale, shared.encoding)


def _masked_scores(call: Call) -> jax.Array:
  """Scores of a rectangle, -inf where hidden."""
  scores, seen = biased_scores(call), visible_pairs(call)
  return scores if seen is None else jnp.where(seen, scores, -jnp.inf)


def _absorb(rows, keys, shared, state, cut):
  """One tile and one chunk: the step of the online softmax."""
  scores = _masked_scores(_call(rows, keys, shared, cut))
  before = jnp.moveaxis(state.top, -1, -2)[..., None]
  top = jnp.maximum(before, jnp.max(scores, axis=-1, keepdims=True))
  # Rows that have seen nothing keep exp(-inf) = 0, rather than exp(-inf + inf).
  safe = jnp.where(top == -jnp.inf, 0, top)
  e = jnp.exp(scores - safe)
  last = lambda x: jnp.moveaxis(x[..., 0], -2, -1)
  fade = last(jnp.exp(before - safe))
  out = state.out * fade[..., None] + weigh_values(e, keys.v).astype(state.out.dtype)
  return State(out, last(top), state.total * fade + last(jnp.sum(e, axis=-1, keepdims=True)))


def _push_back(rows, keys, shared, saved, grads, cut):
  """One tile and one chunk: recomputes the weights and adds their gradients to ``grads``."""
  d_out, delta, lse = saved
  floats, rest = _numerics.split_floats((rows, keys._replace(v=None), shared))

  def score(floats):
    rows, keys, shared = _numerics.join(floats, rest)
    return _masked_scores(_call(rows, keys, shared, cut))

  scores, pull_scores = jax.vjp(score, floats)
  first = lambda x: jnp.moveaxis(x, -1, -2)[..., None]
  weights = jnp.exp(scores - first(lse))
  _, pull_values = jax.vjp(weigh_values, weights, keys.v)
  d_weights, d_v = pull_values(d_out)
  (d_row, d_key, d_shared), = pull_scores(weights * (d_weights - first(delta)))
  add = lambda total, part: total + part.astype(total.dtype)
  return jax.tree.map(add, grads, (d_row, d_key._replace(v=d_v), d_shared))


def _if_seen(step, otherwise, rows, keys, cut):
  """step(), or ``otherwise`` if order or segments rule out that any pair is visible."""
  possible = visibility.may_see(cut.rule, rows, keys.side)
  return step() if possible is None else jax.lax.cond(possible, step, lambda: otherwise)


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
  return carry, jax.tree.map(lambda *x: jnp.concatenate(x, axis) if x[1:] else x[0], *outs)


def _merge(x, axis):
  """``[parts, .., size, ..]`` to ``[.., parts * size, ..]``."""
  x = jnp.moveaxis(x, 0, axis)
  return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2:])
