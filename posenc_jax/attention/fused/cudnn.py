# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""cuDNN's fused attention through ``jax.nn.dot_product_attention``: flags, never a T x S array.

It takes what has no numeric bias, and biases that are columns of q and k (``bias_columns``: causal
ALiBi, FoX). It would read a dense bias or mask from memory T x S times, so it is never given one.
"""

import jax
import jax.numpy as jnp

from posenc_jax.attention import settings
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

NAME, PLATFORM = "cudnn", "gpu"
DTYPES = ("bfloat16", "float16")


def obstacle(call: Call) -> str | None:
  """Why cuDNN cannot serve this call, or None."""
  call = call.one_batch()
  if settings.current().platform == "gpu" and not _detected():
    return "JAX finds no cuDNN on this host, and asks for its version while it traces"
  if call.queries.x.dtype.name not in DTYPES:
    return f"it takes {' and '.join(DTYPES)}, not {call.queries.x.dtype.name}"
  if call.segments not in ("none", "lengths"):
    return "it knows no segments; lengths= says how long right-padded examples are"
  if call.rule.window is not None and not call.rule.causal:
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


def _detected() -> bool:
  """Whether calls of cuDNN can be traced here."""
  x = jax.ShapeDtypeStruct((1, 8, 1, 8), DTYPES[0])
  try:
    jax.eval_shape(lambda x: jax.nn.dot_product_attention(x, x, x, implementation="cudnn"), x)
  except RuntimeError:
    return False
  return True


def _width(call):
  """The common head dim of q, k and v: a multiple of 8."""
  if not call.encoding.has("bias"):
    q = call.queries.x
  else:
    q, _ = jax.eval_shape(lambda: widened(call, columns(call)))
  wide = max(q.shape[-1], call.v.shape[-1])
  return -(-wide // 8) * 8


def run(call: Call, attention=jax.nn.dot_product_attention) -> jax.Array:
  """Attention of a call without an obstacle.

  Args:
    call: the call.
    attention: has the arguments of ``jax.nn.dot_product_attention``.

  Returns:
    ``[..., T, N, H']``.
  """
  return call.unfold(_attend(call.one_batch(), attention))


def _attend(call, attention):
  biased = call.encoding.has("bias")
  q, k = widened(call, columns(call)) if biased else (call.queries.x, call.keys.x)
  width = _width(call)
  q, k, v = (pad_width(x, width) for x in (q, k, call.v))
  rule, batch = call.rule, len(q)
  window = None if rule.window is None else (min(rule.window[0], k.shape[1]), 0)
  lengths = [None, None]
  if call.lengths is not None:
    lengths = [jnp.broadcast_to(jnp.asarray(x, jnp.int32), (batch,)) for x in call.lengths]
  with lenient():
    out = attention(q, k, v, scale=float(call.scale), is_causal=rule.causal,
                    local_window_size=window, query_seq_lengths=lengths[0],
                    key_value_seq_lengths=lengths[1], implementation="cudnn")
  out = out[..., :call.v.shape[-1]]
  if lengths[0] is not None:
    # The kernel leaves anything in rows of padding: make them zero, without a gradient.
    real = jnp.arange(out.shape[1], dtype=jnp.int32)[None] < lengths[0][:, None]
    out = jnp.where(real[..., None, None], out, 0)
  return out
