# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A short causal convolution of each channel along the sequence; it decodes and skips padding."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align


def convolve(x: jax.Array, kernel: jax.Array, positions: Any, carry: Any = None,
             segments: Any = None) -> tuple[jax.Array, Any]:
  """sum_i kernel[i] x_(t - i) over the tokens before t that belong to the same text.

  Going back from t, the sum stops at the first token whose segment is another or whose position
  does not precede its successor's: that is another document, or padding.

  Args:
    x: ``[..., T, C]``.
    kernel: ``[taps, C]``, kernel[0] for the token itself.
    positions: ``[..., T]``; missing leading axes broadcast.
    carry: what the previous chunk returned; None or zeros at the start.
    segments: None or int ids ``[..., T]``. Tokens of a negative id are not kept for the next chunk.

  Returns:
    ``[..., T, C]`` of x's dtype, and the last taps - 1 rows with their positions and segments.
  """
  taps, length, batch = kernel.shape[0], x.shape[-2], x.shape[:-2]
  align = lambda a, name: jnp.broadcast_to(jnp.asarray(_align.align_array(
      a, len(batch), length, 0, name)), (*batch, length))
  at = align(positions, "positions")
  ids = jnp.zeros(at.shape, jnp.int32) if segments is None else align(segments, "segments")
  if carry is None:
    before = (*batch, taps - 1)
    carry = jnp.zeros((*before, x.shape[-1]), x.dtype), jnp.zeros(before, at.dtype), jnp.zeros(
        before, jnp.int32)
  join = lambda a, b, axis: jnp.concatenate([a.astype(b.dtype), b], axis=axis)
  rows, at, ids = join(carry[0], x, -2), join(carry[1], at, -1), join(carry[2], ids, -1)
  goes_on = (at[..., :-1] < at[..., 1:]) & (ids[..., :-1] == ids[..., 1:])
  tap = lambda i: kernel[i].astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
  out, same = x * tap(0), jnp.ones((*batch, length), bool)
  for i in range(1, taps):
    start = taps - 1 - i
    same = same & goes_on[..., start:start + length]
    out = out + jnp.where(same[..., None], rows[..., start:start + length, :] * tap(i), 0)
  return out, _last(rows, at, ids, taps - 1, segments is not None)


def _last(rows, at, ids, count, padded):
  """The last rows that are no padding, with their positions and segments."""
  if padded:
    order = jnp.argsort((ids >= 0).astype(jnp.int32), axis=-1, stable=True)
    rows = jnp.take_along_axis(rows, order[..., None], axis=-2)
    at, ids = (jnp.take_along_axis(a, order, axis=-1) for a in (at, ids))
  keep = slice(at.shape[-1] - count, None)
  return rows[..., keep, :], at[..., keep], ids[..., keep]
