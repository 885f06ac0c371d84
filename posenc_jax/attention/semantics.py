# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention of some query rows to whole key rows: the semantics of record, for any encoding."""

import jax
import jax.numpy as jnp

from posenc_jax.base import Encoding


def accumulator(dtype: jnp.dtype) -> jnp.dtype:
  """float64 stays float64; everything else is summed in float32."""
  return jnp.dtype(jnp.float64) if dtype == jnp.float64 else jnp.dtype(jnp.float32)


def dot_scores(q: jax.Array, k: jax.Array, scale: float | jax.Array) -> jax.Array:
  """scale * q k^T ``[..., N, T, S]`` of q ``[..., T, N, H]`` and grouped k ``[..., S, K, H]``."""
  acc = accumulator(q.dtype)
  groups = q.shape[-2] // k.shape[-2]
  q = q.reshape(*q.shape[:-2], k.shape[-2], groups, q.shape[-1])
  scores = jnp.einsum("...tkgh,...skh->...kgts", q, k, preferred_element_type=acc)
  heads = k.shape[-2] * groups
  return scores.reshape(*scores.shape[:-4], heads, *scores.shape[-2:]) * jnp.asarray(scale, acc)


def masked_softmax(scores: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Softmax over visible keys; a row that sees none is all zeros, with finite gradients."""
  if mask is not None:
    scores = jnp.where(mask, scores, -jnp.inf)
  top = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True, initial=-jnp.inf))
  e = jnp.exp(scores - jnp.where(jnp.isfinite(top), top, 0))
  total = jnp.sum(e, axis=-1, keepdims=True)
  return e / jnp.where(total == 0, 1, total)


def weigh_values(weights: jax.Array, v: jax.Array) -> jax.Array:
  """weights ``[..., N, T, S]`` times v ``[..., S, K, H]``: ``[..., T, N, H]`` in their dtype."""
  groups = weights.shape[-3] // v.shape[-2]
  w = weights.reshape(*weights.shape[:-3], v.shape[-2], groups, *weights.shape[-2:])
  out = jnp.einsum("...kgts,...skh->...tkgh", w.astype(v.dtype), v,
                   preferred_element_type=weights.dtype)
  return out.reshape(*out.shape[:-3], weights.shape[-3], out.shape[-1])


def attend_rows(q, k, v, encoding: Encoding, q_positions, k_positions, mask, scale) -> jax.Array:
  """Attention of rows of q to all given keys, after ``qk``, ``values`` and ``expand``.

  Args:
    q: ``[..., T, N, H]``; k: ``[..., S, K, H]``; v: ``[..., S, K, H']``.
    encoding: its ``bias``, ``scores`` and ``mix`` are asked.
    q_positions, k_positions: aligned positions of these rows and keys.
    mask: None or bool ``[..., 1 or N, T, S]``.
    scale: multiplies q k^T.

  Returns:
    ``[..., T, N, H']`` of q's dtype.
  """
  scores = dot_scores(q, k, scale)
  if encoding.has("bias"):
    bias = encoding.bias(q, k, q_positions, k_positions)
    if bias is not None:
      scores = scores + bias.astype(scores.dtype)
  if encoding.has("scores"):
    scores = encoding.scores(scores, q, k, q_positions, k_positions, mask)
  weights = masked_softmax(scores, mask)
  out = weigh_values(weights, v)
  if encoding.has("mix"):
    extra = encoding.mix(weights, q_positions, k_positions)
    if extra is not None:
      out = out + extra.astype(out.dtype)
  return out.astype(q.dtype)
