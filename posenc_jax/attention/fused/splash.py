# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""JAX's splash attention for TPUs: what has no numeric bias, or one that is columns of q and k.

It is called with lazy masks, so no T x S array exists. The wiring is tested in its interpreter and
lowered for TPUs; it has not run on a TPU.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.attention.bias.columns import columns
from posenc_jax.attention.call import Call
from posenc_jax.attention.fused.obstacles import (
  bias_obstacle,
  lenient,
  mask_obstacle,
  order_obstacle,
  widened,
)

NAME, PLATFORM = "splash", "tpu"
BLOCK = 128
DTYPES = ("bfloat16", "float32")


def obstacle(call: Call) -> str | None:
  """Why splash attention cannot serve this call, or None."""
  call = call.one_batch()
  if call.queries.x.dtype.name not in DTYPES:
    return f"it takes {' and '.join(DTYPES)}, not {call.queries.x.dtype.name}"
  t, s, _, _ = call.sizes
  if t % BLOCK or s % BLOCK:
    return f"it takes lengths that are multiples of {BLOCK}, not T={t} and S={s}"
  if call.segments not in ("none", "same"):
    return "rows that see nothing would not be zero: it takes one array of segments= only"
  return mask_obstacle(call) or order_obstacle(call, offset=0) or bias_obstacle(call)


def run(call: Call, *, interpret: bool = False) -> jax.Array:
  """Attention of a call without an obstacle: ``[..., T, N, H']``."""
  return call.unfold(_attend(call.one_batch(), interpret))


def _attend(call, interpret):
  # Imported here, as Pallas for TPUs takes a second that other platforms need not spend.
  from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernel
  from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks

  t, s, n, _ = call.sizes
  rule = call.rule
  if rule.window is not None:
    window = (min(rule.window[0], s), 0 if rule.causal else min(rule.window[1], s))
    mask = masks.LocalMask((t, s), window, offset=0)
  else:
    mask = masks.CausalMask((t, s)) if rule.causal else masks.FullMask((t, s))
  block = lambda length: max(b for b in (512, 256, BLOCK) if length % b == 0)
  q, kv = block(t), block(s)
  sizes = kernel.BlockSizes(block_q=q, block_kv=kv, block_kv_compute=kv, block_q_dkv=q,
                            block_kv_dkv=kv, block_kv_dkv_compute=kv, block_q_dq=q, block_kv_dq=kv)
  run: Any = kernel.make_splash_mha(masks.MultiHeadMask([mask] * n), block_sizes=sizes,
                                    head_shards=1, q_seq_shards=1, interpret=interpret)
  biased = call.encoding.has("bias")
  q, k = widened(call, columns(call)) if biased else (call.queries.x, call.keys.x)
  q, k, v = (jnp.moveaxis(x, 2, 1) for x in (q * jnp.asarray(call.scale, q.dtype), k, call.v))
  segments = ()
  if call.queries.segments is not None:
    ids = jnp.broadcast_to(jnp.asarray(call.queries.segments, jnp.int32), (len(q), t))
    segments = (kernel.SegmentIds(ids, ids),)
  with lenient():
    return jnp.moveaxis(jax.vmap(run)(q, k, v, *segments), 1, 2)
