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

from posenc_jax.attention.strip.forward import cost, dot, line_specs, parallel, tile_scores
from posenc_jax.attention.strip.geometry import LANES, Geometry, make_line
from posenc_jax.attention.strip.segments import Ids, id_arrays, id_specs, may_see, take_refs


def queries_gradient(q, k, v, vector, ids: Ids | None, lse, do, delta,
                     geometry: Geometry) -> jax.Array:
  """dq: for each block of queries, over the blocks of keys that it sees.

  Args:
    q: ``[B, N, H, T']``; k: ``[B, K, H, S']``; v: ``[B, K, H', S']``.
    vector: ``[N, T+S-1]`` with -inf at hidden distances.
    ids: segment ids, or None.
    lse: ``[B, N, 1, T']`` from ``forward``; do: ``[B, N, H', T']``.
    delta: float32 ``[B, N, 1, T']``, the sums over H' of do * out.
    geometry: the geometry.

  Returns:
    Like q.
  """
  b, n, _, _ = q.shape
  group = n // k.shape[1]

  def at(i, step):
    first, last = geometry.key_blocks(i)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  tile = lambda b, h, i, step: (b, h, jax.lax.div(h, jnp.int32(group)), i, at(i, step))
  return pl.pallas_call(
      functools.partial(_queries_kernel, geometry=geometry),
      grid=(b, n, geometry.rows, geometry.key_steps),
      in_specs=_specs(q, v, geometry, tile),
      out_specs=pl.BlockSpec((None, None, q.shape[2], geometry.block_q),
                             lambda b, h, i, step: (b, h, 0, i)),
      out_shape=jax.ShapeDtypeStruct(q.shape, q.dtype),
      scratch_shapes=[pltpu.VMEM((q.shape[2], geometry.block_q), jnp.float32)],
      compiler_params=parallel(3, 1),
      cost_estimate=cost(geometry, b * n, matmuls=(q.shape[2], v.shape[2], q.shape[2]),
                         arrays=(q, k, v, do, q)),
      interpret=geometry.interpret,
      name="strip_attention_dq",
  )(q, k, v, do, lse, delta, *id_arrays(ids, geometry),
    *[make_line(vector, geometry)] * geometry.pieces)


def _queries_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, geometry):
  ids, refs = take_refs(refs, geometry)
  *line_refs, dq_ref, acc_ref = refs
  i, step = pl.program_id(2), pl.program_id(3)
  first, last = geometry.key_blocks(i)
  j = first + step

  @pl.when(step == 0)
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)

  @pl.when(may_see(j <= last, ids, i, j, geometry))
  def _():
    _, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, line_refs, ids, j, geometry)
    acc_ref[...] += dot(k_ref[...], ds.astype(k_ref.dtype), 1, 0)

  @pl.when(step == geometry.key_steps - 1)
  def _():
    dq_ref[...] = (acc_ref[...] * geometry.scale).astype(dq_ref.dtype)


def keys_gradient(q, k, v, vector, ids: Ids | None, lse, do, delta,
                  geometry: Geometry) -> tuple[jax.Array, jax.Array]:
  """dk and dv: for each block of keys, over its heads' queries that see it. Args as for dq.

  Returns:
    (like k, like v).
  """
  b, n, _, _ = q.shape
  heads = k.shape[1]
  group = n // heads

  def at(j, step):
    first, last = geometry.query_blocks(j)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  tile = lambda b, h, j, g, step: (b, h * group + g, h, at(j, step), j)
  column = lambda b, h, j, g, step: (b, h, 0, j)
  return pl.pallas_call(
      functools.partial(_keys_kernel, geometry=geometry, group=group),
      grid=(b, heads, geometry.columns, group, geometry.query_steps),
      in_specs=_specs(q, v, geometry, tile),
      out_specs=[pl.BlockSpec((None, None, x.shape[2], geometry.block_k), column) for x in (k, v)],
      out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (k, v)],
      scratch_shapes=[pltpu.VMEM((x.shape[2], geometry.block_k), jnp.float32) for x in (k, v)],
      compiler_params=parallel(3, 2),
      cost_estimate=cost(geometry, b * n, matmuls=2 * (q.shape[2], v.shape[2]),
                         arrays=(q, k, v, do, k, v)),
      interpret=geometry.interpret,
      name="strip_attention_dkv",
  )(q, k, v, do, lse, delta, *id_arrays(ids, geometry),
    *[make_line(vector, geometry)] * geometry.pieces)


def _keys_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, geometry, group):
  ids, refs = take_refs(refs, geometry)
  *line_refs, dk_ref, dv_ref, dk_acc, dv_acc = refs
  j, g, step = pl.program_id(2), pl.program_id(3), pl.program_id(4)
  first, last = geometry.query_blocks(j)
  i = first + step

  @pl.when((g == 0) & (step == 0))
  def _():
    dk_acc[...] = jnp.zeros_like(dk_acc)
    dv_acc[...] = jnp.zeros_like(dv_acc)

  @pl.when(may_see(i <= last, ids, i, j, geometry))
  def _():
    p, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, line_refs, ids, j, geometry)
    dv_acc[...] += dot(do_ref[...], p.astype(do_ref.dtype), 1, 1)
    dk_acc[...] += dot(q_ref[...], ds.astype(q_ref.dtype), 1, 1)

  @pl.when((g == group - 1) & (step == geometry.query_steps - 1))
  def _():
    dk_ref[...] = (dk_acc[...] * geometry.scale).astype(dk_ref.dtype)
    dv_ref[...] = dv_acc[...].astype(dv_ref.dtype)


