# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A sliding window, the token itself counted."""


def sees(m, n, *, window):
  """Whether n is among the W - 1 tokens on either side of m, or m itself."""
  return n in range(m - window + 1, m + window)
