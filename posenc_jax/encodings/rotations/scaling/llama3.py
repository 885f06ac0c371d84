# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Llama 3.1: long wavelengths are divided by the factor, short ones kept, mixed in between.

The Llama 3.1 release, 2024; there is no paper of the rule.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.scaling import _host


def llama3_frequencies(dim: int, *, factor: float, original: int, low_freq_factor: float = 1.0,
                       high_freq_factor: float = 4.0, base: Any = 500_000.0,
                       allow_shrink: bool = False) -> np.ndarray:
  """Wavelengths above L0 / low are divided by the factor, below L0 / high kept, mixed in between.

  Args:
    dim: r.
    factor, low_freq_factor, high_freq_factor, original: 8, 1, 4 and 8192 in Llama 3.1.
    base: B.
    allow_shrink: takes a factor below 1 too, for a context that shrinks.

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: factor <= 0, or below 1 without ``allow_shrink``;
      high_freq_factor <= low_freq_factor.

  Example:
    >>> f = llama3_frequencies(128, factor=8., low_freq_factor=1., high_freq_factor=4.,
    ...                        original=8192)
    >>> int((f == _host.plain(128, 500_000.)).sum())
    29

  References:
    The Llama 3.1 release, 2024.
  """
  _host.check_factor(factor, allow_shrink)
  _host.check_original(original)
  if high_freq_factor <= low_freq_factor:
    raise _errors.value_error("high_freq_factor", high_freq_factor,
                              f"more than low_freq_factor={low_freq_factor}",
                              "Llama 3.1 has 4 and 1")
  theta = _host.plain(dim, base)
  turns = original * theta / (2 * math.pi)
  keep = np.clip((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0, 1)
  return (1 - keep) * theta / factor + keep * theta
