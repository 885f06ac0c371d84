# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A number for each clipped distance: table[clip(m - n, low, k) - low, h]."""

from tests.oracles import biases


def distance_table_bias(q_positions, k_positions, table, *, bidirectional=False):
  """[N, T, S]; table [k + 1, N], or [2k + 1, N] with low = -k."""
  reach = (len(table) - 1) // 2 if bidirectional else len(table) - 1
  low = -reach if bidirectional else 0

  def entry(h, m, n):
    return table[min(max(int(m) - int(n), low), reach) - low, h]

  return biases.fill(q_positions, k_positions, table.shape[1], entry)
