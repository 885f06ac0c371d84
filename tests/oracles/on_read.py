# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""RoPE with any relative position a pair: what all remaps of positions are compared with."""

from tests.oracles.dense import attention
from tests.oracles.rotary import rotate_vector


def remapped_attention(q, k, v, q_positions, k_positions, frequencies, relative, *, mask=None,
                       scale=None, pairing="half", scaling=1.0):
  """Attention whose score is scale scaling^2 q_m . R(-relative(m, n)) k_n.

  Args: relative: (m, n) to a real number, m - n for RoPE. scaling: on cosines and sines.
  """
  group = q.shape[1] // k.shape[1]
  scale = q.shape[2] ** -0.5 if scale is None else scale

  def score(head, t, s):
    far = float(relative(int(q_positions[t]), int(k_positions[s])))
    r = 2 * len(frequencies)
    key = rotate_vector(k[s, head // group], [-far * float(f) for f in frequencies], pairing)
    turned = float(q[t, head, :r] @ key[:r])
    return (scaling ** 2 * turned + float(q[t, head, r:] @ key[r:])) * scale

  return attention(q, k, v, score=score, mask=mask)
