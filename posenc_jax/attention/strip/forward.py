# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The forward strip kernel, and what it shares with the backward ones. See ``attention.py``.

Tokens are the last axis of every array, as 64 head dims there would be padded to 128 lanes in
memory; a tile of scores has its keys down and its queries across, so that what belongs to a query
is a row.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from posenc_jax.attention.strip.geometry import LANES, Geometry, make_line
from posenc_jax.attention.strip.segments import (
  Ids,
  Refs,
  differ,
  id_arrays,
  id_specs,
  may_see,
  take_refs,
)


def forward(q: jax.Array, k: jax.Array, v: jax.Array, vector: jax.Array, ids: Ids | None,
            geometry: Geometry) -> tuple[jax.Array, jax.Array]:
  """Online softmax over blocks of keys.

  Args:
    q: ``[B, N, H, T']``; k: ``[B, K, H, S']``; v: ``[B, K, H', S']``, padded to whole blocks.
    vector: ``[N, T+S-1]`` with -inf at hidden distances.
    ids: segment ids, or None.
    geometry: the geometry.

  Returns:
    (out ``[B, N, H', T']`` of q's dtype, log of each row's softmax sum, float32 ``[B, N, 1, T']``,
    0 for rows that see nothing).
  """
  b, n, width, rows = q.shape
  group = n // k.shape[1]
  line = make_line(vector, geometry)
  wide = v.shape[2]

  def at(i, step):
    first, last = geometry.key_blocks(i)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  row = lambda b, h, i, step: (b, h, 0, i)
  column = lambda b, h, i, step: (b, jax.lax.div(h, jnp.int32(group)), 0, at(i, step))
  return pl.pallas_call(
      functools.partial(_forward_kernel, geometry=geometry),
      grid=(b, n, geometry.rows, geometry.key_steps),
      in_specs=[
          pl.BlockSpec((None, None, width, geometry.block_q), row),
          pl.BlockSpec((None, None, width, geometry.block_k), column),
          pl.BlockSpec((None, None, wide, geometry.block_k), column),
          *id_specs(geometry, lambda b, h, i, step: (b, i, at(i, step))),
          *line_specs(geometry, lambda b, h, i, step: (h, i, at(i, step))),
      ],
      out_specs=[
          pl.BlockSpec((None, None, wide, geometry.block_q), row),
          pl.BlockSpec((None, None, 1, geometry.block_q), row),
      ],
      out_shape=[
          jax.ShapeDtypeStruct((b, n, wide, rows), q.dtype),
          jax.ShapeDtypeStruct((b, n, 1, rows), jnp.float32),
      ],
      scratch_shapes=[
          pltpu.VMEM((wide, geometry.block_q), jnp.float32),
          pltpu.VMEM((1, geometry.block_q), jnp.float32),
          pltpu.VMEM((1, geometry.block_q), jnp.float32),
      ],
      compiler_params=parallel(3, 1),
      cost_estimate=cost(geometry, b * n, matmuls=(width, wide), arrays=(q, k, v, q)),
      interpret=geometry.interpret,
      name="strip_attention_forward",
  )(q, k, v, *id_arrays(ids, geometry), *[line] * geometry.pieces)


def _forward_kernel(q_ref, k_ref, v_ref, *refs, geometry):
  ids, refs = take_refs(refs, geometry)
  *line_refs, o_ref, lse_ref, acc_ref, top_ref, sum_ref = refs
  i, step = pl.program_id(2), pl.program_id(3)
  first, last = geometry.key_blocks(i)
  j = first + step

  @pl.when(step == 0)
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)
    top_ref[...] = jnp.full_like(top_ref, -jnp.inf)
    sum_ref[...] = jnp.zeros_like(sum_ref)

  @pl.when(may_see(j <= last, ids, i, j, geometry))
  def _():
    scores = tile_scores(q_ref[...], k_ref[...], line_refs, ids, j, geometry)
    before = top_ref[...]
    top = jnp.maximum(before, jnp.max(scores, axis=0, keepdims=True))
    # A row that has seen nothing has top = -inf: subtracting 0 instead keeps exp(-inf) = 0.
    safe = jnp.where(top == -jnp.inf, 0.0, top)
    e = jnp.exp(scores - safe)
    fade = jnp.exp(before - safe)
    sum_ref[...] = fade * sum_ref[...] + jnp.sum(e, axis=0, keepdims=True)
    acc_ref[...] = acc_ref[...] * fade + dot(v_ref[...], e.astype(v_ref.dtype), 1, 0)
    top_ref[...] = top

  @pl.when(step == geometry.key_steps - 1)
  def _():
    total = sum_ref[...]
    seen = total > 0
    total = jnp.where(seen, total, 1.0)
    o_ref[...] = (acc_ref[...] / total).astype(o_ref.dtype)
    lse_ref[...] = jnp.where(seen, top_ref[...] + jnp.log(total), 0.0)


