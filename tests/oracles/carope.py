# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CARoPE (2507.23083): pair i stands at sum_(t <= m) f_t^i, f = 1 / (1 + softplus(x W))."""

import numpy as np

from tests.oracles.content import softplus


def carope_angles(x, weight, pairs):
  """x [T, D]; weight [D, K]; returns [T, K, pairs] radians."""
  out = np.zeros((len(x), weight.shape[1], pairs))
  for head in range(weight.shape[1]):
    for i in range(pairs):
      total = 0.0
      for t, row in enumerate(x):
        total += (1 / (1 + softplus(float(row @ weight[:, head])))) ** (i + 1)
        out[t, head, i] = total
  return out


def turned(x, angles, sign=1):
  """Head n of x [T, N, H] turned by the angles [T, K, H/2] of its group, pairs in halves."""
  out, half = np.array(x, float), x.shape[2] // 2
  group = x.shape[1] // angles.shape[1]
  for t in range(x.shape[0]):
    for n in range(x.shape[1]):
      z = x[t, n, :half] + 1j * x[t, n, half:2 * half]
      z = z * np.exp(1j * sign * angles[t, n // group])
      out[t, n] = np.concatenate([z.real, z.imag])
  return out
