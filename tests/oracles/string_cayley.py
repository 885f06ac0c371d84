# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING, Cayley (2502.02562): RoPE over several axes after P = (I - S)(I + S)^-1."""

import numpy as np

from tests.oracles.matrices import on_blocks, upper_skew
from tests.oracles.rotary import rotate_vector


def cayley(raw):
  s, one = upper_skew(raw), np.eye(len(raw))
  return (one - s) @ np.linalg.inv(one + s)


def string_cayley(x, positions, frequencies, raw, *, pairing="half"):
  """x [T, N, H]; positions [T, P]; frequencies [P, K, H/2]; raw [K, H, H]."""
  out = on_blocks(x, lambda t, head, block: cayley(raw[head]), (raw.shape[0], 1))
  group = x.shape[1] // raw.shape[0]
  for t in range(x.shape[0]):
    for n in range(x.shape[1]):
      angles = np.asarray(positions[t], float) @ frequencies[:, n // group]
      out[t, n] = rotate_vector(out[t, n], angles, pairing)
  return out
