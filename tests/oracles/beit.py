# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BEiT's table (Bao et al. 2021, 2106.08254): Swin's, and entries for pairs with CLS."""

from tests.oracles import biases
from tests.oracles.swin import swin_bias


def beit_bias(q_positions, k_positions, table, cls):
  """[N, T, S]; a negative row is CLS; cls [3, N]: CLS to patch, patch to CLS, CLS to CLS."""

  def entry(h, m, n):
    if m[0] < 0:
      return cls[2 if n[0] < 0 else 0, h]
    return cls[1, h] if n[0] < 0 else swin_bias([m], [n], table)[h, 0, 0]

  return biases.fill(q_positions, k_positions, table.shape[2], entry)
