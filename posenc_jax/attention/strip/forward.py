# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The forward strip kernel, and what it shares with the backward ones. See ``strip.py``."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from posenc_jax.attention.strip.geometry import LANES, Geometry, make_line


def forward(q: jax.Array, k: jax.Array, v: jax.Array, vector: jax.Array,
            geometry: Geometry) -> tuple[jax.Array, jax.Array]:
  """Online softmax over blocks of keys.

  Args:
    q: ``[B, N, T', H]``; k: ``[B, K, S', H]``; v: ``[B, K, S', H']``, padded to whole blocks.
    vector: ``[N, T+S-1]``.
    geometry: the geometry.

  Returns:
    (out ``[B, N, T', H']`` of q's dtype, log of each row's softmax sum, float32 ``[B, N, 1, T']``,
    0 for rows that see nothing).
  """
  b, n, rows, width = q.shape
  group = n // k.shape[1]
  line = make_line(vector, geometry)
  wide = v.shape[-1]

  def at(i, step):
    first, last = geometry.key_blocks(i)
    return jnp.minimum(first + step, jnp.maximum(last, 0))

  row = lambda b, h, i, step: (b, h, i, 0)
  column = lambda b, h, i, step: (b, jax.lax.div(h, jnp.int32(group)), at(i, step), 0)
  return pl.pallas_call(
      functools.partial(_forward_kernel, geometry=geometry),
      grid=(b, n, geometry.rows, geometry.key_steps),
      in_specs=[
          pl.BlockSpec((None, None, geometry.block_q, width), row),
          pl.BlockSpec((None, None, geometry.block_k, width), column),
          pl.BlockSpec((None, None, geometry.block_k, wide), column),
          *line_specs(geometry, lambda b, h, i, step: (h, i, at(i, step))),
      ],
      out_specs=[
          pl.BlockSpec((None, None, geometry.block_q, wide), row),
          pl.BlockSpec((None, None, 1, geometry.block_q), lambda b, h, i, step: (b, h, 0, i)),
      ],
      out_shape=[
          jax.ShapeDtypeStruct((b, n, rows, wide), q.dtype),
          jax.ShapeDtypeStruct((b, n, 1, rows), jnp.float32),
      ],
      scratch_shapes=[
          pltpu.VMEM((geometry.block_q, wide), jnp.float32),
          pltpu.VMEM((geometry.block_q, LANES), jnp.float32),
          pltpu.VMEM((geometry.block_q, LANES), jnp.float32),
      ],
      compiler_params=parallel(3, 1),
      cost_estimate=cost(geometry, b * n, matmuls=(width, wide), arrays=(q, k, v, q)),
      interpret=geometry.interpret,
      name="strip_attention_forward",
  )(q, k, v, *[line] * geometry.pieces)


def _forward_kernel(q_ref, k_ref, v_ref, *refs, geometry):
  *line_refs, o_ref, lse_ref, acc_ref, top_ref, sum_ref = refs
  i, step = pl.program_id(2), pl.program_id(3)
  first, last = geometry.key_blocks(i)
  j = first + step

  @pl.when(step == 0)
  def _():
    acc_ref[...] = jnp.zeros_like(acc_ref)
    top_ref[...] = jnp.full_like(top_ref, -jnp.inf)
    sum_ref[...] = jnp.zeros_like(sum_ref)

  @pl.when(j <= last)
  def _():
    scores = tile_scores(q_ref[...], k_ref[...], line_refs, i, j, geometry)
    before = top_ref[:, :1]
    top = jnp.maximum(before, jnp.max(scores, axis=1, keepdims=True))
    # A row that has seen nothing has top = -inf: subtracting 0 instead keeps exp(-inf) = 0.
    safe = jnp.where(top == -jnp.inf, 0.0, top)
    e = jnp.exp(scores - safe)
    fade = jnp.exp(before - safe)
    total = fade * sum_ref[:, :1] + jnp.sum(e, axis=1, keepdims=True)
    acc_ref[...] = acc_ref[...] * fade + dot(e.astype(v_ref.dtype), v_ref[...], 1, 0)
    top_ref[...] = jnp.broadcast_to(top, top_ref.shape)
    sum_ref[...] = jnp.broadcast_to(total, sum_ref.shape)

  @pl.when(step == geometry.key_steps - 1)
  def _():
    total = sum_ref[...]
    seen = total > 0
    total = jnp.where(seen, total, 1.0)
    o_ref[...] = (acc_ref[...] / total[:, :1]).astype(o_ref.dtype)
    lse_ref[...] = jnp.where(seen, top_ref[...] + jnp.log(total), 0.0).T[:1, :]


