# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""HD-RoPE (2608.29715, second-hand): y = x cos f + G x sin f, as exp(f G), since G^2 = -1."""

import numpy as np

from tests.oracles.matrices import exponential


def generator():
  """G from its rule, x to (-x2 + 2 x3 + 2 x4, x1 - 2 x3 + 2 x4, ..) / 3."""
  rule = lambda x1, x2, x3, x4: [-x2 + 2 * x3 + 2 * x4, x1 - 2 * x3 + 2 * x4,
                                 -2 * x1 + 2 * x2 + x4, -2 * x1 - 2 * x2 - x3]
  return np.array([rule(*unit) for unit in np.eye(4)]).T / 3


def hd_rotary(x, positions, frequencies):
  """x [T, N, H]; positions [T]; frequencies [H / 4]."""
  quarter, out = x.shape[-1] // 4, np.array(x, float)
  for t, p in enumerate(positions):
    for i, f in enumerate(frequencies):
      dims = [i + c * quarter for c in range(4)]
      out[t][:, dims] = x[t][:, dims] @ exponential(p * f * generator()).T
  return out