def tile_scores(q: jax.Array, k: jax.Array, line_refs, ids: Refs | None, j,
                geometry: Geometry) -> jax.Array:
  """Scaled, biased scores of one tile, -inf where hidden.

  Args:
    q: ``[H, block_q]``; k: ``[H, block_k]``.
    line_refs: the pieces of the line for this tile, ``[1, unit]`` each.
    ids: segment ids of this tile, or None.
    j: which block of keys this is.

  Returns:
    float32 ``[block_k, block_q]``.
  """
  bias = _tile_bias(line_refs, geometry)
  scores = dot(k, q, 0, 0) * geometry.scale + bias
  if geometry.hides:
    # The sum would not do: what is hidden may be infinite or NaN.
    scores = jnp.where(bias == -jnp.inf, -jnp.inf, scores)
  if geometry.s % geometry.block_k:
    column = jax.lax.broadcasted_iota(jnp.int32, scores.shape, 0)
    scores = jnp.where(column >= geometry.s - j * geometry.block_k, -jnp.inf, scores)
  if ids is not None:
    scores = jnp.where(differ(ids), -jnp.inf, scores)
  return scores


def _tile_bias(line_refs, geometry: Geometry) -> jax.Array:
  """A tile's bias: queries of block a see the skewed window, a * LANES further along the keys."""
  line = jnp.concatenate([ref[...] for ref in line_refs], axis=1)
  width = line.shape[1]
  rows = jnp.broadcast_to(line, (LANES, width))
  # Row r moves LANES - 1 - r to the left, which is a step less than the row above it.
  window = pltpu.roll(rows, width - (LANES - 1), 1, stride=1, stride_axis=0)
  window = window.T
  starts = range(geometry.block_q - LANES, -1, -LANES)
  tiles = [window[a:a + geometry.block_k] for a in starts]
  return jnp.concatenate(tiles, axis=1) if len(tiles) > 1 else tiles[0]


def line_specs(geometry: Geometry, tile) -> list[pl.BlockSpec]:
  """One spec for each piece of a tile's bias; ``tile`` maps the grid to (head, row, column)."""
  def spec(piece):
    def index(*grid):
      h, i, j = tile(*grid)
      return h, 0, geometry.piece(i, j) + piece
    return pl.BlockSpec((None, 1, geometry.unit), index)

  return [spec(piece) for piece in range(geometry.pieces)]


def cost(geometry: Geometry, heads: int, *, matmuls: tuple[int, ...], arrays
         ) -> pl.CostEstimate | None:
  """What a kernel does, for the compiler's schedule of what stands around it.

  None where the number of examples is a symbol (of ``jax.export``), as an estimate takes numbers.

  Args:
    geometry: the geometry.
    heads: query heads of all examples.
    matmuls: the head dim of each product of a tile.
    arrays: what is read and written, once each.
  """
  if not isinstance(heads, int):
    return None
  pairs = heads * geometry.pairs
  return pl.CostEstimate(flops=2 * pairs * sum(matmuls), transcendentals=pairs,
                         bytes_accessed=sum(x.size * x.dtype.itemsize for x in arrays))


def dot(a: jax.Array, b: jax.Array, a_axis: int, b_axis: int) -> jax.Array:
  """Contracts two matrices in float32; float32 operands are not rounded to bfloat16."""
  precision = jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
  return jax.lax.dot_general(a, b, (((a_axis,), (b_axis,)), ((), ())), precision=precision,
                             preferred_element_type=jnp.float32)


def parallel(independent: int, sequential: int):
  """Compiler parameters of a grid whose last ``sequential`` axes accumulate."""
  return pltpu.CompilerParams(
      dimension_semantics=("parallel",) * independent + ("arbitrary",) * sequential)
