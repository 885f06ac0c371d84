# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dynamic NTK: the base grows with the length of the sequence (hook ``expand`` of RotaryOnRead).

"Dynamically scaled RoPE", 2023, described in Peng et al. 2023, arXiv 2309.00071, section 3.3.
Keys turned at one length do not fit queries turned at another. So the cache holds raw keys, all of
which are turned on read for one length.
"""

from typing import Any

from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.rotary import rotary_frequencies
from posenc_jax.encodings.rotations.scaling import _host
from posenc_jax.encodings.rotations.scaling.ntk import ntk_base


def dynamic_ntk_base(base: float, factor: float, dim: int, *, length: int, original: int) -> float:
  """The NTK base for one length: B (factor L / L0 - (factor - 1))^(r/(r-2)) once L exceeds L0.

  Keys that were cached at another length carry other frequencies: pin one length for a sequence,
  or keep raw keys, as ``dynamic_ntk_rotary`` does.

  Args:
    base, factor, dim: as in ``ntk_base``.
    length: L; original: L0.

  Returns:
    B'; equal to B while L <= L0.

  Example:
    >>> dynamic_ntk_base(10_000.0, 4.0, 64, length=2048, original=2048)
    10000.0

  References:
    Peng et al. 2023, arXiv 2309.00071, section 3.3.
  """
  _host.check_original(original)
  stretch = factor * max(length, original) / original - (factor - 1)
  return ntk_base(base, stretch, dim)


def dynamic_ntk_rotary(dim: int, *, length: int, original: int, factor: float = 1.0,
                       base: Any = 10_000.0, pairing: str = "half") -> RotaryOnRead:
  """Dynamic NTK for sequences of one length; at another length, build it again.

  Args:
    dim, factor, base: as in ``ntk_base``.
    length: L, of the tokens so far, or the longest that the sequence will get.
    original: L0.
    pairing: as in ``Rotary``.

  Returns:
    A ``RotaryOnRead``: two lengths differ in its leaves alone, so a compiled program serves both,
    and a cache written at one length is right at the other.

  Example:
    >>> dynamic_ntk_rotary(8, length=2048, original=2048)
    RotaryOnRead(dim=8, base=10000.0)
  """
  grown = dynamic_ntk_base(base, factor, dim, length=length, original=original)
  return RotaryOnRead.from_frequencies(rotary_frequencies(dim, base=grown), pairing=pairing)
