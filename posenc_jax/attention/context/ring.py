# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How keys reach every device under context parallelism: round a ring, or gathered at once.

Both are one ``custom_vjp`` over global arrays: the backward pass moves the keys again, so a device
keeps its own shard, its output and a log-sum for each row, and nothing else.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from posenc_jax import _compat
from posenc_jax.attention.context import online as tiles
from posenc_jax.attention.context.online import Keys, Rows, Rule, Shared
from posenc_jax.attention.semantics import accumulator
from posenc_jax.attention.tiles.rows import rows as attend_in_rows
from posenc_jax.attention.visibility import Visibility


class Plan(NamedTuple):
  """Static: the mesh, the axis that T and S are cut along, how keys travel, and the rule."""

  mesh: Any
  axis: str
  collective: str
  rule: Rule

  @property
  def cut(self) -> PartitionSpec:
    """The spec of every array of rows or keys."""
    return PartitionSpec(*(None,) * self.rule.batch, self.axis)


def in_parts(rows: Rows, keys: Keys, shared: Shared, plan: Plan) -> jax.Array:
  """Attention with an online softmax over parts of the keys.

  Args:
    rows, keys: global arrays.
    shared: the encoding and the scale.
    plan: static settings; ``plan.collective`` is "ring" or "gather".

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  floats, rest = zip(*map(tiles.split, (rows, keys, shared)), strict=True)
  return _in_parts(floats, rest, plan)


def in_rows(rows: Rows, keys: Keys, shared: Shared, mask, plan: Plan, *, order, tile) -> jax.Array:
  """Attention of each device's rows to all keys, gathered: for what needs whole rows.

  Args:
    rows, keys, shared, plan: as for ``in_parts``.
    mask: None or bool ``[..., 1 or N, T, S]``; it is cut along T.
    order: None, or integers ``[S]`` that put the keys back into the order of tokens, as an
      encoding may count along a row (CoPE does).
    tile: rows at a time; None chooses.

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  def local(rows, keys, shared, mask):
    keys = _gather(keys, plan)
    if order is not None:
      keys = jax.tree.map(lambda x: jnp.take(x, order, axis=plan.rule.batch), keys)
      mask = None if mask is None else jnp.take(mask, order, axis=-1)
    seen = Visibility(plan.rule.causal, plan.rule.window, rows.order, keys.order, rows.segments,
                      keys.segments, mask)
    return attend_in_rows(rows.q, keys.k, keys.v, shared.encoding, rows.positions, keys.positions,
                          seen, shared.scale, tile=tile)

  whole = PartitionSpec()
  mask_cut = PartitionSpec(*(None,) * (plan.rule.batch + 1), plan.axis)
  return _shard(local, plan, (plan.cut, plan.cut, whole, mask_cut), plan.cut)(
      rows, keys, shared, mask)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _in_parts(floats, rest, plan):
  return _forward(floats, rest, plan)[0]


def _forward(floats, rest, plan):
  def local(floats, rest):
    rows, keys, shared = map(tiles.join, floats, rest)
    see = lambda keys, state: tiles.advance(rows, keys, shared, state, plan.rule)
    state = tiles.start(rows, keys)
    if plan.collective == "gather":
      state = see(_gather(keys, plan), state)
    else:
      def step(carry, _):
        keys, state = carry
        # The next keys are on their way while these are used.
        return (_pass_on(keys, plan), see(keys, state)), None

      (keys, state), _ = jax.lax.scan(step, (keys, state), None, length=_size(plan) - 1)
      state = see(keys, state)
    out, lse = tiles.finish(state)
    return out.astype(rows.q.dtype), lse

  specs = (plan.cut, plan.cut, PartitionSpec())
  out, lse = _shard(local, plan, (specs, specs), (plan.cut, plan.cut))(floats, rest)
  return out, (floats, rest, out, lse)


def _backward(plan, saved, d_out):
  def local(floats, rest, out, lse, d_out):
    rows, keys, shared = map(tiles.join, floats, rest)
    acc = accumulator(out.dtype)
    d_out = d_out.astype(acc)
    kept = d_out, jnp.sum(d_out * out.astype(acc), axis=-1), lse
    see = lambda keys, grads: tiles.retreat(rows, keys, shared, kept, grads, plan.rule)
    d_rows, d_keys, d_shared = jax.tree.map(_zeros, floats)
    if plan.collective == "gather":
      every = _gather(keys, plan)
      d_every = jax.tree.map(_zeros, tiles.split(every)[0])
      d_rows, d_every, d_shared = see(every, (d_rows, d_every, d_shared))
      d_keys = jax.tree.map(
          lambda x: jax.lax.psum_scatter(x, plan.axis, scatter_dimension=plan.rule.batch,
                                         tiled=True), d_every)
    else:
      def step(carry, _):
        keys, (d_rows, d_keys, d_shared) = carry
        on = _pass_on(keys, plan)
        d_rows, d_keys, d_shared = see(keys, (d_rows, d_keys, d_shared))
        # The gradient of keys travels with them, and one step past the last use brings it home.
        return (on, (d_rows, _pass_on(d_keys, plan), d_shared)), None

      carry = keys, (d_rows, d_keys, d_shared)
      (keys, grads), _ = jax.lax.scan(step, carry, None, length=_size(plan) - 1)
      d_rows, d_keys, d_shared = see(keys, grads)
      d_keys = _pass_on(d_keys, plan)
    grads = d_rows, d_keys, jax.lax.psum(d_shared, plan.axis)
    return jax.tree.map(lambda x, like: x.astype(like.dtype), grads, floats)

  floats, rest, out, lse = saved
  specs = (plan.cut, plan.cut, PartitionSpec())
  grads = _shard(local, plan, (specs, specs, *(plan.cut,) * 3), specs)(
      floats, rest, out, lse, d_out)
  return grads, None


_in_parts.defvjp(_forward, _backward)


def _shard(local, plan, in_specs, out_specs):
  return _compat.shard_map(local, mesh=plan.mesh, axis=plan.axis, in_specs=in_specs,
                           out_specs=out_specs)


def _size(plan):
  return plan.mesh.shape[plan.axis]


def _pass_on(tree, plan):
  """Every device's arrays to the next device of the ring."""
  n = _size(plan)
  return jax.tree.map(
      lambda x: jax.lax.ppermute(x, plan.axis, [(i, (i + 1) % n) for i in range(n)]), tree)


def _gather(tree, plan):
  return jax.tree.map(
      lambda x: jax.lax.all_gather(x, plan.axis, axis=plan.rule.batch, tiled=True), tree)


def _zeros(x):
  return jnp.zeros(x.shape, accumulator(x.dtype))
