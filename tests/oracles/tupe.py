# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""TUPE (Ke et al. 2020, 2006.15595), with the norm, the biases and CLS of the authors' code."""

import numpy as np

from tests.oracles.biases import t5_bucket
from tests.oracles.dense import attention


def projection(row, gain, offset, weight, bias):
  """LN(p) U + b, [N, H], of one row [D]."""
  mean = sum(row) / len(row)
  variance = sum((x - mean) ** 2 for x in row) / len(row)
  normal = [(x - mean) / np.sqrt(variance + 1e-5) * g + o
            for x, g, o in zip(row, gain, offset, strict=True)]
  return sum(normal[d] * weight[d] for d in range(len(row))) + bias


def tupe_attention(q, k, v, q_positions, k_positions, p, *, cls, max_distance=128, mask=None):
  """((q.k) + (LN(p_m) U_q).(LN(p_n) U_k)) / sqrt(2 H) + T5's bucket; p holds the fields by name."""
  group, last = q.shape[1] // k.shape[1], len(p["buckets"]) - 1
  rows = [(projection(r, p["gain"], p["offset"], p["w_q"], p["b_q"]),
           projection(r, p["gain"], p["offset"], p["w_k"], p["b_k"])) for r in p["table"]]

  def score(head, t, s):
    m, n = int(q_positions[t]), int(k_positions[s])
    pair = (0, 0) if cls and m == 0 else (1, 1) if cls and n == 0 else (m + cls, n + cls)
    bucket = t5_bucket(n - m, bidirectional=True, num_buckets=last, max_distance=max_distance)
    if cls and m == 0:
      bucket = last // 2
    elif cls and n == 0:
      bucket = last
    content = q[t, head] @ k[s, head // group]
    position = rows[pair[0]][0][head] @ rows[pair[1]][1][head]
    return float((content + position) * (2 * q.shape[2]) ** -0.5 + p["buckets"][bucket, head])

  return attention(q, k, v, score=score, mask=mask)
