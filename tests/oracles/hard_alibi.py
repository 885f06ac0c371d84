# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hard-ALiBi (Jelassi et al. 2024, 2402.01032): head h < M sees 0 <= m - n <= h, h from 0."""

import numpy as np


def hard_alibi_visible(q_positions, k_positions, num_heads, limited):
  """bool [N, T, S]; heads from M on see every n <= m, as causal attention does."""
  out = np.zeros((num_heads, len(q_positions), len(k_positions)), bool)
  for h in range(num_heads):
    for t, m in enumerate(q_positions):
      for s, n in enumerate(k_positions):
        out[h, t, s] = n <= m and (h >= limited or m - n <= h)
  return out
