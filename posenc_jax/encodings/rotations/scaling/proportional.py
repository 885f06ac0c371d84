# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""p-RoPE, "proportional": the slowest pairs stand still, exponents over the whole head.

Barbero et al. 2024, "Round and Round We Go! What makes Rotary Positional Encodings useful?", arXiv
2410.06205, section 6.
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.scaling import _host


def proportional_frequencies(dim: int, proportion: float, *, base: Any = 10_000.0) -> np.ndarray:
  """The fastest floor(proportion r / 2) pairs turn, exponents over all of r; the rest stand still.

  Args:
    dim: r, the whole head.
    proportion: p in [0, 1].
    base: B.

  Returns:
    float64 ``[dim // 2]``, zero for pairs that do not turn.

  Raises:
    ValueError: proportion outside [0, 1].

  Example:
    >>> proportional_frequencies(4, 0.5).tolist()
    [1.0, 0.0]

  References:
    Barbero et al. 2024, arXiv 2410.06205, section 6 (p-RoPE).
  """
  if not 0 <= proportion <= 1:
    raise _errors.value_error("proportion", proportion, "a number in [0, 1]", "0.75 in the paper")
  turning = np.arange(dim // 2) < int(proportion * dim // 2)
  return np.where(turning, _host.plain(dim, base), 0.0)
