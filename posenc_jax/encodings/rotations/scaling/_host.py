# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the edits of rotary frequencies share: plain frequencies as numbers, checks, the ramp."""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def plain(dim: int, base: Any) -> np.ndarray:
  """base^(-2i/dim) as float64 NumPy ``[dim // 2]``; a base that is traced is refused."""
  known = _numerics.known(base)
  if known is None or known.ndim:
    raise _errors.type_error("base", _errors.describe(base), "one number, known on the host",
                             "They are edited in float64 on the host, so pass a Python float")
  return rotary_frequencies(dim, base=base).radians


def check_factor(factor: Any, allow_shrink: bool = False) -> None:
  """Raises unless the factor by which the context grows is positive, and at least 1 unless told."""
  mend = "A context that grows fourfold has factor 4"
  _errors.check_positive("factor", factor, mend)
  _errors.check_bool("allow_shrink", allow_shrink, "It says that a factor below 1 is meant")
  known = _numerics.known(factor)
  if not allow_shrink and known is not None and (known < 1).any():
    raise _errors.value_error("factor", factor, "at least 1", f"{mend}, not 1/4. If it shall turn "
                              "faster than trained, say allow_shrink=True")


def check_original(original: Any) -> None:
  """Raises unless the trained length is positive."""
  _errors.check_positive("original", original, "Pass the length that the model was trained on")


def check_betas(beta_fast: float, beta_slow: float) -> None:
  """Raises unless beta_fast is more turns than beta_slow."""
  _errors.check_positive("beta_slow", beta_slow, "The paper has 1")
  if beta_fast < beta_slow:
    raise _errors.value_error("beta_fast, beta_slow", (beta_fast, beta_slow),
                              "beta_fast at least beta_slow", "Swap them; the paper has 32 and 1")


def pair_of(turns: float, dim: int, base: float, original: float) -> float:
  """The (real) index of the pair that turns so many times within L0: r ln(L0/(2 pi t))/(2 ln B)."""
  return dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))


def ramp_ends(dim: int, base: float, original: float, beta_fast: float, beta_slow: float,
              truncate: bool) -> tuple[float, float]:
  """The pairs between which a ramp of the released code runs, clipped to [0, dim - 1]."""
  low, high = (pair_of(turns, dim, base, original) for turns in (beta_fast, beta_slow))
  if truncate:
    low, high = math.floor(low), math.ceil(high)
  low, high = max(low, 0), min(high, dim - 1)
  return low, high + 0.001 if low == high else high
