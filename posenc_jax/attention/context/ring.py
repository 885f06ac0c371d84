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

from posenc_jax import _compat, _numerics
from posenc_jax.attention.call import Call
from posenc_jax.attention.context import online as tiles
from posenc_jax.attention.context.online import Keys, Shared
from posenc_jax.attention.tiles import rows as rows_lib
from posenc_jax.attention.visibility import Side


class Route(NamedTuple):
  """Static: the mesh, the axis that T and S are cut along, how keys travel, and the cut."""

  mesh: Any
  axis: str
  collective: str
  cut: tiles.Cut

  @property
  def spec(self) -> PartitionSpec:
    """The spec of every array of rows or keys."""
    return PartitionSpec(*(None,) * self.cut.batch, self.axis)


def in_parts(rows: Side, keys: Keys, shared: Shared, route: Route) -> jax.Array:
  """Attention with an online softmax over parts of the keys.

  Args:
    rows, keys: global arrays.
    shared: the encoding and the scale.
    route: static settings; ``route.collective`` is "ring" or "gather".

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  return _in_parts(*_numerics.split_floats((rows, keys, shared)), route)


def in_rows(rows: Side, keys: Keys, shared: Shared, mask, route: Route, *, order,
            tile) -> jax.Array:
  """Attention of each device's rows to all keys, gathered: for what needs whole rows.

  Args:
    rows, keys, shared, route: as for ``in_parts``.
    mask: None or bool ``[..., 1 or N, T, S]``; it is cut along T.
    order: None, or integers ``[S]`` that put the keys back into the order of tokens, as an
      encoding may count along a row (CoPE does).
    tile: rows at a time; None chooses.

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  def local(rows, keys, shared, mask):
    keys = _gather(keys, route)
    if order is not None:
      keys = jax.tree.map(lambda x: jnp.take(x, order, axis=route.cut.batch), keys)
      mask = None if mask is None else jnp.take(mask, order, axis=-1)
    return rows_lib.run(Call(rows, keys.side, keys.v, route.cut.rule, mask, shared.scale,
                             shared.encoding, tile_rows=tile))

  whole = PartitionSpec()
  mask_cut = PartitionSpec(*(None,) * (route.cut.batch + 1), route.axis)
  return _shard(local, route, (route.spec, route.spec, whole, mask_cut), route.spec)(
      rows, keys, shared, mask)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _in_parts(floats, rest, route):
  return _forward(floats, rest, route)[0]


def _forward(floats, rest, route):
  def local(floats, rest):
    rows, keys, shared = _numerics.join(floats, rest)
    see = lambda keys, state: tiles.advance(rows, keys, shared, state, route.cut)
    state = tiles.start(rows, keys)
    if route.collective == "gather":
      state = see(_gather(keys, route), state)
    else:
      def step(carry, _):
        keys, state = carry
        # The next keys are on their way while these are used.
        return (_pass_on(keys, route), see(keys, state)), None

      (keys, state), _ = jax.lax.scan(step, (keys, state), None, length=_size(route) - 1)
      state = see(keys, state)
    out, lse = tiles.finish(state)
    return out.astype(rows.x.dtype), lse

  specs = (route.spec, route.spec, PartitionSpec())
  out, lse = _shard(local, route, (specs, specs), (route.spec, route.spec))(floats, rest)
  return out, (floats, rest, out, lse)


def _backward(route, saved, d_out):
  def local(floats, rest, out, lse, d_out):
    rows, keys, shared = _numerics.join(floats, rest)
    acc = _numerics.wide(out)
    d_out = d_out.astype(acc)
    kept = d_out, jnp.sum(d_out * out.astype(acc), axis=-1), lse
    see = lambda keys, grads: tiles.retreat(rows, keys, shared, kept, grads, route.cut)
    d_rows, d_keys, d_shared = jax.tree.map(_zeros, floats)
    if route.collective == "gather":
      every = _gather(keys, route)
      d_every = jax.tree.map(_zeros, _numerics.split_floats(every)[0])
      d_rows, d_every, d_shared = see(every, (d_rows, d_every, d_shared))
      d_keys = jax.tree.map(
          lambda x: jax.lax.psum_scatter(x, route.axis, scatter_dimension=route.cut.batch,
                                         tiled=True), d_every)
    else:
      def step(carry, _):
        keys, (d_rows, d_keys, d_shared) = carry
        on = _pass_on(keys, route)
        d_rows, d_keys, d_shared = see(keys, (d_rows, d_keys, d_shared))
        # The gradient of keys travels with them, and one step past the last use brings it home.
        return (on, (d_rows, _pass_on(d_keys, route), d_shared)), None

      carry = keys, (d_rows, d_keys, d_shared)
      (keys, grads), _ = jax.lax.scan(step, carry, None, length=_size(route) - 1)
      d_rows, d_keys, d_shared = see(keys, grads)
      d_keys = _pass_on(d_keys, route)
    grads = d_rows, d_keys, jax.lax.psum(d_shared, route.axis)
    return jax.tree.map(lambda x, like: x.astype(like.dtype), grads, floats)

  floats, rest, out, lse = saved
  specs = (route.spec, route.spec, PartitionSpec())
  grads = _shard(local, route, (specs, specs, *(route.spec,) * 3), specs)(
      floats, rest, out, lse, d_out)
  return grads, None


_in_parts.defvjp(_forward, _backward)


def _shard(local, route, in_specs, out_specs):
  return _compat.shard_map(local, mesh=route.mesh, axis=route.axis, in_specs=in_specs,
                           out_specs=out_specs)


def _size(route):
  return route.mesh.shape[route.axis]


def _pass_on(tree, route):
  """Every device's arrays to the next device of the ring."""
  n = _size(route)
  return jax.tree.map(
      lambda x: jax.lax.ppermute(x, route.axis, [(i, (i + 1) % n) for i in range(n)]), tree)


def _gather(tree, route):
  return jax.tree.map(
      lambda x: jax.lax.all_gather(x, route.axis, axis=route.cut.batch, tiled=True), tree)


def _zeros(x):
  return jnp.zeros(x.shape, _numerics.wide(x))
