# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of Time2Vec (Kazemi et al. 2019, 1907.05321, equation 1)."""

import math

import numpy as np


def time2vec(times, frequency, phase):
  """Entry 0 is w_0 t + p_0, entry i is sin(w_i t + p_i). Returns: [T, k + 1]."""
  rows = []
  for t in times:
    angles = [float(w) * float(t) + float(p) for w, p in zip(frequency, phase, strict=True)]
    rows.append([a if i == 0 else math.sin(a) for i, a in enumerate(angles)])
  return np.array(rows)
