# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Temperatures by steps: Llama 4 and Ministral 3, from their released code."""

import math


def stepped_temperature(m, beta, length, shift):
  """1 + beta ln(1 + floor((m + shift) / length)); Llama 4 shifts by 1, Ministral by 0."""
  steps = 0
  while (steps + 1) * length <= m + shift:
    steps += 1
  return 1.0 + beta * math.log(1.0 + steps)
