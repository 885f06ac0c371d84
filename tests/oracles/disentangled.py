# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Disentangled attention (He et al. 2020, 2006.03654), equations 3 and 4."""

from tests.oracles.biases import deberta_bucket
from tests.oracles.dense import attention


def delta(i, j, span, max_position=None):
  """0 far in one direction, 2k - 1 far in the other, i - j + k between; log buckets before."""
  d = int(i) - int(j)
  if max_position is not None:
    d = deberta_bucket(d, bucket_size=span, max_position=max_position)
  return 0 if d <= -span else 2 * span - 1 if d >= span else d + span


def disentangled_attention(q, k, v, q_positions, k_positions, key_table, query_table, *,
                           max_position=None, released=False, mask=None):
  """(q.k + q.K_r[delta(m, n)] + k.Q_r[delta(n, m)]) / sqrt(3 H); released: Q_r[delta(m, n)]."""
  group, span = q.shape[1] // k.shape[1], len(key_table) // 2

  def score(head, t, s):
    m, n = q_positions[t], k_positions[s]
    forth = delta(m, n, span, max_position)
    back = forth if released else delta(n, m, span, max_position)
    key = k[s, head // group]
    total = q[t, head] @ key + q[t, head] @ key_table[forth, head] + key @ query_table[back, head]
    return float(total) * (3 * q.shape[2]) ** -0.5

  return attention(q, k, v, score=score, mask=mask)
