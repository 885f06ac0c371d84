# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""cuDNN's fused attention through ``jax.nn.dot_product_attention``: flags, never a T x S array.

It takes what has no numeric bias, and biases that are columns of q and k (``low_rank``: causal
ALiBi, FoX). A dense bias or mask is what it would read from memory T x S times; that is not called.
"""

import jax
import jax.numpy as jnp

from posenc_jax.attention.bias.columns import columns
from posenc_jax.attention.call import Call
from posenc_jax.attention.fused.obstacles import (
  bias_obstacle,
  lenient,
  mask_obstacle,
  order_obstacle,
  pad_width,
  widened,
)

DTYPES = ("bfloat16", "float16")


def obstacle(call: Call) -> str | None:
  """Why cuDNN cannot serve this call (one batch axis), or None."""
  if call.q.dtype.name not in DTYPES:
    return f"it takes {' and '.join(DTYPES)}, not {call.q.dtype.name}"
  if call.segments not in ("none", "lengths"):
    return "it knows no segments; lengths= says how long right-padded examples are"
  window = call.visibility.window
  if window is not None and not call.visibility.causal:
    return "it has windows under a causal mask only"
  found = (mask_obstacle(call) or order_obstacle(call, offset=0) or bias_obstacle(call))
  if found:
    return found
  width, most = _width(call), widest()
  if width > most:
    return f"it takes head dims up to {most} here, and this needs {width}"
  return None


def widest() -> int:
  """The largest head dim: 256 from Hopper on, 128 before it or where no GPU says so."""
  devices = jax.devices() if jax.default_backend() == "gpu" else ()
  capable = [float(getattr(d, "compute_capability", 0)) >= 9 for d in devices]
  return 256 if capable and all(capable) else 128


def _width(call):
  """The common head dim of q, k and v: a multiple of 8."""
  if not call.encoding.has("bias"):
    q = call.q
  else:
    q, _ = jax.eval_shape(lambda: widened(call, columns(call)))
  wide = max(q.shape[-1], call.v.shape[-1])
  return -(-wide // 8) * 8


def cudnn(call: Call, attention=jax.nn.dot_product_attention) -> jax.Array:
  """Attention of a call (one batch axis) without an obstacle.

  Args:
    call: the call.
    attention: has the arguments of ``jax.nn.dot_product_attention``.

  Returns:
    ``[B, T, N, H']``.
  """
  q, k = widened(call, columns(call)) if call.encoding.has("bias") else (call.q, call.k)
  width = _width(call)
  q, k, v = (pad_width(x, width) for x in (q, k, call.v))
  seen, batch = call.visibility, len(q)
  window = None if seen.window is None else (seen.window[0], 0)
  lengths = [None, None]
  if call.lengths is not None:
    lengths = [jnp.broadcast_to(jnp.asarray(x, jnp.int32), (batch,)) for x in call.lengths]
  with lenient():
    out = attention(q, k, v, scale=float(call.scale), is_causal=seen.causal,
                    local_window_size=window, query_seq_lengths=lengths[0],
                    key_value_seq_lengths=lengths[1], implementation="cudnn")
  out = out[..., :call.v.shape[-1]]
  if lengths[0] is not None:
    # What stands in rows of padding is the kernel's affair; here it is zero, and takes no gradient.
    real = jnp.arange(out.shape[1], dtype=jnp.int32)[None] < lengths[0][:, None]
    out = jnp.where(real[..., None, None], out, 0)
  return out
