# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Exponentials of matrices in float64, by a series after halving and squared back."""

import numpy as np


def exponential(a):
  """exp(a) of one square matrix."""
  halvings = max(0, int(np.ceil(np.log2(max(np.abs(a).sum(), 1e-30)))) + 4)
  a = np.asarray(a, float) / 2.0**halvings
  out = term = np.eye(len(a))
  for i in range(1, 20):
    term = term @ a / i
    out = out + term
  for _ in range(halvings):
    out = out @ out
  return out


def upper_skew(raw):
  """U - U^T with U what stands above the diagonal."""
  out = np.zeros_like(np.asarray(raw, float))
  for i in range(len(raw)):
    for j in range(i + 1, len(raw)):
      out[i, j], out[j, i] = raw[i][j], -raw[i][j]
  return out


def on_blocks(x, rotation, heads):
  """y with rotation(token, generator head, block) applied to each block: x [T, N, H].

  Args: rotation: a function to [b, b]; heads: (K, G): N / K heads share a generator of G blocks.
  """
  tokens, n, h = x.shape
  kv, groups = heads
  b = h // groups
  out = np.zeros(x.shape)
  for t in range(tokens):
    for i in range(n):
      for g in range(groups):
        part = slice(g * b, (g + 1) * b)
        out[t, i, part] = rotation(t, i // (n // kv), g) @ x[t, i, part]
  return out
