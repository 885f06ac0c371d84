# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tiles of whole rows for encodings that ask for them: ``scores``, ``weights``, ``value_bias``.

Each tile is ``semantics.attend_whole`` under ``jax.checkpoint``: recomputed in the backward pass,
which JAX derives, so any hook is differentiable in every leaf.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.attention import semantics, settings
from posenc_jax.attention.call import Call
from posenc_jax.attention.tiles.schedule import loops, schedule, tile_rows
from posenc_jax.attention.tiles.work import put, take


def whole(call: Call, groups: int | None = None) -> jax.Array:
  """Attention of a call with one batch axis, whatever its encoding asks."""
  q = call.queries.x
  t, s, n, _ = call.sizes
  rows = min(call.tile_rows or tile_rows(t, s, n, most=1024), t)
  out = jnp.zeros((*q.shape[:-1], call.v.shape[-1]), q.dtype)
  groups = groups or loops(settings.platform_of())
  for group in schedule(call.rule, call.queries, call.keys, rows=rows, groups=groups):
    def one(i, group=group):
      row, key = (jnp.asarray(x)[i] for x in (group.row_starts, group.key_starts))
      return semantics.attend_whole(_cut(call, row, group.rows, key, group.keys))

    # Stacked by the loop and written once: a carried output would be kept for every tile.
    starts = group.row_starts
    parts = jax.lax.map(jax.checkpoint(one), np.arange(len(starts), dtype=np.int32))
    if (np.diff(starts) == group.rows).all():
      joined = jnp.moveaxis(parts, 0, 1).reshape(q.shape[0], -1, *parts.shape[3:])
      out = put(out, joined, {1: int(starts[0])})
    else:
      for part, start in zip(parts, starts, strict=True):
        out = put(out, part, {1: int(start)})
  return out


def _cut(call: Call, row, rows: int, key, keys: int) -> Call:
  """The rectangle of ``rows`` queries from ``row`` on and ``keys`` keys from ``key`` on."""
  of_rows = lambda x: take(x, {1: row}, {1: rows})
  of_keys = lambda x: take(x, {1: key}, {1: keys})
  mask = call.mask
  if mask is not None:
    mask = take(mask, {2: row, 3: key}, {2: rows, 3: keys})
  return call.rectangle(jax.tree.map(of_rows, call.queries), jax.tree.map(of_keys, call.keys),
                        of_keys(call.v), mask)
