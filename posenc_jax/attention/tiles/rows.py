# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention by tiles of query rows over whole key rows: any encoding, O(tile * S) memory.

An encoding whose scores are q k^T plus a bias goes through ``flash``, which has a gradient of its
own; the bias takes the cheapest form that is exact (see ``forms``). One that maps whole rows of
scores or reads the weights (``scores``, ``mix``) goes through ``whole``. Nothing of size T x S is
kept by either.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.attention.bias.columns import columns
from posenc_jax.attention.bias.distances import contiguous, distances
from posenc_jax.attention.call import Call
from posenc_jax.attention.semantics import accumulator
from posenc_jax.attention.tiles.flash import Plan, flash
from posenc_jax.attention.tiles.forms import Columns, General, NoBias, Strip
from posenc_jax.attention.tiles.schedule import budget, chunk, schedule, tile_rows
from posenc_jax.attention.tiles.whole import whole


def rows(q, k, v, encoding, q_positions, k_positions, visibility, scale, *, tile=None, groups=None):
  """Attention in tiles of query rows, each with the range of keys that it can see.

  Args:
    q, k, v, encoding, q_positions, k_positions, visibility, scale: as in ``reference``.
    tile: rows at a time; None chooses from the shapes.
    groups: number of differently long ranges of keys; None chooses from the shapes.

  Returns:
    ``[..., T, N, H']`` like q.
  """
  if 0 in (*q.shape[:-1], k.shape[-3]):
    return jnp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
  call = Call(q, k, v, encoding, q_positions, k_positions, visibility, scale, tile=tile)
  run = whole if encoding.has("scores") or encoding.has("mix") else in_tiles
  out = run(call.one_batch(), groups)
  return out.reshape(*q.shape[:-1], out.shape[-1])


def in_tiles(call: Call, groups: int | None = None) -> jax.Array:
  """``flash`` for a call with one batch axis whose encoding adds a bias, or nothing."""
  t, s, n, kv = call.sizes
  # A strip is as tall as a tile, and its gradient is summed in memory: 256 rows at most.
  toeplitz = _offset(call) is not None and columns(call) is None
  rows = min(call.tile or tile_rows(t, s, n // kv, most=256 if toeplitz else 512), t)
  groups = groups or (8 if t <= 16 * rows else 16)
  tiles = schedule(call.visibility, t, s, rows=rows, groups=groups)
  if not tiles:
    return jnp.zeros((*call.q.shape[:-1], call.v.shape[-1]), call.q.dtype)
  form, data = _form(call, tiles)
  size = n // kv * max(g.rows * g.keys for g in tiles)
  batch, heads = chunk(call.q.shape[0], kv, size, whole_heads=isinstance(form, General),
                       budget=budget(jax.default_backend()))
  scale_known = _errors.concrete(call.scale) is not None
  plan = Plan(tiles, batch, heads, *call.visibility[:2], form, scale_known)
  scale = jnp.asarray(call.scale, accumulator(call.q.dtype))
  return flash(plan, call.q, call.k, call.v, scale, data, call.visibility[2:])


def _offset(call):
  """How far queries stand ahead of keys if the bias is one of distances known on the host."""
  if not call.encoding.has("distance_bias"):
    return None
  return contiguous(call.q_positions, call.k_positions)


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
    return General(), (encoding, call.q_positions, call.k_positions)
  rows = max(g.rows for g in tiles)
  base = min(int((g.key_starts - g.row_starts).min()) for g in tiles)
  end = max(int((g.key_starts - g.row_starts).max()) + g.keys for g in tiles)
  form = Strip(base, rows, end - base)
  apart = distances(base - rows + 1, end - base + rows - 1, offset, *call.sizes[:2])
  return form, encoding.distance_bias(apart)
