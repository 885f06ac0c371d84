# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PaTH (Yang et al. 2025, 2505.16381): explicit products of matrices."""

import numpy as np

from tests.oracles.content import sigmoid
from tests.oracles.dense import attention, sees


def path_parts(x, w_in, w_out, kernel, beta_weight, beta_bias):
  """w [S, K, H], the normalised short convolution, and beta [S, K], in (0, 2), of one document."""
  y = np.einsum("sd,dr,rkh->skh", x, w_in, w_out)
  w, beta = np.zeros_like(y), np.zeros(y.shape[:2])
  for s, g in np.ndindex(beta.shape):
    row = sum(kernel[i, g] * y[s - i, g] for i in range(len(kernel)) if s >= i)
    row = np.array([a * sigmoid(a) for a in row])
    w[s, g] = row / np.sqrt(sum(row * row) + 1e-6)
    beta[s, g] = 2.0 * sigmoid(float(x[s] @ beta_weight[:, g]) + beta_bias[g])
  return w, beta


def path_scores(q, k, w, beta, q_rows, *, mask=None):
  """q_m^T H_m .. H_(n+1) k_n, [N, T, S], the H of visible rows alone."""
  heads, dim = q.shape[1:]
  out = np.zeros((heads, len(q), len(k)))
  for h, t in np.ndindex(heads, len(q)):
    product = np.eye(dim)
    for n in range(q_rows[t], -1, -1):
      out[h, t, n] = q[t, h] @ product @ k[n, h // (heads // k.shape[1])]
      g = h // (heads // w.shape[1])
      if sees(mask, h, t, n):
        product = product @ (np.eye(dim) - beta[n, g] * np.outer(w[n, g], w[n, g]))
  return out


def path_attention(q, k, v, w, beta, q_rows, *, mask=None):
  """softmax of the products over sqrt(H)."""
  z = path_scores(q, k, w, beta, q_rows, mask=mask) * q.shape[2] ** -0.5
  return attention(q, k, v, score=z, mask=mask)
