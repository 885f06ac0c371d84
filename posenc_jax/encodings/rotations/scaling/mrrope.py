# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""MrRoPE-Pro: between the kept and the divided pairs, the stretch grows ever faster.

MrRoPE, ICLR 2026; formula of the released code (mattian7/mrRoPE), the paper was not read.
"""

import math
from typing import Any

import numpy as np

from posenc_jax.encodings.rotations.scaling import _host


def mrrope_frequencies(dim: int, *, factor: float, original: int, base: Any = 10_000.0,
                       beta_fast: float = 32.0, beta_slow: float = 1.0,
                       allow_shrink: bool = False) -> np.ndarray:
  """theta_i s^(-e_i), e_i = (i - low)(i - low + 1) / ((high - low)(high - low + 1)), in [0, 1].

  low and high are the ends of YaRN's ramp over pairs, rounded outwards. The attention scaling is
  ``yarn_attention_scaling(factor)``.

  Args:
    dim: r.
    factor: s, by how much the context grows, at least 1.
    original: L0.
    base, beta_fast, beta_slow, allow_shrink: as in ``yarn_frequencies``.

  Returns:
    float64 ``[dim // 2]``, radians per position.

  Raises:
    ValueError: factor or original <= 0, a factor below 1 without ``allow_shrink``, or
      beta_fast < beta_slow.

  Example:
    >>> f = mrrope_frequencies(64, factor=4.0, original=2048)
    >>> bool(f[0] == 1.0), round(float(f[-1] / _host.plain(64, 1e4)[-1]), 3)
    (True, 0.25)
  """
  _host.check_factor(factor, allow_shrink)
  _host.check_original(original)
  _host.check_betas(beta_fast, beta_slow)
  low, high = _host.ramp_ends(dim, base, original, beta_fast, beta_slow, True)
  low, high = math.floor(low), math.ceil(high)
  i = np.clip(np.arange(dim // 2), low, high) - low
  stretch = i * (i + 1) / ((high - low) * (high - low + 1))
  return _host.plain(dim, base) * factor ** -stretch
