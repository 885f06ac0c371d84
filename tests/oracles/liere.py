# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LieRE (2406.10322): exp(sum_a p_a A_a) on each block, A_a skew from an upper triangle."""

from tests.oracles.matrices import exponential, on_blocks, upper_skew


def liere(x, positions, generators):
  """x [T, N, H]; positions [T, P]; generators [P, K, G, b, b]."""

  def rotation(t, head, block):
    return exponential(sum(p * upper_skew(a[head, block])
                           for p, a in zip(positions[t], generators, strict=True)))

  return on_blocks(x, rotation, generators.shape[1:3])
