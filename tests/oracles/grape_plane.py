# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE of rank 2 (2512.07805): exp(p (a b^T - b a^T)), by the series of the exponential."""

import numpy as np

from tests.oracles.matrices import exponential, on_blocks


def grape_plane(x, positions, a, b):
  """x [T, N, H]; positions [T]; a, b [K, H]."""

  def rotation(t, head, block):
    return exponential(positions[t] * (np.outer(a[head], b[head]) - np.outer(b[head], a[head])))

  return on_blocks(x, rotation, (len(a), 1))
