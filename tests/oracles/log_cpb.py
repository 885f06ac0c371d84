# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Swin v2's bias (Liu et al. 2021, 2111.09883): 16 sigmoid of a network of log offsets."""

import math

from tests.oracles import biases
from tests.oracles.networks import linear, relu


def log_cpb_bias(q_positions, k_positions, w_in, b_in, w_out, *, window):
  """[N, T, S]; each axis gives sign(d) log2(1 + |8 d / (M - 1)|) / log2 8."""

  def entry(h, m, n):
    x = []
    for i in (0, 1):
      d = 8.0 * (float(m[i]) - float(n[i])) / (window[i] - 1)
      x.append(math.copysign(math.log2(1 + abs(d)) / math.log2(8), d))
    return 16 / (1 + math.exp(-linear(relu(linear(x, w_in, b_in)), w_out)[h]))

  return biases.fill(q_positions, k_positions, w_out.shape[1], entry)
