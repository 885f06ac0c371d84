# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary on the last dims of heads, undone on the output (``qk``, ``values``, ``outputs``).

As DeepSeek-V4 does, whose keys are its values: the last 64 of 512 dims turn in interleaved pairs,
and the output is turned back by the query's position. Its compressed entries stand at the first
position of their window, which the caller gives.
"""

from typing import Any

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import on_dims
from posenc_jax.encodings.rotations.rotary import Rotary
from posenc_jax.encodings.rotations.vo_rotary import VORotary


def trailing_rotary(head_dim: int, dim: int | None = None, *, base: Any = 10_000.0,
                    pairing: str = "interleaved", values: bool = True) -> Encoding:
  """RoPE on the last ``dim`` dims of each head, and on those of values and outputs.

  Args:
    head_dim: H.
    dim: how many dims turn, even; None for an eighth of the head (64 of 512), two at least.
    base: positive; DeepSeek-V4 takes 10000, and 160000 for compressed entries.
    pairing: as in ``Rotary``.
    values: whether values turn and outputs turn back (VO-RoPE); False rotates q and k alone.

  Returns:
    An encoding; positions are ``[..., T]``.

  Raises:
    ValueError: dim is odd or more than head_dim.

  Example:
    >>> e = trailing_rotary(8, 4)
    >>> [type(m.inner).__name__ for m in e.members], e.members[0].start
    (['Rotary', 'VORotary'], 4)
  """
  head_dim = _errors.check_int("head_dim", head_dim, "an int, at least 2", "Pass H", least=2)
  dim = max(2, head_dim // 16 * 2) if dim is None else _errors.check_int(
      "dim", dim, "an even rotary dimension", "DeepSeek-V4 turns 64", least=2)
  if dim > head_dim:
    raise _errors.value_error("dim", dim, f"at most head_dim {head_dim}", "Pass fewer dims")
  values = _errors.check_bool("values", values, "DeepSeek-V4 turns them")
  last = slice(head_dim - dim, head_dim)
  turned = on_dims(last, Rotary(dim, base=base, pairing=pairing))
  if not values:
    return turned
  return chain(turned, on_dims(last, VORotary(dim, base=base, pairing=pairing)))
