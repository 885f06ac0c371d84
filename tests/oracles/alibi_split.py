# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi whose first N / 2 heads see n <= m only, and whose other heads n >= m only."""

import numpy as np

from tests.oracles import biases


def alibi_split_bias(q_positions, k_positions, num_heads):
  """[N, T, S]: both halves have the slopes of N / 2 heads; -inf where a head sees nothing."""
  half = num_heads // 2
  slopes = biases.alibi_slopes(half)

  def entry(h, m, n):
    if (n > m) if h < half else (n < m):
      return -np.inf
    return -slopes[h % half] * abs(float(m) - float(n))

  return biases.fill(q_positions, k_positions, num_heads, entry)
