# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Wall attention: sum_c q_c k_c prod_(t = n+1 .. m) sigmoid(x_t W + b)_c, times the scale."""

import numpy as np

from tests.oracles.content import sigmoid


def wall_scores(q, k, x, weight, bias):
  """[N, T, T], zeros for keys in the future: q [T, N, H]; k [T, K, H]; weight [D, K', H]."""
  tokens, heads, dim = q.shape
  group, shared = heads // k.shape[1], heads // weight.shape[1]
  out = np.zeros((heads, tokens, tokens))
  for n in range(heads):
    for t in range(tokens):
      decay = np.ones(dim)
      for s in range(t, -1, -1):
        out[n, t, s] = float(np.sum(q[t, n] * k[s, n // group] * decay)) * dim**-0.5
        logits = x[s] @ weight[:, n // shared] + bias[n // shared]
        decay = decay * np.array([sigmoid(float(z)) for z in logits])
  return out
