# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stick-breaking attention (Tan et al. 2024, 2410.17980), token by token."""

import numpy as np

from tests.oracles.content import sigmoid
from tests.oracles.dense import sees


def stick_breaking_weights(z, rows, *, mask=None, remainder=True, attend_self=False):
  """Walks back from the query's own key: each visible key takes sigmoid(z) of what is left.

  z [N, T, S]; rows [T]: the row of each query's own key; the remainder of the stick goes to it.
  """
  out = np.zeros_like(z, dtype=float)
  for n in range(z.shape[0]):
    for t, own in enumerate(rows):
      left = 1.0
      for s in range(own if attend_self else own - 1, -1, -1):
        if sees(mask, n, t, s):
          out[n, t, s] = left * sigmoid(z[n, t, s])
          left -= out[n, t, s]
      if remainder:
        out[n, t, own] += left
  return out
