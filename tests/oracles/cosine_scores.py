# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cosine scores (Liu et al. 2021, 2111.09883): cos(q, k) exp(min(t_h, log 100))."""

import math

import numpy as np


def cosine_scores(q, k, t, *, limit=4.605170185988092):
  """[N, T, S] from q [T, N, H], k [S, K, H] and t [N]."""
  heads, group = q.shape[1], q.shape[1] // k.shape[1]
  out = np.zeros((heads, len(q), len(k)))
  for h in range(heads):
    for i in range(len(q)):
      for j in range(len(k)):
        a, b = q[i, h], k[j, h // group]
        cosine = math.fsum(a * b) / math.sqrt(math.fsum(a * a) * math.fsum(b * b))
        out[h, i, j] = cosine * math.exp(t[h] if limit is None else min(t[h], limit))
  return out
