# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether what a hook returned has the heads of the query, where they belong."""

from collections.abc import Sequence
from typing import Any

from posenc_jax import _errors


def check_distance_bias(e: Any, found: Any, distance: Any, axes: int = 0) -> Any:
  """What ``e.distance_bias(distance)`` returned, if it is ``[N, ...]`` for distances ``[...]``."""
  shape = tuple(distance.shape)[:-1] if axes else tuple(distance.shape)
  came = tuple(found.shape) if hasattr(found, "shape") else None
  if came is None or len(came) != len(shape) + 1 or came[1:] != shape:
    raise _errors.value_error(
        f"encoding {type(e).__name__}, distance_bias",
        _errors.describe(found) if came is None else f"shape {came}",
        f"[N, {', '.join(map(str, shape))}], heads before the axes of the distances",
        "A leaf x of [N] is used as x.reshape(x.shape + (1,) * distance.ndim); one head is "
        "bias[None]")
  return found


def check_heads(e: Any, hook: str, shape: Sequence[int], axis: int, heads: int) -> None:
  """Raises unless what a hook returned has N heads, or one that the encoding calls shared.

  Args:
    e: whose hook.
    hook: its name.
    shape: of what it returned.
    axis: that of the heads.
    heads: N.
  """
  came = shape[axis]
  if came == heads or (came == 1 and e.shared_heads):
    return
  mend = f"Build the encoding for {heads} heads"
  if came == 1:
    mend += ", or say that its head is for all: px.share_heads(encoding)"
  elif heads in shape:
    mend = f"Return heads at axis {axis}"
  raise _errors.value_error(
      f"encoding {type(e).__name__}, {hook}", f"{came} heads in shape {tuple(shape)}",
      f"the N = {heads} query heads of q",
      f"{mend}. Arrays [B, N, T, H] need jnp.swapaxes(x, -3, -2) first")
