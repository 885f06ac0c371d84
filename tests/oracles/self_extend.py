# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Self-Extend, Jin et al. 2024 (2401.01325): grouped distances from the window on."""

import math


def relative(m, n, *, window, group):
  """m - n below W, floor(m/G) - floor(n/G) + W - floor(W/G) from W on."""
  if m - n < window:
    return m - n
  return math.floor(m / group) - math.floor(n / group) + window - math.floor(window / group)
