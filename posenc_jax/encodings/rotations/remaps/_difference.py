# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores of some pairs in place of others: what the remaps of positions add to RoPE's scores."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _numerics
from posenc_jax.base import Tile


def products(q: jax.Array, k: jax.Array) -> jax.Array:
  """q . k of each query head and the key head of its group: ``[..., N, T, S]``, float32 or wider.

  Args:
    q: ``[..., T, N, H]``. k: ``[..., S, K, H]``.
  """
  dtype = _numerics.wide(q)
  groups = q.reshape(*q.shape[:-2], k.shape[-2], q.shape[-2] // k.shape[-2], q.shape[-1])
  found = jnp.einsum("...tkgh,...skh->...kgts", groups.astype(dtype), k.astype(dtype))
  return found.reshape(*found.shape[:-4], q.shape[-2], *found.shape[-2:])


def replaced(tile: Tile, *others: tuple) -> jax.Array:
  """scale (q' . k' - q . k) where a pair is another one's, else 0: ``[..., N, T, S]``.

  Args:
    tile: q and k as attention multiplies them.
    *others: (q', k', where bool ``[..., T, S]``), no pair in two of them.
  """
  plain = products(tile.q, tile.k)
  bias = jnp.zeros_like(plain)
  for q, k, where in others:
    bias = jnp.where(where[..., None, :, :], products(q, k) - plain, bias)
  scale = 1 / math.sqrt(tile.q.shape[-1]) if tile.scale is None else tile.scale
  return bias * jnp.asarray(scale).astype(bias.dtype)


def numbers(q_positions: Any, k_positions: Any) -> tuple[jax.Array, jax.Array]:
  """Both as int32 or float32 arrays."""
  return (jnp.asarray(_align.numbers(q_positions, "q_positions", real=True)),
          jnp.asarray(_align.numbers(k_positions, "k_positions", real=True)))
