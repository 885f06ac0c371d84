# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LeViT's table (Graham et al. 2021, 2104.01136): an entry for each unsigned offset."""

from tests.oracles import biases


def levit_bias(q_positions, k_positions, table):
  """[N, T, S]: table[|dy|, |dx|, h], table [My, Mx, N]; clipped beyond."""

  def entry(h, m, n):
    row, column = (min(abs(int(m[i]) - int(n[i])), table.shape[i] - 1) for i in (0, 1))
    return table[row, column, h]

  return biases.fill(q_positions, k_positions, table.shape[2], entry)
