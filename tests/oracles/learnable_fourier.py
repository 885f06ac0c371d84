# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of learnable Fourier features (Li et al. 2021, 2106.02795, algorithm 1)."""

import math

import numpy as np


def gelu(x):
  """x times the normal distribution function."""
  return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def learnable_fourier(positions, matrix, w1, b1, w2, b2):
  """positions [T, G, M]; matrix [F/2, M]; weights as [in, out]. Returns: [T, G * out]."""
  rows = []
  for groups in positions:
    row = []
    for x in groups:
      angles = [math.fsum(float(w) * float(a) for w, a in zip(line, x, strict=True))
                for line in matrix]
      f = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
      f = [a / math.sqrt(len(f)) for a in f]
      hidden = [gelu(math.fsum(f[i] * w1[i][j] for i in range(len(f))) + b1[j])
                for j in range(len(b1))]
      row += [math.fsum(hidden[i] * w2[i][j] for i in range(len(hidden))) + b2[j]
              for j in range(len(b2))]
    rows.append(row)
  return np.array(rows)
