# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of CAPE's bounds (Likhomanenko et al. 2021, 2106.03143, section 3.1)."""

import math


def cape_bounds(position, shift, jitter, stretch):
  """The least and the largest that a position may become: (p +- shift +- jitter) stretch^+-1."""
  ends = [(position + s + e) * math.exp(sign * math.log(stretch))
          for s in (-shift, shift) for e in (-jitter, jitter) for sign in (-1, 1)]
  return min(ends), max(ends)
