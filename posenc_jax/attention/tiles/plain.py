# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The same attention as JAX differentiates it: one loop over tiles of one size, recomputed.

Forward mode and second derivatives go through it, as the loops of ``passes`` are for first
gradients alone. It is written to be traced quickly: all tiles are as large as the largest.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax.attention.tiles.scores import LOWEST, joined, tile_scores
from posenc_jax.attention.tiles.work import (
    At,
    Masking,
    Work,
    as_rows,
    count_chunks,
    take,
    take_keys,
    take_rows,
)


def plain(work: Work, q, k, v, scale, data, masking: Masking) -> jax.Array:
  """Attention ``[B, T, N, H']`` of q's dtype; arguments as in ``flash``."""
  groups = q.shape[2] // k.shape[2]
  rows, keys, starts, where = _one_size(work, q.shape[1], k.shape[1])
  form, data = work.form.reaching(data, starts, rows, keys)
  work = work._replace(form=form)
  along, across = count_chunks(work.whole, q, k)
  tiles = len(starts)

  @jax.checkpoint
  def one(i):
    row, key, last = jnp.asarray(starts)[i % tiles]
    chunk = i // tiles
    heads = work.whole.heads * groups
    first = 0 if along == 1 else chunk // across * work.whole.batch
    at = At(first, work.whole.batch, chunk % across * heads, heads, row, rows, key, keys,
            last=last)
    return _tile(work, q, k, v, scale, data, masking, at)

  parts = jax.lax.map(one, np.arange(along * across * tiles, dtype=np.int32))
  batch, heads, width = parts.shape[1], parts.shape[3], parts.shape[4]
  parts = parts.reshape(along, across, tiles, batch, rows, heads, width)
  parts = jnp.transpose(parts, (0, 3, 2, 4, 1, 5, 6))
  parts = parts.reshape(q.shape[0], tiles * rows, q.shape[2], width)
  if (where < 0).any():  # rows that no tile holds see nothing
    parts = jnp.pad(parts, ((0, 0), (0, 1), (0, 0), (0, 0)))
    where = np.where(where < 0, tiles * rows, where)
  return jnp.take(parts, where, axis=1)


def _one_size(work, t, s):
  """All tiles as ones of one size.

  Returns:
    (rows, keys, starts, where): starts is int32 ``[tiles, 3]``, the first row, the first key and
    the last key that the rows see; where ``[T]`` says at which of the tiles' rows each query
    stands, or -1.
  """
  rows, keys = (max(getattr(g, n) for g in work.whole.groups) for n in ("rows", "keys"))
  starts, where = [], np.full(t, -1)
  for group in work.whole.groups:
    for row, key, last in zip(group.row_starts, group.key_starts, group.lasts, strict=True):
      first, left = min(row, t - rows), min(key, s - keys)
      where[row:row + group.rows] = len(starts) * rows + np.arange(group.rows) + row - first
      starts.append((first, left, last))
  return rows, keys, np.asarray(starts, np.int32), where


def _tile(work, q, k, v, scale, data, masking, at):
  """The output ``[batch, rows, heads, H']`` of one tile."""
  acc, groups = _numerics.wide(q), q.shape[2] // k.shape[2]
  kt, vt = (take(take_keys(x, at, groups), {1: at.key}, {1: at.keys}) for x in (k, v))
  context = work.form.open(data, at)
  s = tile_scores(work, take_rows(q, at, groups), kt, scale, context, data, masking, at, (q, k))
  top = jax.lax.stop_gradient(jnp.max(s, axis=-1, keepdims=True))
  e = jnp.exp(s - top)
  total = jnp.sum(e, axis=-1, keepdims=True)
  o = jnp.einsum("xts,xsh->xth", joined(e, kt, v.dtype), vt, preferred_element_type=acc)
  o = o * jnp.where(top > LOWEST / 2, 1 / total, 0).reshape(*o.shape[:2], 1)
  return as_rows(o.astype(q.dtype), at, groups)
