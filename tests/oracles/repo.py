# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""RePo (2512.14391): the position is W_f (SiLU(W_g x) * W_c x)."""

import numpy as np


def repo_positions(x, gate, content, out):
  """x [T, D]; gate, content [D, W]; out [W, K]; returns [T, K]."""
  rows = []
  for row in np.asarray(x, float):
    z = row @ gate
    rows.append((z / (1 + np.exp(-z)) * (row @ content)) @ out)
  return np.array(rows)
