# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LittleBird's BiALiBi (Lee et al. 2022, 2210.11870), as community code has it."""

from tests.oracles import biases


def littlebird_bias(q_positions, k_positions, alpha, beta, gamma, *, constant=False):
  """-beta (m - n) for n < m, -gamma (n - m) for n > m; with a 0 -alpha |m - n| or -alpha."""

  def entry(h, m, n):
    distance = abs(float(m) - float(n))
    if distance == 0:
      return 0.0
    if m == 0 or n == 0:
      return -alpha[h] * (1.0 if constant else distance)
    return -(beta[h] if n < m else gamma[h]) * distance

  return biases.fill(q_positions, k_positions, len(alpha), entry)
