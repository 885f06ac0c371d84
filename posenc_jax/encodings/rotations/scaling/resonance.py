# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Resonance RoPE: wavelengths are rounded to whole numbers of positions.

Wang et al. 2024, "Resonance RoPE: Improving Context Length Generalization of Large Language
Models", arXiv 2403.00071. A pair then meets the same angles beyond the trained length as within.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors, phases


def resonance_frequencies(frequencies: Any) -> np.ndarray:
  """2 pi / round(2 pi / theta_i), after any other scaling; frequencies of 0 stay 0.

  Args:
    frequencies: ``[n]`` radians per position or ``Frequencies``, known on the host, not negative.

  Returns:
    float64 ``[n]``; no wavelength is below 1. A half rounds to the even neighbour.

  Raises:
    TypeError: frequencies that are traced or learned.
    ValueError: a frequency below 0.

  Example:
    >>> (2 * math.pi / resonance_frequencies([1.0, 0.1])).round(9).tolist()
    [6.0, 63.0]

  References:
    Wang et al. 2024, arXiv 2403.00071, algorithm 1.
  """
  exact = phases.as_frequencies(frequencies, single=True)
  if not isinstance(exact, phases.Frequencies) or not exact.known:
    raise _errors.type_error("frequencies", _errors.describe(frequencies),
                             "numbers known on the host", "Round before tracing or learning them")
  theta = exact.radians
  if (theta < 0).any():
    raise _errors.value_error("frequencies", theta.min(), "none below 0",
                              "Round their sizes and put the sign back")
  turning = theta > 0
  wavelength = np.rint(2 * math.pi / np.where(turning, theta, 1.0))
  return np.where(turning, 2 * math.pi / np.maximum(wavelength, 1), 0.0)
