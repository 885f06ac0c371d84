# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi on a grid (Fuller et al. 2023, 2311.00566): -slope_h times the Euclidean distance."""

import math

from tests.oracles import biases


def alibi_2d_bias(q_positions, k_positions, slopes):
  """[N, T, S] from [T, 2], [S, 2] and [N]."""
  return biases.fill(q_positions, k_positions, len(slopes),
                     lambda h, m, n: -slopes[h] * math.dist(m, n))
