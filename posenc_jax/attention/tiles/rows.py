# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention by tiles of query rows, over whole key rows or parts: any encoding, O(tile * S) memory.

An encoding whose scores are q k^T plus a bias goes through ``flash``, which has derivatives of its
own; the bias takes the cheapest form that is exact (see ``forms``). One that maps whole rows of
scores or weights (``scores``, ``weights``, ``value_bias``) goes through ``whole``. Neither keeps
anything of size T x S.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _compat, _numerics
from posenc_jax.attention import semantics, settings
from posenc_jax.attention.bias.columns import columns
from posenc_jax.attention.bias.distances import contiguous, distances, vector
from posenc_jax.attention.call import Call
from posenc_jax.attention.tiles.flash import flash
from posenc_jax.attention.tiles.forms import Columns, General, NoBias, Strip
from posenc_jax.attention.tiles.schedule import (
    blocks,
    budget,
    chunk,
    cuts_keys,
    schedule,
    tile_rows,
)
from posenc_jax.attention.tiles.whole import whole
from posenc_jax.attention.tiles.work import Cut, Masking, Work
from posenc_jax.attention.visibility import Side

NAME, PLATFORM = "rows", None


def obstacle(call: Call) -> str | None:
  """Why tiles of rows cannot serve this call, or None."""
  if not all(isinstance(n, int) for n in call.sizes):
    t, s, n, k = call.sizes
    return f"it plans tiles on the host, and T={t}, S={s}, N={n}, K={k} are not all known there"
  return None


def run(call: Call, groups: int | None = None) -> jax.Array:
  """Attention in tiles of query rows, each with the range of keys that it can see.

  Args:
    call: any call.
    groups: number of differently long ranges of keys; None chooses from the shapes.

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  q, k = call.queries.x, call.keys.x
  if 0 in (*q.shape[:-1], k.shape[-3]):
    return jnp.zeros((*q.shape[:-1], call.v.shape[-1]), q.dtype)
  by_rows = whole if semantics.needs_whole_rows(call) else in_tiles
  return call.unfold(by_rows(call.one_batch(), groups))


def in_tiles(call: Call, groups: int | None = None) -> jax.Array:
  """``flash`` for a call with one batch axis whose encoding adds a bias, or nothing."""
  q, k = call.queries.x, call.keys.x
  t, s, n, kv = call.sizes
  platform = settings.platform_of()
  # A strip is as tall as a tile, and its gradient is summed in memory: 256 rows at most.
  by_distance = _offset(call) is not None and columns(call) is None
  rows = min(call.tile_rows or tile_rows(t, s, n // kv, most=256 if by_distance else 512), t)
  groups = groups or (8 if t <= 16 * rows else 16)
  tiles = schedule(call.rule, call.queries, call.keys, rows=rows, groups=groups)
  if not tiles:
    return jnp.zeros((*q.shape[:-1], call.v.shape[-1]), q.dtype)
  pieces = blocks(tiles, s, keys=rows) if cuts_keys(platform) else tiles
  form, data = _form(call, pieces)
  masking = _masking(call)
  all_heads = isinstance(form, General) or masking.encoding is not None

  def cut(some):
    size = n // kv * max(g.rows * g.keys for g in some)
    return Cut(some, *chunk(q.shape[0], kv, size, whole_heads=all_heads, budget=budget(platform)))

  # One loop in place of many compiles in a part of the time: see docs/performance.md.
  cuts = isinstance(form, General) and pieces is tiles
  backward = blocks(tiles, s, keys=rows) if cuts else pieces
  work = Work(cut(tiles), cut(pieces), cut(backward),
              call.rule, form, _numerics.known(call.scale) is not None)
  scale = jnp.asarray(call.scale, _numerics.wide(q))
  arrays: Any = _compat.vary_together((q, k, call.v, scale, data, masking))
  return flash(work, *arrays)


def _masking(call):
  """What hides pairs, without what does not."""
  asked = call.encoding.has("visible")
  side = lambda one: Side(None, one.positions if asked else (), *one[2:])
  return Masking(side(call.queries), side(call.keys), call.mask, call.encoding if asked else None)


def _offset(call):
  """How far queries stand ahead of keys if the bias is one of distances known on the host."""
  if not call.encoding.has("distance_bias"):
    return None
  return contiguous(call.queries.positions, call.keys.positions)


def _form(call, tiles):
  """The form of the bias, and its data."""
  encoding = call.encoding
  if not encoding.has("bias"):
    return NoBias(), ()
  found = columns(call)
  if found is not None:
    return Columns(*(isinstance(x, np.ndarray) for x in found)), found
  offset = _offset(call)
  if offset is None:
    return General(), (encoding, call.queries.positions, call.keys.positions)
  rows = max(g.rows for g in tiles)
  ahead = [[j - i for i, j in zip(g.row_starts, g.key_starts, strict=True)] for g in tiles]
  base = min(map(min, ahead))
  end = max(max(some) + g.keys for some, g in zip(ahead, tiles, strict=True))
  form = Strip(base, rows, end - base)
  reach = distances(base - rows + 1, end - base + rows - 1, offset, *call.sizes[:2])
  return form, vector(encoding, reach, call.sizes[2])
