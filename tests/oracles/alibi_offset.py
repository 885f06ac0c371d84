# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi with keys after the query half a step nearer: -slope_h (|m - n| - 1/2 [n > m])."""

from tests.oracles import biases, exact


def alibi_offset_bias(q_positions, k_positions, slopes):
  """[N, T, S] from [T], [S] and [N]."""

  def entry(h, m, n):
    distance = abs(float(exact.difference(m, n)))
    return -slopes[h] * (distance - 0.5 if n > m else distance)

  return biases.fill(q_positions, k_positions, len(slopes), entry)
