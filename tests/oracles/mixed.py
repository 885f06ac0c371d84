# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for mixed rotary (Heo et al. 2024, 2403.13298)."""

import numpy as np

from tests.oracles.rotary import rotate_vector


def mixed_rotate(x, positions, directions, *, pairing="half"):
  """Pair i of head n turned by sum_a p_a w[a][n // group][i]; x [T, N, H], directions [P, K, n]."""
  out = np.array(x, float)
  group = x.shape[1] // directions.shape[1]
  for t in range(x.shape[0]):
    for n in range(x.shape[1]):
      angles = [sum(float(p) * float(directions[a, n // group, i])
                    for a, p in enumerate(positions[t])) for i in range(directions.shape[2])]
      out[t, n] = rotate_vector(x[t, n], angles, pairing)
  return out
