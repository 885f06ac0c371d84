# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""TNN's relative position encoder (Qin et al. 2023, 2305.04749): decay^|n - m| f(n - m)."""

from tests.oracles import biases
from tests.oracles.networks import linear, relu, rms_norm


def toeplitz_bias(q_positions, k_positions, w_in, b_in, w, b, w_out, b_out, *, decay, length=1.0):
  """[N, T, S]; f is Linear(1, W), then (norm, ReLU, Linear) for every layer and the last to N."""

  def entry(h, m, n):
    x = linear([(float(n) - float(m)) / length], w_in[None], b_in)
    for weight, bias in [*zip(w, b, strict=True), (w_out, b_out)]:
      x = linear(relu(rms_norm(x)), weight, bias)
    return decay ** abs(float(n) - float(m)) * x[h]

  return biases.fill(q_positions, k_positions, w_out.shape[1], entry)
