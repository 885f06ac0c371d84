# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING, circulant (2502.02562): exp(sum_a r_a (C_a - C_a^T)), C_a[i, j] = c_a[(i - j) mod b]."""

import numpy as np

from tests.oracles.matrices import exponential, on_blocks


def circulant(column):
  b = len(column)
  return np.array([[column[(i - j) % b] for j in range(b)] for i in range(b)])


def string_circulant(x, positions, columns):
  """x [T, N, H]; positions [T, P]; columns [P, K, G, b]."""

  def rotation(t, head, block):
    c = [circulant(a[head, block]) for a in columns]
    return exponential(sum(p * (m - m.T) for p, m in zip(positions[t], c, strict=True)))

  return on_blocks(x, rotation, columns.shape[1:3])
