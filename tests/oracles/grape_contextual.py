# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-M, contextual (2512.07805): the angle is exp(l_i / 16) sum_(t < m) w_t."""

import math

import numpy as np

from tests.oracles.content import sigmoid, softplus


def grape_contextual_angles(x, weight, bias, log_frequencies, *, scale=16.0, compat="paper"):
  """x [T, D]; weight [D, K]; bias [K]; returns [T, K, n] radians, before the sign."""
  gate = softplus if compat == "paper" else lambda z: sigmoid(z / 16)
  out = np.zeros((len(x), weight.shape[1], len(log_frequencies)))
  for head in range(weight.shape[1]):
    phase = 0.0
    for t, row in enumerate(x):
      out[t, head] = [phase * math.exp(l / scale) for l in log_frequencies]
      phase += gate(float(row @ weight[:, head]) + bias[head])
  return out
