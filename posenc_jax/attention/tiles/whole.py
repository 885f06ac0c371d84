# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tiles of whole rows for encodings that ask for them: ``scores`` and ``mix`` of CoPE, DAPE, Shaw.

Each tile is ``core.attend_rows`` under ``jax.checkpoint``: recomputed in the backward pass, which
JAX derives, so any hook is differentiable in every leaf.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.attention.call import Call
from posenc_jax.attention.semantics import attend_rows
from posenc_jax.attention.tiles.forms import put, take
from posenc_jax.attention.tiles.schedule import schedule, tile_rows


def whole(call: Call, groups: int | None = None) -> jax.Array:
  """Attention of a call with one batch axis, whatever its encoding asks."""
  q, k, v, encoding, q_positions, k_positions, visibility, scale = call[:8]
  t, s, n, _ = call.sizes
  rows = min(call.tile or tile_rows(t, s, n, most=1024), t)
  out = jnp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
  for group in schedule(visibility, t, s, rows=rows, groups=groups or 8):
    def one(i, group=group):
      row, key = (jnp.asarray(x)[i] for x in (group.row_starts, group.key_starts))
      rows = lambda x: _cut(x, row, group.rows)
      keys = lambda x: _cut(x, key, group.keys)
      q_order, k_order, q_segments, k_segments, mask = visibility[2:]
      if mask is not None:
        mask = take(mask, {2: row, 3: key}, {2: group.rows, 3: group.keys})
      seen = visibility._replace(q_order=rows(q_order), k_order=keys(k_order), mask=mask,
                                 q_segments=rows(q_segments), k_segments=keys(k_segments))
      at = jax.tree.map(rows, q_positions), jax.tree.map(keys, k_positions)
      return attend_rows(rows(q), keys(k), keys(v), encoding, *at, seen.matrix(), scale)

    # Stacked by the loop and written once: a carried output would be kept for every tile.
    starts = group.row_starts
    parts = jax.lax.map(jax.checkpoint(one), np.arange(len(starts), dtype=np.int32))
    if (np.diff(starts) == group.rows).all():
      joined = jnp.moveaxis(parts, 0, 1).reshape(len(q), -1, *parts.shape[3:])
      out = put(out, joined, {1: int(starts[0])})
    else:
      for part, start in zip(parts, starts, strict=True):
        out = put(out, part, {1: int(start)})
  return out


def _cut(x, start, size):
  return None if x is None else take(x, {1: start}, {1: size})
