# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What temperatures share: queries times a factor of their position."""

import jax
import jax.numpy as jnp

from posenc_jax import _align, _numerics


def positions_of(q, q_positions):
  """The positions of q ``[..., T, N, H]`` with as many axes in front of T as q has."""
  return _align.align_array(q_positions, q.ndim - 3, q.shape[-3], 0, "q_positions")


def times(q: jax.Array, factor: jax.Array) -> jax.Array:
  """q ``[..., T, N, H]`` times a factor ``[..., T or 1, N or 1]``, of q's dtype."""
  dtype = _numerics.wide(q)
  factor = jnp.asarray(factor).astype(dtype)[..., None]
  factor = factor.reshape((1,) * (q.ndim - factor.ndim) + factor.shape)
  return (q.astype(dtype) * factor).astype(q.dtype)
