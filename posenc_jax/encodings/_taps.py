# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Short causal convolutions along the tokens of a layer, continued from chunk to chunk."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align


def short_convolution(x: jax.Array, kernel: jax.Array, positions: Any, *, carry: Any = None,
                      segments: Any = None) -> tuple[jax.Array, tuple]:
  """y_t = sum_i w_i x_(t - i), for each channel, within a document.

  A tap stops where a document begins: where segments differ, and where positions do not grow,
  which is how left padding and packed rows without segments show.

  Args:
    x: ``[..., T, C]``.
    kernel: w ``[taps, C]``; row 0 weighs the token itself.
    positions: ``[..., T]``, the tokens' own.
    carry: what the last chunk of the same sequence returned; None or zeros is the start.
    segments: None, or int ids ``[..., T]``; tokens of a negative id are padding, which the next
      chunk does not see.

  Returns:
    (y, carry): like x; the last taps - 1 rows with their ids, positions and whether they are there.
  """
  taps, batch, length = kernel.shape[0], x.ndim - 2, x.shape[-2]
  whole = lambda a: jnp.broadcast_to(jnp.asarray(a), x.shape[:-1])
  at = whole(_align.align_array(positions, batch, length, 0, "positions"))
  ids = jnp.zeros_like(at, dtype=jnp.int32) if segments is None else whole(
      _align.align_array(segments, batch, length, 0, "segments", real=False))
  if carry is None:
    lead = (*x.shape[:-2], taps - 1)
    carry = (jnp.zeros((*lead, x.shape[-1]), x.dtype), jnp.zeros(lead, jnp.int32),
             jnp.zeros(lead, at.dtype), jnp.zeros(lead, bool))
  join = lambda old, new, axis: jnp.concatenate([old.astype(new.dtype), new], axis=axis)
  rows, ids, at = (join(old, new, axis) for old, new, axis in zip(
      carry[:3], (x, ids, at), (-2, -1, -1), strict=True))
  real = join(carry[3], ids[..., taps - 1:] >= 0, -1)
  grows = jnp.concatenate([real[..., :1] & False, at[..., 1:] > at[..., :-1]], axis=-1)
  y, linked = jnp.zeros_like(x), whole(True)
  for i in range(taps):
    here = slice(taps - 1 - i, taps - 1 - i + length)
    if i:
      after = slice(here.start + 1, here.stop + 1)
      linked = linked & grows[..., after] & real[..., here] & (ids[..., here] == ids[..., after])
    weight = kernel[i].astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    y = y + jnp.where(linked[..., None], rows[..., here, :] * weight, 0)
  return y, _last(taps - 1, rows, ids, at, real, segments is not None)


def _last(count, rows, ids, at, real, padded):
  """The last rows that are no padding."""
  if padded:  # padding first, the rest in its order
    order = jnp.argsort(real, axis=-1, stable=True)
    pick = lambda a: jnp.take_along_axis(a, order, axis=-1)
    rows = jnp.take_along_axis(rows, order[..., None], axis=-2)
    ids, at, real = pick(ids), pick(at), pick(real)
  keep = slice(ids.shape[-1] - count, None)
  return rows[..., keep, :], ids[..., keep], at[..., keep], real[..., keep]
