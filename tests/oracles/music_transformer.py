# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Relative attention of Music Transformer (Huang et al. 2018, 1809.04281), section 3.4."""

from tests.oracles.dense import attention


def music_attention(q, k, v, q_positions, k_positions, table, *, mask=None, scale=None):
  """(q_m . k_n + q_m . E_h[m - n]) * scale, E [L, N, H]; far distances share the last row."""
  group = q.shape[1] // k.shape[1]
  scale = q.shape[2] ** -0.5 if scale is None else scale

  def score(head, t, s):
    d = min(max(int(q_positions[t]) - int(k_positions[s]), 0), len(table) - 1)
    return float(q[t, head] @ (k[s, head // group] + table[d, head])) * scale

  return attention(q, k, v, score=score, mask=mask)
