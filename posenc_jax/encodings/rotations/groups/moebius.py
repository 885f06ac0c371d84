# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Moebius RoPE: some heads turn by odd multiples of pi / N, so that N tokens make -1 (hook ``qk``).

arXiv 2607.21405, read second-hand: theta_i = pi (2i + 1) / N on a quarter of the heads, so
R(N) = -I; the other heads are RoPE.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import on_heads
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.rotary import Rotary


def moebius_frequencies(dim: int, period: int) -> phases.Frequencies:
  """theta_i = pi (2i + 1) / N, i = 0 .. dim / 2 - 1.

  Args:
    dim: the number of rotated dims, even.
    period: N, the position at which every pair is turned by half.

  Returns:
    ``Frequencies`` ``[dim // 2]``.

  Raises:
    ValueError: dim is odd or period below 1.

  Example:
    >>> moebius_frequencies(4, 100).radians.round(4).tolist()
    [0.0314, 0.0942]
  """
  dim = _errors.check_int("dim", dim, "an even rotary dimension", "Pass the head dim H", least=2)
  if dim % 2:
    raise _errors.value_error("dim", dim, "an even rotary dimension", f"Turn {dim - 1} dims")
  period = _checks.size("period", period, "Pass the length at which the text closes")
  return phases.frequencies((2 * np.arange(dim // 2) + 1) * (math.pi / period))


def moebius_rotary(head_dim: int, num_heads: int, period: int, *, share: float = 0.25,
                   base: Any = 10_000.0, pairing: str = "half") -> Encoding:
  """Moebius frequencies on the first heads, RoPE on the others.

  Args:
    head_dim: H; num_heads: N query heads.
    period: as in ``moebius_frequencies``.
    share: of the heads, rounded to whole heads, one at least. With grouped keys they must be whole
      groups.
    base: of the other heads.
    pairing: as in ``Rotary``.

  Returns:
    An encoding.

  Raises:
    ValueError: a share outside (0, 1].

  Example:
    >>> moebius_rotary(4, 4, 100).members[0].stop
    1
  """
  if not 0 < share <= 1:
    raise _errors.value_error("share", share, "a number in (0, 1]", "The paper takes 0.25")
  heads = max(1, round(share * _checks.size("num_heads", num_heads, "Pass the query heads N")))
  turned = Rotary.from_frequencies(moebius_frequencies(head_dim, period), pairing=pairing)
  if heads == num_heads:
    return turned
  plain = Rotary(head_dim, base=base, pairing=pairing)
  return chain(on_heads(slice(0, heads), turned, of=num_heads),
               on_heads(slice(heads, num_heads), plain, of=num_heads))
