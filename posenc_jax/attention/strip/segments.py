# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Segments in the strip kernels: the id of each token, and the least and greatest of each block.

A tile is compared pair by pair; one whose ids do not meet at all is not computed, which its two
blocks' bounds tell. Bounds are scalars, in the memory for them, so asking costs a few cycles.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from posenc_jax.attention.strip.geometry import LANES, Geometry


class Ids(NamedTuple):
  """Segment ids of the tokens; an id sees its own.

  Attributes:
    queries: int32 ``[B, 1, T']``.
    keys: int32 ``[B, 1, S']``.
  """

  queries: jax.Array
  keys: jax.Array


class Refs(NamedTuple):
  """What a kernel reads of them for one tile.

  Attributes:
    queries: ``[1, block_q]``; keys: ``[1, block_k]``.
    query_bounds: ``[1, 2 * rows]``, least and greatest id of each block of this example's queries.
    key_bounds: ``[1, 2 * columns]``, the same of its keys.
  """

  queries: Any
  keys: Any
  query_bounds: Any
  key_bounds: Any


def pad_ids(queries: jax.Array, keys: jax.Array, batch: int, geometry: Geometry) -> Ids:
  """Ids for every example and whole blocks.

  Args:
    queries: integers ``[1 or B, T]``; keys: ``[1 or B, S]``.
    batch: B.
    geometry: the geometry.
  """
  def pad(ids, length):
    # The last id goes on, as any other would widen the bounds of its block.
    ids = jnp.pad(jnp.asarray(ids, jnp.int32), ((0, 0), (0, length - ids.shape[1])), mode="edge")
    return jnp.broadcast_to(ids, (batch, length))[:, None]

  return Ids(pad(queries, geometry.rows * geometry.block_q),
             pad(keys, geometry.columns * geometry.block_k))


def id_arrays(ids: Ids | None, geometry: Geometry) -> list[jax.Array]:
  """The operands of a kernel that become its ``Refs``; none without segments."""
  if ids is None:
    return []
  return [ids.queries, ids.keys, _bounds(ids.queries, geometry.rows, geometry.block_q),
          _bounds(ids.keys, geometry.columns, geometry.block_k)]


def _bounds(ids, blocks, block):
  """``[B, 1, L]`` to ``[B, 1, 2 * blocks]``: least and greatest of each block, side by side."""
  b = ids.shape[0]
  parts = ids[..., :blocks * block].reshape(b, blocks, block)
  return jnp.stack([parts.min(axis=2), parts.max(axis=2)], axis=2).reshape(b, 1, 2 * blocks)


def id_specs(geometry: Geometry, tile) -> list[pl.BlockSpec]:
  """Specs of ``id_arrays``; ``tile`` maps the grid to (batch, row, column)."""
  if not geometry.segments:
    return []

  def example(*grid):
    return tile(*grid)[0], 0, 0

  def bounds(blocks):
    return pl.BlockSpec((None, 1, 2 * blocks), example, memory_space=pltpu.SMEM)

  def row(*grid):
    b, i, _ = tile(*grid)
    return b, 0, i

  def column(*grid):
    b, _, j = tile(*grid)
    return b, 0, j

  return [pl.BlockSpec((None, 1, geometry.block_q), row),
          pl.BlockSpec((None, 1, geometry.block_k), column),
          bounds(geometry.rows), bounds(geometry.columns)]


def take_refs(refs, geometry: Geometry) -> tuple[Refs | None, tuple[Any, ...]]:
  """A kernel's references behind those of q, k, v: (of the ids, the rest)."""
  if not geometry.segments:
    return None, refs
  count = len(Refs._fields)
  return Refs(*refs[:count]), refs[count:]


def may_see(visited, ids: Refs | None, i, j, geometry: Geometry):
  """Whether to compute a tile: ``visited``, and with segments only if an id may be in both blocks.

  Args:
    visited: bool scalar, whether the grid means tile (i, j) at all; else i and j may lie outside.
    ids: references, or None.
    i, j: block of queries and block of keys.
    geometry: the geometry.
  """
  if ids is None:
    return visited
  i, j = jnp.minimum(i, geometry.rows - 1), jnp.minimum(j, geometry.columns - 1)
  return (visited & (ids.query_bounds[0, 2 * i + 1] >= ids.key_bounds[0, 2 * j])
          & (ids.query_bounds[0, 2 * i] <= ids.key_bounds[0, 2 * j + 1]))


def differ(ids: Refs) -> jax.Array:
  """bool ``[block_k, block_q]``: which pairs of a tile have different ids."""
  queries, keys = ids.queries[...], ids.keys[...]
  # Ids of keys come along lanes, as tokens do everywhere, and are turned to stand down the tile.
  down = jnp.broadcast_to(keys, (LANES, keys.shape[1])).T
  down = jnp.concatenate([down] * (queries.shape[1] // LANES), axis=1)
  return down != queries
