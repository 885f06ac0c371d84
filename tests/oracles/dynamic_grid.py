# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CrossFormer's dynamic position bias (Wang et al. 2021, 2108.00154): a network of raw offsets."""

from tests.oracles import biases
from tests.oracles.networks import layer_norm, linear, relu


def dynamic_grid_bias(q_positions, k_positions, w_in, b_in, gain, shift, w, b, w_out, b_out=None):
  """[N, T, S]; Linear(2, W), then (LayerNorm, ReLU, Linear) L times, the last Linear to N."""

  def entry(h, m, n):
    x = linear([float(m[i]) - float(n[i]) for i in (0, 1)], w_in, b_in)
    outs = [*zip(w, b, strict=True), (w_out, b_out)]
    for g, s, (weight, bias) in zip(gain, shift, outs, strict=True):
      x = linear(relu(layer_norm(x, g, s)), weight, bias)
    return x[h]

  return biases.fill(q_positions, k_positions, w_out.shape[1], entry)