def vector_gradient(q, k, v, vector, ids: Ids | None, lse, do, delta,
                    geometry: Geometry) -> jax.Array:
  """d vector: for each block diagonal, over the batch and the tiles on it. Args as for dq.

  The tiles of a diagonal are added up in place, folded once into the shape of their window and
  un-skewed into a piece of the line; overlapping pieces are added, and the line's adjoint turns
  them into the vector.

  Returns:
    Like vector.
  """
  b, n, _, _ = q.shape
  group = n // k.shape[1]
  geometry = geometry.square()
  unit, pieces = geometry.unit, geometry.pieces

  def place(d, step):
    row, count = _diagonal(d, geometry)
    row = jnp.minimum(row + step, row + count - 1)
    return row, row + d + geometry.first_diagonal

  def tile(h, d, b, step):
    return b, h, jax.lax.div(h, jnp.int32(group)), *place(d, step)

  windows = pl.pallas_call(
      functools.partial(_vector_kernel, geometry=geometry, batch=b),
      grid=(n, geometry.diagonals, b, min(geometry.rows, geometry.columns)),
      in_specs=_specs(q, v, geometry, tile),
      out_specs=pl.BlockSpec((None, None, 1, pieces * unit), lambda h, d, b, step: (h, d, 0, 0)),
      out_shape=jax.ShapeDtypeStruct((n, geometry.diagonals, 1, pieces * unit), jnp.float32),
      scratch_shapes=[pltpu.VMEM((unit, unit), jnp.float32)],
      compiler_params=parallel(2, 2),
      cost_estimate=cost(geometry, b * n, matmuls=(q.shape[2], v.shape[2]), arrays=(q, k, v, do)),
      interpret=geometry.interpret,
      name="strip_attention_dbias",
  )(q, k, v, do, lse, delta, *id_arrays(ids, geometry), *[make_line(vector, geometry)] * pieces)
  windows = windows.reshape(n, geometry.diagonals, pieces, unit)
  line = functools.reduce(jnp.add, [
      jnp.pad(windows[:, :, p], ((0, 0), (p, pieces - 1 - p), (0, 0))) for p in range(pieces)])
  back = jax.linear_transpose(lambda x: make_line(x, geometry), vector)
  return back(line.reshape(n, 1, -1))[0]


def _vector_kernel(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, *refs, geometry, batch):
  ids, refs = take_refs(refs, geometry)
  *line_refs, window_ref, acc_ref = refs
  d, b, step = pl.program_id(1), pl.program_id(2), pl.program_id(3)
  row, count = _diagonal(d, geometry)
  i = row + step
  j = i + d + geometry.first_diagonal

  @pl.when((b == 0) & (step == 0))
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)

  @pl.when(may_see(step < count, ids, i, j, geometry))
  def _():
    _, ds = _weights(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, line_refs, ids, j, geometry)
    acc_ref[...] += ds

  @pl.when((b == batch - 1) & (step == min(geometry.rows, geometry.columns) - 1))
  def _():
    unit = geometry.unit
    total = acc_ref[...].T
    window = jnp.zeros((LANES, geometry.pieces * unit), jnp.float32)
    for a in range(unit // LANES):
      start = unit - LANES * (a + 1)
      rows = total[a * LANES:(a + 1) * LANES, :]
      window += jnp.pad(rows, ((0, 0), (start, window.shape[1] - start - unit)))
    window_ref[...] = jnp.sum(_unskewed(window), axis=0, keepdims=True)


def _unskewed(window: jax.Array) -> jax.Array:
  """Row r moved LANES - 1 - r to the right, by the digits of that number.

  A roll with a stride turns further from row to row, never less, so it cannot do this one.
  """
  row = jax.lax.broadcasted_iota(jnp.int32, window.shape, 0)
  for digit in range(LANES.bit_length() - 1):
    moved = pltpu.roll(window, 2**digit, 1)
    window = jnp.where((row >> digit) & 1 == 0, moved, window)
  return window


def _diagonal(d, geometry: Geometry):
  """First row and number of tiles of diagonal ``d``, counted from the first visible one."""
  shift = d + geometry.first_diagonal
  row = jnp.maximum(-shift, 0)
  return row, jnp.minimum(geometry.rows, geometry.columns - shift) - row


def _weights(q_ref, k_ref, v_ref, do_ref, lse_ref, delta_ref, line_refs, ids, j, geometry):
  """A tile's softmax weights and the gradient of its scores, ``[block_k, block_q]``."""
  p = jnp.exp(tile_scores(q_ref[...], k_ref[...], line_refs, ids, j, geometry) - lse_ref[...])
  return p, p * (dot(v_ref[...], do_ref[...], 0, 0) - delta_ref[...])


def _specs(q, v, geometry: Geometry, tile) -> list[pl.BlockSpec]:
  """Specs of q, k, v, do, lse, delta, ids and the line; ``tile`` maps the grid to
  (batch, query head, key head, row, column)."""
  def pick(block, index):
    return pl.BlockSpec(block, lambda *grid: index(*tile(*grid)))

  row, column = lambda b, h, g, i, j: (b, h, 0, i), lambda b, h, g, i, j: (b, g, 0, j)
  of_query = pick((None, None, 1, geometry.block_q), row)
  return [
      pick((None, None, q.shape[2], geometry.block_q), row),
      pick((None, None, q.shape[2], geometry.block_k), column),
      pick((None, None, v.shape[2], geometry.block_k), column),
      pick((None, None, v.shape[2], geometry.block_q), row),
      of_query,
      of_query,
      *id_specs(geometry, lambda *grid: tile(*grid)[:1] + tile(*grid)[3:]),
      *line_specs(geometry, lambda *grid: tile(*grid)[1:2] + tile(*grid)[3:]),
  ]