def tile_scores(q: jax.Array, k: jax.Array, line_refs, i, j, geometry: Geometry, *,
                flip: bool = False) -> jax.Array:
  """Scaled, biased scores of one tile, -inf where hidden.

  Args:
    q: ``[block_q, H]``; k: ``[block_k, H]``.
    line_refs: the pieces of the line for this tile, ``[1, unit]`` each.
    i, j: which blocks these are.
    flip: give the transpose.

  Returns:
    float32 ``[block_q, block_k]``, or ``[block_k, block_q]`` if ``flip``.
  """
  bias = _tile_bias(line_refs, geometry, flip)
  scores = (dot(k, q, 1, 1) if flip else dot(q, k, 1, 1)) * geometry.scale + bias
  row = jax.lax.broadcasted_iota(jnp.int32, scores.shape, 1 if flip else 0)
  column = jax.lax.broadcasted_iota(jnp.int32, scores.shape, 0 if flip else 1)
  e = column - row + (j * geometry.block_k - i * geometry.block_q)
  hidden = []
  if geometry.high < geometry.s - 1:
    hidden.append(e > geometry.high)
  if geometry.low > 1 - geometry.t:
    hidden.append(e < geometry.low)
  if geometry.s % geometry.block_k:
    hidden.append(column >= geometry.s - j * geometry.block_k)
  for where in hidden:
    scores = jnp.where(where, -jnp.inf, scores)
  return scores


def _tile_bias(line_refs, geometry: Geometry, flip: bool) -> jax.Array:
  """A tile's bias: row block a is the skewed window, a * LANES further left."""
  line = jnp.concatenate([ref[...] for ref in line_refs], axis=1)
  width = line.shape[1]
  rows = jnp.broadcast_to(line, (LANES, width))
  # Row r moves LANES - 1 - r to the left, which is a step less than the row above it.
  window = pltpu.roll(rows, width - (LANES - 1), 1, stride=1, stride_axis=0)
  window, axis = (window.T, 0) if flip else (window, 1)
  starts = range(geometry.block_q - LANES, -1, -LANES)
  tiles = [jax.lax.slice_in_dim(window, a, a + geometry.block_k, axis=axis) for a in starts]
  return jnp.concatenate(tiles, axis=1 - axis) if len(tiles) > 1 else tiles[0]


def line_specs(geometry: Geometry, tile) -> list[pl.BlockSpec]:
  """One spec for each piece of a tile's bias; ``tile`` maps the grid to (head, row, column)."""
  def spec(piece):
    def index(*grid):
      h, i, j = tile(*grid)
      return h, 0, geometry.piece(i, j) + piece
    return pl.BlockSpec((None, 1, geometry.unit), index)

  return [spec(piece) for piece in range(geometry.pieces)]


def cost(geometry: Geometry, heads: int, *, matmuls: tuple[int, ...], arrays) -> pl.CostEstimate:
  """What a kernel does, for the compiler's schedule of what stands around it.

  Args:
    geometry: the geometry.
    heads: query heads of all examples.
    matmuls: the head dim of each product of a tile.
    arrays: what is read and written, once each.
  """
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
