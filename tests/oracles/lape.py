# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of LaPE's progressive chain (Yu et al. 2022, 2212.05262, released code)."""

import math

import numpy as np


def lape(row, gains, offsets, *, eps=1e-6):
  """PE_l of one token: its row of PE_0 through the norms of layers 1 to l. Returns: [D]."""
  pe = [float(x) for x in row]
  for gain, offset in zip(gains, offsets, strict=True):
    mean = math.fsum(pe) / len(pe)
    variance = math.fsum((x - mean) ** 2 for x in pe) / len(pe)
    pe = [(x - mean) / math.sqrt(variance + eps) * g + o
          for x, g, o in zip(pe, gain, offset, strict=True)]
  return np.array(pe)
