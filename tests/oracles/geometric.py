# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ESM3's geometric attention: directions and distances of vectors in residues' frames."""

import math

import numpy as np

from tests.oracles.content import softplus
from tests.oracles.dense import attention


def geometric_attention(q, k, v, frames, direction, distance):
  """q, k [T, N, 6]; v [T, N, 3 n]; frames: one (R, t) or None a token; weights [N]."""
  group = q.shape[1] // k.shape[1]
  there = np.array([f is not None for f in frames])
  mask = np.broadcast_to(there[None], (len(frames), len(frames)))
  place = lambda f, x: f[0] @ x + f[1]

  def score(head, t, s):
    if frames[t] is None or frames[s] is None:
      return 0.0
    a, b = q[t, head], k[s, head // group]
    along = (frames[t][0] @ a[:3]) @ (frames[s][0] @ b[:3])
    apart = np.linalg.norm(place(frames[t], a[3:]) - place(frames[s], b[3:]))
    return (softplus(direction[head]) * along - softplus(distance[head]) * apart) / math.sqrt(3)

  def value(head, t, s):
    x = v[s, head // group].reshape(-1, 3)
    if frames[t] is None or frames[s] is None:
      return np.zeros(x.size)
    return (x @ frames[s][0].T @ frames[t][0]).reshape(-1)

  return attention(q, k, v, score=score, value=value, mask=mask)
