# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A number for each of DeBERTa's buckets (He et al. 2020, 2006.03654), clipped like its tables."""

from tests.oracles import biases


def deberta_bias(q_positions, k_positions, table, *, max_position):
  """[N, T, S]: table[clip(bucket(m - n) + B, 0, 2B - 1), h], table [2B, N]."""
  size = len(table) // 2

  def entry(h, m, n):
    bucket = biases.deberta_bucket(int(m) - int(n), bucket_size=size, max_position=max_position)
    return table[min(max(bucket + size, 0), 2 * size - 1), h]

  return biases.fill(q_positions, k_positions, table.shape[1], entry)
