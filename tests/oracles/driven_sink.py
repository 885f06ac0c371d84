# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinks that a layer's input sets (Inkling 2)."""

import math


def driven_sinks(x, w, b=None):
  """(x_t W)_h + b_h as a table [T][N]."""
  return [[math.fsum(x[t, d] * w[d, h] for d in range(x.shape[1])) + (0.0 if b is None else b[h])
           for h in range(w.shape[1])] for t in range(x.shape[0])]
