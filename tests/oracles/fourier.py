# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of Fourier features (Tancik et al. 2020, 2006.10739, section 5) and of CAPE in 2-D."""

import math

import numpy as np


def fourier_features(positions, matrix):
  """[cos(2 pi b.x) for each row b], then the sines. positions [T, P], matrix [F, P]: [T, 2F]."""
  out = []
  for x in positions:
    angles = [2 * math.pi * math.fsum(float(b) * float(a) for b, a in zip(row, x, strict=True))
              for row in matrix]
    out.append([math.cos(a) for a in angles] + [math.sin(a) for a in angles])
  return np.array(out)


def cape_2d(positions, dim):
  """CAPE's table of (x, y) (Likhomanenko et al. 2021, 2106.03143, appendix): [T, dim].

  Half of the columns are cosines, half sines, of pi (w_x x + w_y y), w_x = rho cos(i) and
  w_y = rho sin(i) with rho from 1 to 10 in equal ratios and i = 0, 1, ... in radians.
  """
  half = dim // 2
  out = []
  for x, y in positions:
    phases = []
    for i in range(half):
      rho = 10 ** (i / (half - 1))
      phases.append(math.pi * (rho * math.cos(i) * x + rho * math.sin(i) * y))
    out.append([math.cos(p) for p in phases] + [math.sin(p) for p in phases])
  return np.array(out)
