# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PRoPE (2507.10496): relative cameras P_m P_n^-1 and relative patches, in scores and values."""

import numpy as np

from tests.oracles.dense import attention
from tests.oracles.rotary import rotate_vector


def between(query, key, x, frequencies):
  """A key-side vector x [H] as the query's camera sees it.

  query, key: (P [4, 4], column, row). Groups of four by P_m P_n^-1; patches turn by
  (m - n) theta, RoPE's angle with the opposite sign.
  """
  half, quarter = len(x) // 2, len(x) // 4
  out, step = np.array(x, float), query[0] @ np.linalg.inv(key[0])
  for g in range(0, half, 4):
    out[g:g + 4] = step @ x[g:g + 4]
  for axis in (1, 2):
    part = slice(half + (axis - 1) * quarter, half + axis * quarter)
    angles = [(query[axis] - key[axis]) * f for f in frequencies]
    out[part] = rotate_vector(x[part], angles, "half")
  return out


def prope_attention(q, k, v, places, frequencies):
  """places: one (P, column, row) a token."""
  group = q.shape[1] // k.shape[1]
  scale = q.shape[2] ** -0.5

  def score(head, t, s):
    return float(q[t, head] @ between(places[t], places[s], k[s, head // group], frequencies)
                 ) * scale

  def value(head, t, s):
    return between(places[t], places[s], v[s, head // group], frequencies)

  return attention(q, k, v, score=score, value=value)
