# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LongRoPE: a factor of its own for each pair, found by a search.

Ding et al. 2024, "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens", arXiv
2402.13753. Released models have two lists of factors, one for sequences within the trained length.
Differs from the paper: the first tokens, which the paper may leave unscaled, are scaled like all
others, as in the released models.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.scaling import _host


def longrope_frequencies(dim: int, factors: Any, *, base: Any = 10_000.0) -> np.ndarray:
  """theta_i / lambda_i with one searched factor for each pair.

  Args:
    dim: r.
    factors: lambda ``[dim // 2]``, positive.
    base: B.

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: a wrong number of factors, or one that is not positive.

  Example:
    >>> longrope_frequencies(4, [1.0, 2.0]).tolist()
    [1.0, 0.005]

  References:
    Ding et al. 2024, arXiv 2402.13753.
  """
  factors = np.asarray(factors, np.float64)
  if factors.shape != (dim // 2,):
    raise _errors.value_error("factors", f"{factors.size} numbers", f"{dim // 2}, one a pair",
                              "Check the rotary dim: partial rotary models have fewer pairs")
  _errors.check_positive("factors", factors, "Each factor stretches a wavelength")
  return _host.plain(dim, base) / factors


def longrope_attention_scaling(factor: float, original: int) -> float:
  """sqrt(1 + ln(factor) / ln(L0)) on cos and sin; 1 for factor <= 1.

  Args:
    factor: s.
    original: L0.

  Returns:
    a float.

  Example:
    >>> round(longrope_attention_scaling(32.0, 4096), 3)
    1.19

  References:
    Ding et al. 2024, arXiv 2402.13753.
  """
  return math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0


def longrope_rotary(dim: int, *, short_factors: Sequence[float], long_factors: Sequence[float],
                    length: int, original: int, factor: float, base: Any = 10_000.0,
                    pairing: str = "half") -> RotaryOnRead:
  """LongRoPE for sequences of one length: the long factors once L exceeds L0.

  A sequence that outgrows L0 goes on with the long factors for all its keys, also for those written
  before, since they are turned on read.

  Args:
    dim, base, pairing: as in ``Rotary``.
    short_factors, long_factors: lambda ``[dim // 2]``.
    length: L, of the tokens so far, or the longest that the sequence will get.
    original: L0.
    factor: s, of the model, for the attention scaling at every length.

  Returns:
    A ``RotaryOnRead``: two lengths differ in its leaves alone.

  Example:
    >>> e = longrope_rotary(4, short_factors=[1, 1], long_factors=[1, 2], length=9, original=8,
    ...                     factor=2.0)
    >>> e.frequencies.tolist()
    [1.0, 0.005]
  """
  _host.check_original(original)
  factors = long_factors if length > original else short_factors
  return RotaryOnRead.from_frequencies(
      longrope_frequencies(dim, factors, base=base), pairing=pairing,
      attention_scaling=longrope_attention_scaling(factor, original))
