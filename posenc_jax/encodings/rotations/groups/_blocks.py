# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Heads cut into blocks, and what several position axes mean to one frequency."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.encodings import _checks


def axes_of(count: int) -> int:
  """``position_axes`` of an encoding with P generators: one axis is ``[..., T]`` itself."""
  return 0 if count == 1 else count


def aligned(x: Any, positions: Any, count: int) -> jax.Array:
  """Positions ``[..., T]`` (P = 1) or ``[..., T, P]`` as ``[..., T, P]`` with the batch axes of x.

  Args:
    x: ``[..., T, N, H]``.
    positions: integers or floats.
    count: P.

  Returns:
    int32 or float.
  """
  sizes = (count,) if count > 1 else ()
  positions = jnp.asarray(_align.align_array(
      positions, x.ndim - 3, x.shape[-3], len(sizes), "positions", sizes=sizes))
  return positions if sizes else positions[..., None]


def unit(positions: jax.Array, rates: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array]:
  """cos and sin of sum_a p_a r_a, each axis by an exact phase.

  Args:
    positions: ``[..., T, P]``.
    rates: radians per position, ``[P, n]``.
    dtype: float32 or float64.

  Returns:
    Two arrays ``[..., T, n]``.
  """
  cos, sin = phases.cos_sin(positions[..., 0], rates[0], dtype=dtype)
  for a in range(1, rates.shape[0]):
    c, s = phases.cos_sin(positions[..., a], rates[a], dtype=dtype)
    cos, sin = cos * c - sin * s, sin * c + cos * s
  return cos, sin


def key_groups(x: jax.Array, heads: int, argument: str) -> jax.Array:
  """x ``[..., T, N, H]`` as ``[..., T, K, N / K, H]``, one group for each of K generators.

  Raises:
    ValueError: N is no multiple of K.
  """
  n = x.shape[-2]
  if n % heads:
    raise _errors.value_error(argument, f"{heads} heads", f"one, or one for each key head of the "
                              f"{n} heads", "Build it with num_heads of the key heads K")
  return x.reshape(*x.shape[:-2], heads, n // heads, x.shape[-1])


def check_key_heads(k: jax.Array, heads: int, argument: str) -> None:
  """Raises unless the generators are shared (K = 1) or there is one for each key head."""
  if heads not in (1, k.shape[-2]):
    raise _errors.value_error(argument, f"{heads} heads", f"one, or one for each of the "
                              f"{k.shape[-2]} key heads", "Build it with num_heads of them")


def check_width(x: Any, width: int, argument: str) -> None:
  """Raises unless the heads have as many dims as the blocks together."""
  if x.shape[-1] != width:
    raise _errors.value_error(argument, f"blocks of {width} dims in all",
                              f"the {x.shape[-1]} dims of a head",
                              "Build it with head_dim of the heads, or wrap it: px.on_dims")


def block_size(head_dim: Any, block: int | None, most: int, least: int = 2) -> int:
  """Checks that blocks divide a head; None is the widest of at most ``most`` dims that do.

  Raises:
    TypeError: no ints.
    ValueError: the block does not divide the head.
  """
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H", least=least)
  if block is None:
    return next((b for b in range(most, least - 1, -1) if head_dim % b == 0), head_dim)
  block = _checks.size("block", block, "None takes the widest that fits", least=least)
  if head_dim % block:
    raise _errors.value_error("block", block, f"a divisor of head_dim {head_dim}",
                              "None takes the widest that fits")
  return block


def root_mean_square(x: jax.Array, gain: Any, eps: float) -> jax.Array:
  """x / sqrt(mean(x^2) + eps), times gain ``[H]`` unless it is None; in float32 or float64."""
  dtype = _numerics.wide(x)
  y = x.astype(dtype)
  y = y * jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + np.array(eps, dtype))
  if gain is not None:
    y = y * gain.astype(dtype).reshape((1,) * (x.ndim - 1) + gain.shape)
  return y.astype(x.dtype)
