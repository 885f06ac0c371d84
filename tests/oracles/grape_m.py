# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-M (2512.07805): pairs turn by -p exp(l / 16), then an RMS norm with a gain."""

import math

import numpy as np

from tests.oracles.rotary import rotate_vector


def root_mean_square(x, gain, eps=1e-5):
  """One vector [H]."""
  return x / math.sqrt(sum(v * v for v in x) / len(x) + eps) * gain


def grape_m(x, positions, log_frequencies, gain=None, *, scale=16.0, sign=-1, pairing="half"):
  """x [T, N, H]; positions [T]; log_frequencies [H/2]; gain [H] or None for no norm."""
  out = np.array(x, float)
  for t, p in enumerate(positions):
    for n in range(x.shape[1]):
      angles = [sign * p * math.exp(l / scale) for l in log_frequencies]
      out[t, n] = rotate_vector(x[t, n], angles, pairing)
      if gain is not None:
        out[t, n] = root_mean_square(out[t, n], gain)
  return out
