# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The scores of one tile: scaled, biased, masked."""

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.attention import answers, visibility
from posenc_jax.attention.tiles.forms import flat, same_rank
from posenc_jax.attention.tiles.work import At, Masking, Work, take
from posenc_jax.base import Tile

LOWEST = -1e30  # the score of a hidden key


def tile_scores(work: Work, q, k, scale, context, data, masking: Masking, at: At, sources):
  """Scaled, biased and masked scores of one tile: ``[rows, keys]`` or ``[batch * heads, ..]``.

  What is masked becomes a huge negative number, not -inf, so that no later pass has to look for
  rows that see nothing.

  Args:
    work: static.
    q: ``[batch * K, G * rows, H]``; k: ``[batch * K, keys, H]``.
    scale: scalar, multiplies q k^T.
    context, data: what the form made of this chunk's heads, and what it computes the bias from.
    masking: what hides pairs.
    at: where the tile lies.
    sources: all of q and of k, for an encoding that reads them.
  """
  acc = _numerics.wide(q)
  s = jnp.einsum("xth,xsh->xts", q, k, preferred_element_type=acc)
  x = s.reshape(s.shape[0] * (s.shape[1] // at.rows), at.rows, at.keys)
  x = (x[0] if x.shape[0] == 1 else x) * scale
  bias = work.form.bias(context, data, at, sources, scale)
  if bias is not None:
    x = jnp.maximum(jnp.add(*same_rank(x, bias.astype(acc))), LOWEST)
  mask = _tile_mask(work, masking, at, sources, scale)
  if mask is not None:
    mask, x = same_rank(mask, x)
    x = jnp.where(mask, x, LOWEST)
  return x


def joined(x, k, dtype):
  """Scores of query heads as matmuls take them: ``[batch * K, G * rows, keys]``."""
  return x.astype(dtype).reshape(k.shape[0], -1, x.shape[-1])


def _tile_mask(work, masking, at, sources, scale):
  """bool ``[rows, keys]`` where all of the step share it, else ``[batch * heads, ..]``; or None."""
  rows = lambda x: take(x, {0: at.b, 1: at.row}, {0: at.batch, 1: at.rows})
  keys = lambda x: take(x, {0: at.b, 1: at.key}, {0: at.batch, 1: at.keys})
  queries, seen = jax.tree.map(rows, masking.queries), jax.tree.map(keys, masking.keys)
  out = None
  if masking.encoding is not None:
    tile = Tile(rows(sources[0]), keys(sources[1]), queries.positions, seen.positions, scale)
    out = answers.visible(masking.encoding, masking.encoding.visible(tile),
                          (at.batch, at.heads, at.rows, at.keys))
  mask = masking.mask
  if mask is not None:
    mask = take(mask, {0: at.b, 1: at.head, 2: at.row, 3: at.key},
                {0: at.batch, 1: at.heads, 2: at.rows, 3: at.keys})
  out = visibility.both(mask, out)
  ruled = _ruled(work.rule, queries._replace(positions=()), seen._replace(positions=()), at)
  if out is None or ruled is None:
    return ruled if out is None else flat(out, at)
  return jnp.logical_and(*same_rank(flat(out, at), ruled))


def _ruled(rule, queries, keys, at):
  """The rule's matrix, with its axes of examples and heads folded before it is made."""
  arrays = jax.tree.leaves((queries, keys))
  if all(x.shape[0] == 1 for x in arrays):
    each = lambda x: x[0]
  else:
    each = lambda x: jnp.broadcast_to(x[:, None], (at.batch, at.heads, x.shape[1])).reshape(
        -1, x.shape[1])
  out = visibility.matrix(rule, jax.tree.map(each, queries), jax.tree.map(each, keys))
  return None if out is None else out[..., 0, :, :]
