# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the fused kernels have in common: which calls they cannot serve, and extra columns."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.attention.bias.columns import columns, widen
from posenc_jax.attention.bias.distances import contiguous
from posenc_jax.attention.call import Call
from posenc_jax.attention.semantics import needs_whole_rows


@contextlib.contextmanager
def lenient():
  """For calls into JAX's own kernels, which strict promotion of dtypes and ranks would stop."""
  with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
    yield


def mask_obstacle(call: Call) -> str | None:
  """Why no fused kernel can serve this call, whatever its bias."""
  if call.mask is not None:
    return "it would have to read mask= as a T x S array"
  if _numerics.known(call.scale) is None:
    return "scale is traced, and it takes a plain number"
  hook = needs_whole_rows(call)
  if hook is not None:
    return f"the encoding's {hook} hook needs whole rows of scores"
  if call.encoding.has("visible"):
    return "the encoding's visible hook hides pairs that its flags cannot name"
  if call.keys.prefix is not None:
    return "it knows no prefix"
  return None


def order_obstacle(call: Call, *, offset: int | None = None) -> str | None:
  """Why causal or window cannot be flags: order must count up, known on the host.

  Args:
    call: with one batch axis.
    offset: by how much the first query's order must exceed the first key's; None for any.
  """
  if not call.rule.uses_order:
    return None
  found = contiguous(call.queries.order, call.keys.order)
  if found is None:
    return "causal and window need an order 0, 1, .. known on the host (NumPy)"
  t, s, _, _ = call.sizes
  if call.rule.window is not None and t > s:
    return f"with T={t} > S={s}, a window leaves rows that see nothing, and they would not be zero"
  if offset is not None and found != offset:
    return f"queries stand {found} tokens further than keys, and its causal mask knows no offset"
  return None


def bias_obstacle(call: Call) -> str | None:
  """Why the bias cannot be columns of q and k."""
  if not call.encoding.has("bias"):
    return None
  if not call.encoding.has("bias_columns"):
    return "it takes no bias, and the encoding's has no bias_columns"
  if call.queries.x.dtype == jnp.float16:
    return "the columns that stand for a bias need the range of bfloat16, not float16"
  found = columns(call)
  if found is None:
    return ("it takes no bias, and columns need causal=True with an order known on the "
            "host that positions follow")
  _, _, n, kv = call.sizes
  if found[1].shape[2] > 1 and n != kv:
    return "query heads that share keys need different columns of them"
  return None


def widened(call: Call, found: tuple[Any, Any]):
  """q and k with the columns that ``columns`` found."""
  return widen(call.queries.x, call.keys.x, found[0], found[1], float(call.scale))


def pad_width(x, width: int):
  """x with zeros as further head dims."""
  return jnp.pad(x, ((0, 0),) * (x.ndim - 1) + ((0, width - x.shape[-1]),))
