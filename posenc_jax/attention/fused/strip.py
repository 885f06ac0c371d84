# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls that ``strip_attention``, the TPU kernel with a bias by distance, can serve."""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.attention.bias.distances import contiguous, vector
from posenc_jax.attention.call import Call
from posenc_jax.attention.fused.obstacles import mask_obstacle, order_obstacle

NAME, PLATFORM = "strip", "tpu"
DTYPES = ("bfloat16", "float32")


def obstacle(call: Call) -> str | None:
  """Why the kernel cannot serve this call, or None."""
  call = call.one_batch()
  if call.queries.x.dtype.name not in DTYPES:
    return f"it takes {' and '.join(DTYPES)}, not {call.queries.x.dtype.name}"
  if call.encoding.has("bias") and not call.encoding.has("distance_bias"):
    return "the encoding's bias is not one by distance (distance_bias)"
  if call.encoding.has("bias") and _offset(call) is None:
    return "positions must count up by one, known on the host (NumPy)"
  return mask_obstacle(call) or order_obstacle(call)


def run(call: Call, *, interpret=False) -> jax.Array:
  """Attention of a call without an obstacle: ``[..., T, N, H']``."""
  return call.unfold(_attend(call.one_batch(), interpret))


def _offset(call):
  return contiguous(call.queries.positions, call.keys.positions)


def _attend(call, interpret):
  # Imported here, as Pallas for TPUs takes a second that other platforms need not spend.
  from posenc_jax.attention.strip.attention import strip_attention

  t, s, n, _ = call.sizes
  rule = call.rule
  distance = np.arange(1 - s, t, dtype=np.int32)
  if call.encoding.has("bias"):
    bias = vector(call.encoding, distance + np.int32(_offset(call) or 0), n)
    bias = jnp.broadcast_to(bias, (n, len(distance)))
  else:
    bias = jnp.zeros((n, len(distance)), jnp.float32)
  # None in either offset is an obstacle, so that no such call comes here.
  offset = (contiguous(call.queries.order, call.keys.order) if rule.uses_order else 0) or 0
  segments = None
  if call.queries.segments is not None:
    segments = (jnp.asarray(call.queries.segments, jnp.int32),
                jnp.asarray(call.keys.segments, jnp.int32))
  return strip_attention(call.queries.x, call.keys.x, call.v, bias, causal=rule.causal,
                         window=rule.window, offset=offset, segments=segments,
                         scale=float(call.scale), block_q=block(t), block_k=block(s),
                         interpret=interpret)


def block(length: int) -> int:
  """Rows of a tile: many, as each tile costs the time of a step, where few of them are padding.

  Example:
    >>> [block(n) for n in (100, 256, 700, 4096, 5000)]
    [128, 256, 128, 512, 512]
  """
  return max(b for b in (512, 256, 128) if b == 128 or length % b == 0 or length >= 8 * b)
