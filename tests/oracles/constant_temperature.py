# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Constants that multiply scores: DroPE (2512.12167) and YaRN (2309.00071, eq. 15 squared)."""

import math


def drope_temperature(factor, c=0.412):
  """1 + c ln s."""
  return 1.0 + c * math.log(factor)


def yarn_temperature(factor):
  """1 / t of softmax(q k / (t sqrt(H))), sqrt(1/t) = 0.1 ln s + 1."""
  return (0.1 * math.log(factor) + 1.0) ** 2
