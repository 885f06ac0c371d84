# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Angles that content sums up along the sequence, in turns: what ``layer`` gives and ``qk`` reads.

Only the part of a turn matters, so whole turns are dropped after the sum, which is an unevaluated
pair of floats: no angle loses precision, however long the text.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.encodings import _checks, _sums
from posenc_jax.encodings.rotations.rotary import rotate_by


def project(x: jax.Array, weight: jax.Array, bias: Any = None) -> jax.Array:
  """x W + b in float32 (float64 for float64 x): x ``[..., T, D]``, W ``[D, K]``, b ``[K]``.

  Full precision, as errors of single tokens add up over the sequence.

  Raises:
    ValueError: the width of x is not D.
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., T, D]", "Pass a layer's input"))
  if x.shape[-1] != weight.shape[0]:
    raise _errors.value_error("x", f"width {x.shape[-1]}", f"the weights' width {weight.shape[0]}",
                              "Build the encoding for the model width D of the layer's input")
  dtype = _numerics.wide(x)
  y = jnp.einsum("...td,dn->...tn", x.astype(dtype), weight.astype(dtype),
                 precision=jax.lax.Precision.HIGHEST)
  if bias is not None:
    y = y + bias.astype(dtype).reshape((1,) * (y.ndim - 1) + bias.shape)
  return y


def cumulated(steps: jax.Array, carry: Any, segments: Any, *, exclusive: bool = False
              ) -> tuple[jax.Array, jax.Array]:
  """Sums of steps, in turns, modulo one turn.

  Args:
    steps: turns ``[..., T, K, n]``, in float32 or float64.
    carry: None, or ``[..., 2, K, n]``, what the previous chunk returned.
    segments: None, or int ids ``[..., T]``; tokens of a negative id turn nothing. Documents need no
      restart, as all that precedes them cancels in a difference.
    exclusive: whether a token's own step is left out.

  Returns:
    (turns ``[..., T, K, n]`` in [-1/2, 1/2], carry).
  """
  batch = steps.ndim - 3
  if segments is not None:
    ids = jnp.asarray(_align.align_array(segments, batch, steps.shape[-3], 0, "segments",
                                         real=False))
    steps = jnp.where(ids[..., None, None] < 0, 0, steps)
  total = _sums.sum_pairs(steps, axis=batch)
  if carry is None:
    carry = jnp.zeros((*steps.shape[:-3], 2, *steps.shape[-2:]), steps.dtype)
  carry = carry.astype(steps.dtype)
  before = (carry[..., None, 0, :, :], carry[..., None, 1, :, :])
  high, low = _sums.add_pairs(before, total)
  high = high - jax.lax.stop_gradient(jnp.round(high))
  last = jnp.stack([high[..., -1, :, :], low[..., -1, :, :]], axis=-3)
  if exclusive:
    high, low = (jnp.concatenate([first, one[..., :-1, :, :]], axis=-3)
                 for first, one in zip(before, (high, low), strict=True))
  return high + low, last


def turned(x: jax.Array, turns: jax.Array, pairing: str, sign: int = 1) -> jax.Array:
  """Pair i of head n turns by turns ``[..., T, K, n]``; each of K serves N / K heads of x."""
  heads, count = x.shape[-2], turns.shape[-2]
  if heads % count:
    raise _errors.value_error("q, k", f"{heads} heads", f"a multiple of the encoding's {count}",
                              "Build it with num_heads of the key heads K")
  angle = turns.astype(_numerics.wide(x)) * np.array(2 * math.pi, _numerics.wide(x))
  cos, sin = (jnp.repeat(f(angle), heads // count, axis=-2) for f in (jnp.cos, jnp.sin))
  return rotate_by(x, cos, sign * sin, pairing=pairing)


def both_turned(q, k, q_turns, k_turns, pairing: str, sign: int = 1):
  """``turned`` of q and k; K must be 1 or the key heads."""
  if q_turns.shape[-2] not in (1, k.shape[-2]):
    raise _errors.value_error("k", f"{k.shape[-2]} heads", f"the encoding's {q_turns.shape[-2]}",
                              "Build it with num_heads of the key heads K")
  return turned(q, q_turns, pairing, sign), turned(k, k_turns, pairing, sign)


def check_driven(argument: str, positions: Any, shape: tuple[int, ...]) -> None:
  """Raises unless positions are what ``layer`` made: ``[..., T, *shape]``."""
  came = np.shape(positions)
  if len(came) <= len(shape) or came[-len(shape):] != shape:
    raise _errors.value_error(argument, f"shape {came}", "driven positions [..., T, "
                              + ", ".join(map(str, shape)) + "]",
                              "Pass what layer(x, positions) returned for these tokens")
