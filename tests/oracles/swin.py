# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Swin's table (Liu et al. 2021, 2103.14030, eq. 4): B[dy + My - 1, dx + Mx - 1] in a window."""

from tests.oracles import biases


def swin_bias(q_positions, k_positions, table):
  """[N, T, S] from [T, 2], [S, 2] and the table [2My - 1, 2Mx - 1, N]; clipped beyond."""

  def entry(h, m, n):
    row, column = (min(max(int(m[i]) - int(n[i]) + size // 2, 0), size - 1)
                   for i, size in enumerate(table.shape[:2]))
    return table[row, column, h]

  return biases.fill(q_positions, k_positions, table.shape[2], entry)
