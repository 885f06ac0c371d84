# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of complex-order embeddings (Wang et al. 2019, 1912.12333, equation 6 without phases)."""

import numpy as np


def complex_order(amplitudes, frequencies, positions):
  """r exp(i w p) of every token: [T, C] complex. amplitudes, frequencies [T, C]; positions [T]."""
  out = np.zeros((len(positions), len(amplitudes[0])), complex)
  for t, p in enumerate(positions):
    for c in range(out.shape[1]):
      out[t, c] = amplitudes[t][c] * np.exp(1j * float(frequencies[t][c]) * float(p))
  return out
