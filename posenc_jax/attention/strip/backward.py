# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The three backward strip kernels: dq by rows, dk and dv by columns, the bias by diagonals.

Each recomputes its tiles from the rows' log-sums, so nothing of size T x S is kept, and each output
block has one owner that adds in a fixed order: no atomics, the same bits every time.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from posenc_jax.attention.strip.forward import dot, parallel, strip_specs, tile_scores
from posenc_jax.attention.strip.geometry import LANES, Plan, make_strip


def queries_gradient(q, k, v, vector, lse, do, delta, plan: Plan) -> jax.Array:
  """dq: for each block of queries, over the blocks of keys that it sees.

  Args:
    q: ``[B, N, T', H]``; k: ``[B, K, S', H]``; v: ``[B, K, S', H']``; vector: ``[N, T+S-1]``.
    lse: ``[B, N, 1, T']`` from ``forward``; do: ``[B, N, T', H']``.
    delta: float32 ``[B, N, 1, T']``, the sums over H' of do * out.
    plan: the geometry.

  Returns:
    Like q.
  """
  b, n, _, _ = q.shape
  group = n // k.shape[1]

  def at(i, step):
    first, last = plan.key_blocks(i)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  tile = lambda b, h, i, step: (b, h, jax.lax.div(h, jnp.int32(group)), i, at(i, step))
  return pl.pallas_call(
      functools.partial(_queries_kernel, plan=plan),
      grid=(b, n, plan.rows, plan.key_steps),
      in_specs=_specs(q, v, plan, tile),
      out_specs=pl.BlockSpec((None, None, plan.block_q, q.shape[-1]),
                             lambda b, h, i, step: (b, h, i, 0)),
      out_shape=jax.ShapeDtypeStruct(q.shape, q.dtype),
      scratch_shapes=[
          pltpu.VMEM((plan.block_q, q.shape[-1]), jnp.float32),
          pltpu.VMEM((plan.block_q, LANES), jnp.float32),
          pltpu.VMEM((plan.block_q, LANES), jnp.float32),
      ],
      compiler_params=parallel(3, 1),
      interpret=plan.interpret,
      name="strip_attention_dq",
  )(q, k, v, do, lse, delta, *[make_strip(vector, plan)] * plan.pieces)


def _queries_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, plan):
  *strip_refs, dq_ref, acc_ref, lse_column, delta_column = refs
  i, step = pl.program_id(2), pl.program_id(3)
  first, last = plan.key_blocks(i)
  j = first + step

  @pl.when(step == 0)
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)
    lse_column[...] = _columns(lse_ref[...])
    delta_column[...] = _columns(delta_ref[...])

  @pl.when(j <= last)
  def _():
    _, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_column[:, :1], delta_column[:, :1],
                     strip_refs, i, j, plan)
    acc_ref[...] += dot(ds.astype(k_ref.dtype), k_ref[...], 1, 0)

  @pl.when(step == plan.key_steps - 1)
  def _():
    dq_ref[...] = (acc_ref[...] * plan.scale).astype(dq_ref.dtype)


def keys_gradient(q, k, v, vector, lse, do, delta, plan: Plan) -> tuple[jax.Array, jax.Array]:
  """dk and dv: for each block of keys, over its heads' queries that see it. Args as for dq.

  Returns:
    (like k, like v).
  """
  b, n, _, _ = q.shape
  heads = k.shape[1]
  group = n // heads

  def at(j, step):
    first, last = plan.query_blocks(j)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  tile = lambda b, h, j, g, step: (b, h * group + g, h, at(j, step), j)
  column = lambda b, h, j, g, step: (b, h, j, 0)
  return pl.pallas_call(
      functools.partial(_keys_kernel, plan=plan, group=group),
      grid=(b, heads, plan.columns, group, plan.query_steps),
      in_specs=_specs(q, v, plan, tile),
      out_specs=[pl.BlockSpec((None, None, plan.block_k, x.shape[-1]), column) for x in (k, v)],
      out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (k, v)],
      scratch_shapes=[pltpu.VMEM((plan.block_k, x.shape[-1]), jnp.float32) for x in (k, v)],
      compiler_params=parallel(3, 2),
      interpret=plan.interpret,
      name="strip_attention_dkv",
  )(q, k, v, do, lse, delta, *[make_strip(vector, plan)] * plan.pieces)


def _keys_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, plan, group):
  *strip_refs, dk_ref, dv_ref, dk_acc, dv_acc = refs
  j, g, step = pl.program_id(2), pl.program_id(3), pl.program_id(4)
  first, last = plan.query_blocks(j)
  i = first + step

  @pl.when((g == 0) & (step == 0))
  def _():
    dk_acc[...] = jnp.zeros_like(dk_acc)
    dv_acc[...] = jnp.zeros_like(dv_acc)

  @pl.when(i <= last)
  def _():
    p, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_ref[...], delta_ref[...], strip_refs, i, j,
                     plan, flip=True)
    dv_acc[...] += dot(p.astype(do_ref.dtype), do_ref[...], 1, 0)
    dk_acc[...] += dot(ds.astype(q_ref.dtype), q_ref[...], 1, 0)

  @pl.when((g == group - 1) & (step == plan.query_steps - 1))
  def _():
    dk_ref[...] = (dk_acc[...] * plan.scale).astype(dk_ref.dtype)
    dv_ref[...] = dv_acc[...].astype(dv_ref.dtype)


