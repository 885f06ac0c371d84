# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls that ``strip_attention``, the TPU kernel with a bias by distance, can serve."""

import jax
import numpy as np

from posenc_jax.attention.bias.distances import contiguous
from posenc_jax.attention.call import Call
from posenc_jax.attention.fused.obstacles import mask_obstacle, order_obstacle

DTYPES = ("bfloat16", "float32")


def obstacle(call: Call) -> str | None:
  """Why the kernel cannot serve this call (one batch axis), or None."""
  if call.q.dtype.name not in DTYPES:
    return f"it takes {' and '.join(DTYPES)}, not {call.q.dtype.name}"
  if call.segments != "none":
    return "it knows no segments"
  if call.encoding.has("bias") and not call.encoding.has("distance_bias"):
    return "the encoding's bias is not one by distance (distance_bias)"
  if call.encoding.has("bias") and contiguous(call.q_positions, call.k_positions) is None:
    return "positions must count up by one, known on the host (NumPy)"
  return mask_obstacle(call) or order_obstacle(call)


def strip(call: Call, *, interpret=False) -> jax.Array:
  """Attention of a call (one batch axis) without an obstacle: ``[B, T, N, H']``."""
  # Pallas for TPUs is not wanted where nobody asks for it.
  from posenc_jax.attention.strip.attention import strip_attention

  t, s, n, _ = call.sizes
  seen = call.visibility
  apart = np.arange(1 - s, t, dtype=np.int32)
  if call.encoding.has("bias"):
    vector = call.encoding.distance_bias(apart + np.int32(contiguous(call.q_positions,
                                                                     call.k_positions)))
    vector = jax.numpy.broadcast_to(vector, (n, len(apart)))
  else:
    vector = np.zeros((n, len(apart)), np.float32)
  offset = contiguous(seen.q_order, seen.k_order) if seen.uses_order else 0
  return strip_attention(call.q, call.k, call.v, vector, causal=seen.causal, window=seen.window,
                         offset=offset, scale=float(call.scale), interpret=interpret)
