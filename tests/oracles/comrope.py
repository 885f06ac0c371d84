# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ComRoPE (2506.03737): exp(sum_a p_a c_ag (A - A^T)); AP has c of 1 for axis g mod P, else 0."""

from tests.oracles.matrices import exponential, on_blocks


def comrope(x, positions, generators, rates):
  """x [T, N, H]; positions [T, P]; generators [K, G, b, b]; rates [P, G]."""

  def rotation(t, head, block):
    a = generators[head, block]
    return exponential(sum(p * c[block] for p, c in zip(positions[t], rates, strict=True))
                       * (a - a.T))

  return on_blocks(x, rotation, generators.shape[:2])
