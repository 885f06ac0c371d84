# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Inkling's relative bias and temperature, from its released code."""

import math

from tests.oracles.dense import attention


def inkling_attention(q, k, v, x, q_rows, positions, weight, profiles, *, alpha=0.0, floor=1.0,
                      mask=None, scale=None):
  """tau_m (scale q.k + (x_m W)_h . P[:, m - n] inside the extent), tau by alpha and floor.

  x [S, D] and positions [S] of all tokens; q_rows [T]: the row of each query.
  """
  group, extent = q.shape[1] // k.shape[1], profiles.shape[1]
  scale = q.shape[2] ** -0.5 if scale is None else scale

  def score(head, t, s):
    m, n = int(positions[q_rows[t]]), int(positions[s])
    curve = 0.0
    if 0 <= m - n < extent:
      curve = float((x[q_rows[t]] @ weight[:, head]) @ profiles[:, m - n])
    tau = 1.0 + alpha * math.log(max((m + 1) / floor, 1.0))
    return tau * (float(q[t, head] @ k[s, head // group]) * scale + curve)

  return attention(q, k, v, score=score, mask=mask)
