# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for DINOv3's rotary (Simeoni et al. 2025, 2508.10104)."""

import math

import numpy as np

from tests.oracles.rotary import rotate_vector


def coordinates(height, width, prefix, normalize):
  """Rows (y, x, patch) of the tokens: zeros for the prefix, then patches row by row."""
  rows = [[0.0, 0.0, 0.0] for _ in range(prefix)]
  whole = {"separate": (height, width), "max": (max(height, width),) * 2,
           "min": (min(height, width),) * 2}[normalize]
  for i in range(height):
    for j in range(width):
      rows.append([2 * (i + 0.5) / whole[0] - 1, 2 * (j + 0.5) / whole[1] - 1, 1.0])
  return rows


def dino_rotate(x, positions, *, base=100.0, pairing="half"):
  """Angles 2 pi y / period_j, then 2 pi x / period_j, period_j = base^(2j / (H / 2)), j < H / 4."""
  dim = x.shape[-1]
  periods = [base ** (2 * j / (dim / 2)) for j in range(dim // 4)]
  out = np.array(x, float)
  for t, row in enumerate(positions):
    angles = [2 * math.pi * float(row[a]) / p for a in (0, 1) for p in periods]
    for n in range(x.shape[1]):
      out[t, n] = rotate_vector(x[t, n], angles, pairing)
  return out
