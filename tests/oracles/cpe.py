# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of the position generator of CPVT (Chu et al. 2021, 2102.10882, section 3.3)."""

import numpy as np


def conditional(x, kernel, offset):
  """x + conv(x) on a whole image x [H, W, D], zeros around it; kernel [a, b, D], offset [D]."""
  height, width, dim = x.shape
  a, b, _ = kernel.shape
  out = np.array(x, float)
  for row in range(height):
    for column in range(width):
      for d in range(dim):
        total = offset[d]
        for i in range(a):
          for j in range(b):
            y, z = row + i - a // 2, column + j - b // 2
            if 0 <= y < height and 0 <= z < width:
              total += kernel[i, j, d] * x[y, z, d]
        out[row, column, d] += total
  return out
