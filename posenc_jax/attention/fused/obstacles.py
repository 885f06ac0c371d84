# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the fused kernels have in common: which calls they cannot serve, and extra columns."""

import contextlib
import numbers

import jax
import jax.numpy as jnp

from posenc_jax.attention.bias.columns import columns, widen
from posenc_jax.attention.bias.distances import contiguous
from posenc_jax.attention.call import Call


@contextlib.contextmanager
def lenient():
  """For calls into JAX's own kernels, which strict promotion of dtypes and ranks would stop."""
  with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
    yield


def mask_obstacle(call: Call) -> str | None:
  """Why no fused kernel can serve this call, whatever its bias."""
  if call.visibility.mask is not None:
    return "it would have to read mask= as a T x S array"
  if not isinstance(call.scale, numbers.Real):
    return "scale is traced, and it takes a plain number"
  for hook in ("scores", "mix"):
    if call.encoding.has(hook):
      return f"the encoding's {hook} hook needs whole rows of scores"
  return None


def order_obstacle(call: Call, *, offset: int | None = None) -> str | None:
  """Why causal or window cannot be flags: order must count up, known on the host.

  Args:
    call: with one batch axis.
    offset: by how much the first query's order must exceed the first key's; None for any.
  """
  seen = call.visibility
  if not seen.uses_order:
    return None
  found = contiguous(seen.q_order, seen.k_order)
  if found is None:
    return "causal and window need an order 0, 1, .. known on the host (NumPy)"
  t, s, _, _ = call.sizes
  if seen.window is not None and t > s:
    return f"with T={t} > S={s}, a window leaves rows that see nothing, and they would not be zero"
  if offset is not None and found != offset:
    return f"queries stand {found} tokens further than keys, and its causal mask knows no offset"
  return None


def bias_obstacle(call: Call) -> str | None:
  """Why the bias cannot be columns of q and k."""
  if not call.encoding.has("bias"):
    return None
  if not call.encoding.has("low_rank"):
    return "it takes no bias, and the encoding's has no low_rank form"
  if call.q.dtype == jnp.float16:
    return "the columns that stand for a bias need the range of bfloat16, not float16"
  found = columns(call)
  if found is None:
    return ("it takes no bias, and a low_rank one needs causal=True with an order known on the "
            "host that positions follow")
  _, _, n, kv = call.sizes
  if found[1].shape[2] > 1 and n != kv:
    return "query heads that share keys need different columns of them"
  return None


def widened(call: Call, found):
  """q and k with the columns that ``columns`` found."""
  return widen(call.q, call.k, *found, float(call.scale))


def pad_width(x, width: int):
  """x with zeros as further head dims."""
  return jnp.pad(x, ((0, 0),) * (x.ndim - 1) + ((0, width - x.shape[-1]),))
