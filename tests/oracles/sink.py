# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Softmax over the keys and one logit without a key (gpt-oss, Inkling 2, Miller 2023)."""

import math

import numpy as np

from tests.oracles.dense import scores, sees


def sink_weights(z, logit, *, mask=None):
  """Softmax over [visible z_m1 .., s], the last dropped; logit(head, t) is s. z [N, T, S]."""
  out = np.zeros_like(z, dtype=float)
  for n, t, s in np.ndindex(z.shape):
    if sees(mask, n, t, s):
      others = [math.exp(z[n, t, j] - z[n, t, s]) for j in range(z.shape[2]) if sees(mask, n, t, j)]
      out[n, t, s] = 1.0 / (math.fsum(others) + math.exp(logit(n, t) - z[n, t, s]))
  return out


def weigh(weights, v):
  """o_tn = sum_s weights[n, t, s] v[s, n // group]: [T, N, H]."""
  heads, num_q, num_k = weights.shape
  out = np.zeros((num_q, heads, v.shape[2]))
  for n, t, s in np.ndindex(weights.shape):
    out[t, n] += weights[n, t, s] * v[s, n // (heads // v.shape[1])]
  return out


def sink_attention(q, k, v, logit, *, mask=None, bias=0.0):
  """Attention by ``sink_weights``."""
  return weigh(sink_weights(scores(q, k) + bias, logit, mask=mask), v)
