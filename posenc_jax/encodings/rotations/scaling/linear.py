# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Position interpolation: all frequencies are divided by the factor.

Chen et al. 2023, "Extending Context Window of Large Language Models via Positional Interpolation",
arXiv 2306.15595.
"""

from typing import Any

import numpy as np

from posenc_jax.encodings.rotations.scaling import _host


def linear_frequencies(dim: int, factor: float, *, base: Any = 10_000.0,
                       allow_shrink: bool = False) -> np.ndarray:
  """theta_i / s, the same as dividing positions by s; do not do both.

  Args:
    dim: r, the rotary dim.
    factor: s, by how much the context grows, at least 1.
    base: B.
    allow_shrink: takes a factor below 1 too, for a context that shrinks.

  Returns:
    float64 ``[dim // 2]``, radians per position.

  Raises:
    ValueError: factor <= 0, or below 1 without ``allow_shrink``.
    TypeError: a base that is not known on the host.

  Example:
    >>> linear_frequencies(4, 2.0).tolist()
    [0.5, 0.005]

  References:
    Chen et al. 2023, arXiv 2306.15595, equation 4.
  """
  _host.check_factor(factor, allow_shrink)
  return _host.plain(dim, base) / factor
