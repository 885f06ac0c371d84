# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""KERPLE's product form (Chi et al. 2022, 2205.09921): z exp(-a |m - n|^p), and a bias."""

import math

import numpy as np


def kerple_product_scores(scores, q_positions, k_positions, a, p, bias_a=None, bias_p=None):
  """[N, T, S] from scores [N, T, S]; a, p, bias_a, bias_p [N]."""
  out = np.zeros_like(scores, dtype=float)
  for h in range(scores.shape[0]):
    for t, m in enumerate(q_positions):
      for s, n in enumerate(k_positions):
        distance = abs(float(m) - float(n))
        out[h, t, s] = scores[h, t, s] * math.exp(-a[h] * distance ** p[h])
        if bias_a is not None:
          out[h, t, s] -= bias_a[h] * distance ** bias_p[h]
  return out
