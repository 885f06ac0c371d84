# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dynamic position bias on one axis: Linear(1, W), SiLU, L times (Linear, SiLU), Linear(W, N)."""

import math

from tests.oracles import biases
from tests.oracles.networks import linear, silu


def dynamic_position_bias(q_positions, k_positions, w_in, b_in, w, b, w_out, b_out=None, *,
                          log_distance=False):
  """[N, T, S] of d = m - n, or of sign(d) log(1 + |d|)."""

  def entry(h, m, n):
    d = float(m) - float(n)
    x = silu(linear([math.copysign(math.log(1 + abs(d)), d) if log_distance else d],
                    w_in[None], b_in))
    for weight, bias in zip(w, b, strict=True):
      x = silu(linear(x, weight, bias))
    return linear(x, w_out, b_out)[h]

  return biases.fill(q_positions, k_positions, w_out.shape[1], entry)