def vector_gradient(q, k, v, vector, lse, do, delta, plan: Plan) -> jax.Array:
  """d vector: for each block diagonal, over the batch and the tiles on it. Args as for dq.

  The tiles of a diagonal are added up in place, folded once into the shape of their window of the
  strip, and the strip's adjoint turns windows into the vector.

  Returns:
    Like vector.
  """
  b, n, _, _ = q.shape
  group = n // k.shape[1]
  plan = plan.square()
  unit, pieces = plan.unit, plan.pieces

  def place(d, step):
    row, count = _diagonal(d, plan)
    row = jnp.minimum(row + step, row + count - 1)
    return row, row + d + plan.first_diagonal

  def tile(h, d, b, step):
    return b, h, jax.lax.div(h, jnp.int32(group)), *place(d, step)

  windows = pl.pallas_call(
      functools.partial(_vector_kernel, plan=plan, batch=b),
      grid=(n, plan.diagonals, b, min(plan.rows, plan.columns)),
      in_specs=_specs(q, v, plan, tile),
      out_specs=pl.BlockSpec((None, None, LANES, pieces * unit),
                             lambda h, d, b, step: (h, d, 0, 0)),
      out_shape=jax.ShapeDtypeStruct((n, plan.diagonals, LANES, pieces * unit), jnp.float32),
      scratch_shapes=[
          pltpu.VMEM((unit, unit), jnp.float32),
          pltpu.VMEM((unit, LANES), jnp.float32),
          pltpu.VMEM((unit, LANES), jnp.float32),
      ],
      compiler_params=parallel(2, 2),
      interpret=plan.interpret,
      name="strip_attention_dbias",
  )(q, k, v, do, lse, delta, *[make_strip(vector, plan)] * pieces)
  windows = jnp.moveaxis(windows.reshape(n, plan.diagonals, LANES, pieces, unit), 2, 1)
  strip = functools.reduce(jnp.add, [
      jnp.pad(windows[:, :, :, p], ((0, 0), (0, 0), (p, pieces - 1 - p), (0, 0)))
      for p in range(pieces)])
  unskew = jax.linear_transpose(lambda x: make_strip(x, plan), vector)
  return unskew(strip.reshape(n, LANES, -1))[0]


def _vector_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, plan, batch):
  *strip_refs, window_ref, acc_ref, lse_column, delta_column = refs
  d, b, step = pl.program_id(1), pl.program_id(2), pl.program_id(3)
  row, count = _diagonal(d, plan)
  i = row + step

  @pl.when((b == 0) & (step == 0))
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)

  @pl.when(step < count)
  def _():
    lse_column[...] = _columns(lse_ref[...])
    delta_column[...] = _columns(delta_ref[...])
    _, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_column[:, :1], delta_column[:, :1],
                     strip_refs, i, i + d + plan.first_diagonal, plan)
    acc_ref[...] += ds

  @pl.when((b == batch - 1) & (step == min(plan.rows, plan.columns) - 1))
  def _():
    window_ref[...] = jnp.zeros_like(window_ref)
    for a in range(plan.unit // LANES):
      start = plan.unit - LANES * (a + 1)
      window_ref[:, start:start + plan.unit] += acc_ref[a * LANES:(a + 1) * LANES, :]


def _diagonal(d, plan: Plan):
  """First row and number of tiles of diagonal ``d``, counted from the first visible one."""
  shift = d + plan.first_diagonal
  row = jnp.maximum(-shift, 0)
  return row, jnp.minimum(plan.rows, plan.columns - shift) - row


def _weights(q_ref, k_ref, v_ref, do_ref, lse, delta, strip_refs, i, j, plan, *, flip=False):
  """A tile's softmax weights and the gradient of its scores, both transposed if ``flip``."""
  scores = tile_scores(q_ref[...], k_ref[...], strip_refs, i, j, plan, flip=flip)
  p = jnp.exp(scores - lse)
  dp = dot(v_ref[...], do_ref[...], 1, 1) if flip else dot(do_ref[...], v_ref[...], 1, 1)
  return p, p * (dp - delta)


def _columns(row: jax.Array) -> jax.Array:
  """``[1, n]`` to ``[n, LANES]``, every lane the same."""
  return jnp.broadcast_to(row, (LANES, row.shape[1])).T


def _specs(q, v, plan: Plan, tile) -> list[pl.BlockSpec]:
  """Specs of q, k, v, do, lse, delta and the strip; ``tile`` maps the grid to
  (batch, query head, key head, row, column)."""
  def pick(block, index):
    return pl.BlockSpec(block, lambda *grid: index(*tile(*grid)))

  row, column = lambda b, h, g, i, j: (b, h, i, 0), lambda b, h, g, i, j: (b, g, j, 0)
  line = pick((None, None, 1, plan.block_q), lambda b, h, g, i, j: (b, h, 0, i))
  return [
      pick((None, None, plan.block_q, q.shape[-1]), row),
      pick((None, None, plan.block_k, q.shape[-1]), column),
      pick((None, None, plan.block_k, v.shape[-1]), column),
      pick((None, None, plan.block_q, v.shape[-1]), row),
      line,
      line,
      *strip_specs(plan, lambda *grid: tile(*grid)[1:2] + tile(*grid)[3:]),
  ]
