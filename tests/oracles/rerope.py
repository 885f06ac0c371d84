# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ReRoPE and its leaky form (Su, kexue.fm/archives/9706 and 9708)."""


def relative(m, n, *, window, k=None):
  """min(d, w), or w + (d - w) / k beyond w for the leaky form."""
  d = m - n
  if d < window:
    return d
  return window if k is None else window + (d - window) / k
