# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What attention means: the semantics of record, for any encoding and any rectangle.

``attend_whole`` is the definition that every implementation must equal. As an implementation it is
called "reference": dense, simple, O(T S) memory.
"""

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.attention import answers, visibility
from posenc_jax.attention.call import Call
from posenc_jax.base import WHOLE_ROWS, Tile

NAME, PLATFORM = "reference", None


def obstacle(call: Call) -> str | None:
  """None: dense attention serves every call."""
  del call
  return None


def run(call: Call) -> jax.Array:
  """Dense attention: all rows in one rectangle."""
  return attend_whole(call)


def needs_whole_rows(call: Call) -> str | None:
  """The first hook that asks for all the keys of a row at once, or None."""
  return next((hook for hook in WHOLE_ROWS if call.encoding.has(hook)), None)


def dot_scores(q: jax.Array, k: jax.Array, scale: float | jax.Array) -> jax.Array:
  """scale * q k^T ``[..., N, T, S]`` of q ``[..., T, N, H]`` and grouped k ``[..., S, K, H]``."""
  acc = _numerics.wide(q)
  groups = q.shape[-2] // k.shape[-2]
  q = q.reshape(*q.shape[:-2], k.shape[-2], groups, q.shape[-1])
  scores = jnp.einsum("...tkgh,...skh->...kgts", q, k, preferred_element_type=acc)
  heads = k.shape[-2] * groups
  return scores.reshape(*scores.shape[:-4], heads, *scores.shape[-2:]) * jnp.asarray(scale, acc)


def weigh_values(weights: jax.Array, v: jax.Array) -> jax.Array:
  """weights ``[..., N, T, S]`` times v ``[..., S, K, H]``: ``[..., T, N, H]`` in their dtype."""
  groups = weights.shape[-3] // v.shape[-2]
  w = weights.reshape(*weights.shape[:-3], v.shape[-2], groups, *weights.shape[-2:])
  out = jnp.einsum("...kgts,...skh->...tkgh", w.astype(v.dtype), v,
                   preferred_element_type=weights.dtype)
  return out.reshape(*out.shape[:-3], weights.shape[-3], out.shape[-1])


def visible_pairs(call: Call) -> jax.Array | None:
  """Rule, mask and the encoding's ``visible`` of a rectangle: None or bool ``[..., 1|N, T, S]``."""
  seen = visibility.matrix(call.rule, call.queries, call.keys, call.mask)
  if call.encoding.has("visible"):
    own = answers.visible(call.encoding, call.encoding.visible(call.tile()), scores_shape(call))
    seen = visibility.both(seen, own)
  return seen


def tile_bias(call: Call) -> jax.Array | None:
  """The encoding's bias of a rectangle, ``[..., N, T, S]`` (or 1 in place of shared axes)."""
  if not call.encoding.has("bias"):
    return None
  return answers.bias(call.encoding, call.encoding.bias(call.tile()), scores_shape(call))


def scores_shape(call: Call) -> tuple[int, ...]:
  """``[..., N, T, S]`` of a rectangle."""
  t, s, n, _ = call.sizes
  return (*call.queries.x.shape[:-3], n, t, s)


def biased_scores(call: Call) -> jax.Array:
  """scale * q k^T + bias of a rectangle, ``[..., N, T, S]``."""
  scores = dot_scores(call.queries.x, call.keys.x, call.scale)
  bias = tile_bias(call)
  return scores if bias is None else scores + bias.astype(scores.dtype)


def weights_whole(call: Call) -> tuple[jax.Array, Tile]:
  """Weights ``[..., N, T, S]`` of some queries on whole rows of keys, and what they know."""
  encoding = call.encoding
  scores, mask = biased_scores(call), visible_pairs(call)
  tile = call.tile(mask)
  if encoding.has("scores"):
    scores = answers.same(encoding, "scores", encoding.scores(scores, tile), scores)
  if encoding.has("weights"):
    weights = answers.same(encoding, "weights", encoding.weights(scores, tile), scores)
    return (weights if mask is None else jnp.where(mask, weights, 0)), tile
  return _numerics.masked_softmax(scores, mask), tile


def attend_whole(call: Call) -> jax.Array:
  """Attention of some queries to whole rows of keys: ``[..., T, N, H']`` of q's dtype."""
  encoding = call.encoding
  weights, tile = weights_whole(call)
  out = weigh_values(weights, call.v)
  if encoding.has("value_bias"):
    extra = encoding.value_bias(weights, tile)
    if extra is not None:
      out = out + answers.same(encoding, "value_bias", extra, out).astype(out.dtype)
  return out.astype(call.queries.x.dtype)
