# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-A (2512.07805): gated slopes, from the paper and its released code."""

import numpy as np

from tests.oracles.content import softplus


def grape_bias(q, k, q_positions, k_positions, omega, slopes, u=None, w=None):
  """-(m - n) softplus(omega_h) s_h (softplus(u.k/sqrt(H)) + softplus(w.q/sqrt(H))), 0 ahead."""
  (num_q, heads, dim), group = q.shape, q.shape[1] // k.shape[1]
  out = np.zeros((heads, num_q, len(k)))
  unit = lambda x: x / np.sqrt(sum(x * x))
  for h, t, s in np.ndindex(out.shape):
    gate = 0.0
    if u is not None:
      gate += softplus(float(unit(u[h]) @ k[s, h // group]) / dim**0.5)
    if w is not None:
      gate += softplus(float(unit(w[h]) @ q[t, h]) / dim**0.5)
    distance = max(float(q_positions[t]) - float(k_positions[s]), 0.0)
    out[h, t, s] = -distance * softplus(omega[h]) * slopes[h] * gate
  return out
