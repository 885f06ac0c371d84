# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The affine temperature of Mistral Large 4."""

import math


def affine_temperature(m, s, b):
  """s_h ln(m + 1) + b_h for each head."""
  return [s[h] * math.log(m + 1.0) + b[h] for h in range(len(s))]
