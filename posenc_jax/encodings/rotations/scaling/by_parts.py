# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""NTK-by-parts: fast pairs are kept, slow ones divided, by how often they turn within L0.

Peng et al. 2023, "YaRN", arXiv 2309.00071, section 3.2.
"""

import math
from typing import Any

import numpy as np

from posenc_jax.encodings.rotations.scaling import _host


def by_parts_frequencies(dim: int, *, factor: float, original: int, base: Any = 10_000.0,
                         beta_fast: float = 32.0, beta_slow: float = 1.0,
                         allow_shrink: bool = False) -> np.ndarray:
  """(1 - g) theta_i / s + g theta_i, g = clip((turns_i - slow) / (fast - slow), 0, 1).

  turns_i = L0 theta_i / (2 pi) is how often pair i turns within the trained length. It is YaRN with
  the paper's ramp and without its attention scaling.

  Args:
    dim: r.
    factor: s, by how much the context grows, at least 1.
    original: L0.
    base: B.
    beta_fast, beta_slow: beta and alpha of the paper.
    allow_shrink: takes a factor below 1 too, for a context that shrinks.

  Returns:
    float64 ``[dim // 2]``, radians per position.

  Raises:
    ValueError: factor or original <= 0, a factor below 1 without ``allow_shrink``, or
      beta_fast < beta_slow.

  Example:
    >>> f = by_parts_frequencies(64, factor=4.0, original=2048)
    >>> bool(f[0] == 1.0), round(float(f[-1] / _host.plain(64, 1e4)[-1]), 3)
    (True, 0.25)

  References:
    Peng et al. 2023, arXiv 2309.00071, equations 17 to 19.
  """
  _host.check_factor(factor, allow_shrink)
  _host.check_original(original)
  _host.check_betas(beta_fast, beta_slow)
  theta = _host.plain(dim, base)
  turns = original * theta / (2 * math.pi)
  width = max(beta_fast - beta_slow, np.finfo(np.float64).tiny)
  keep = np.clip((turns - beta_slow) / width, 0, 1)
  return (1 - keep) * theta / factor + keep * theta
