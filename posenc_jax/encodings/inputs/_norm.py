# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layer normalisation of encodings that hold one."""

from typing import Any

import jax
import jax.numpy as jnp


def layer_norm(x: jax.Array, gain: jax.Array, bias: jax.Array, eps: Any) -> jax.Array:
  """(x - mean) / sqrt(variance + eps) * gain + bias over the last axis, in x's dtype."""
  row = lambda a: a.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
  centred = x - jnp.mean(x, axis=-1, keepdims=True)
  variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
  return centred * jax.lax.rsqrt(variance + jnp.asarray(eps, x.dtype)) * row(gain) + row(bias)
