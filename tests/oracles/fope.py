# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for FoPE (Hua et al. 2024, 2412.17739), and for its released code."""

import numpy as np

from tests.oracles import exact
from tests.oracles.rotary import pairs


def fope_rotate(x, positions, frequencies, cos_mix, sin_mix, *, pairing="half", released=False):
  """x [T, N, H] turned by mixtures; cos_mix and sin_mix [K, F, R]; pairs from R on are not turned.

  released: those pairs get cosine 1 and sine 1, and columns are divided by their sums.
  """
  out = np.array(x, float)
  heads, dim = x.shape[1:]
  group = heads // cos_mix.shape[0]
  width = cos_mix.shape[2]
  for t, p in enumerate(positions):
    for n in range(heads):
      for i, (first, second) in enumerate(pairs(dim, pairing)):
        c, s = 1.0, 1.0 if released else 0.0
        if i < width:
          columns = [[float(f) for f in m[n // group, :, i]] for m in (cos_mix, sin_mix)]
          if released:
            columns = [[f / sum(col) for f in col] for col in columns]
          c = sum(w * exact.cos(p, f) for w, f in zip(columns[0], frequencies, strict=True))
          s = sum(w * exact.sin(p, f) for w, f in zip(columns[1], frequencies, strict=True))
        a, b = float(x[t, n, first]), float(x[t, n, second])
        out[t, n, first], out[t, n, second] = a * c - b * s, b * c + a * s
  return out
