# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for V-JEPA 2's rotary, as a rotation and with the released layout of angles."""

import math

import numpy as np


def vjepa2_turn(x, positions, frequencies, *, released):
  """Blocks of 2n dims of x [T, N, H]: pair i by angle i, or (released) dim c by angle c mod n."""
  n = len(frequencies)
  out = np.array(x, float)
  for t in range(x.shape[0]):
    for h in range(x.shape[1]):
      for a in range(3):
        for i in range(n):
          first, second = 2 * n * a + 2 * i, 2 * n * a + 2 * i + 1
          u, v = float(x[t, h, first]), float(x[t, h, second])
          angles = [positions[t][a] * frequencies[c % n if released else i]
                    for c in (2 * i, 2 * i + 1)]
          out[t, h, first] = u * math.cos(angles[0]) - v * math.sin(angles[0])
          out[t, h, second] = v * math.cos(angles[1]) + u * math.sin(angles[1])
  return out
