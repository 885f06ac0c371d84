# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-AP (2512.07805), a sum over each path from key to query."""

import math

import numpy as np

from tests.oracles.content import softplus
from tests.oracles.dense import sees


def turned(p, position):
  """GRAPE turns normalised p [P] by ``position`` radians, pairs (i, i + P/2), opposite to RoPE."""
  half = len(p) // 2
  unit = p / math.sqrt(sum(p * p) / len(p) + 1.2e-7)
  c, s = math.cos(position), math.sin(position)
  return np.concatenate([unit[:half] * c + unit[half:] * s, unit[half:] * c - unit[:half] * s])


def grape_path_bias(x, q_rows, positions, weight, slopes, *, mask=None):
  """sum over visible rows t = n + 1 .. m of s_h log sigmoid(p_m . R(t) p^_t / P), [N, T, S]."""
  heads, dim = weight.shape[1:]
  out = np.zeros((heads, len(q_rows), len(x)))
  for h in range(heads):
    p = x @ weight[:, h]
    for t, m in enumerate(q_rows):
      total = 0.0
      for n in range(m, -1, -1):
        out[h, t, n] = total
        if sees(mask, h, t, n):
          z = float(p[m] @ turned(p[n], float(positions[n]))) / dim
          total -= slopes[h] * softplus(-z)
  return out
