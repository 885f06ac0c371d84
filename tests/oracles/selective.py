# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Selective RoPE (2511.17388): angles theta_i sum_(t <= m) w_ti from a convolution of the input."""

import math

import numpy as np


def selective_angles(x, down, up, kernel, frequencies, gate=None, gate_bias=None):
  """x [T, D]; down [D, r]; up [r, K, n]; kernel [taps, K, n]; returns [T, K, n] radians."""
  heads, pairs = up.shape[1:]
  normal = np.zeros(x.shape)
  size = x.shape[1] // heads
  for t, row in enumerate(x):
    for h in range(heads):
      part = slice(h * size, (h + 1) * size)
      normal[t, part] = row[part] / math.sqrt(sum(v * v for v in row[part]) + 1e-6)
  out, sums = np.zeros((len(x), heads, pairs)), np.zeros((heads, pairs))
  for t in range(len(x)):
    step = np.zeros((heads, pairs))
    for i in range(len(kernel)):
      if t - i >= 0:
        step += kernel[i] * np.einsum("r,rkn->kn", normal[t - i] @ down, up)
    if gate is not None:
      step *= (1 / (1 + np.exp(-(normal[t] @ gate + gate_bias))))[:, None]
    sums = sums + step * np.asarray(frequencies, float)
    out[t] = sums
  return out
