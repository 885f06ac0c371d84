# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Softmax with one more in the denominator (Miller 2023)."""

import math


def softmax_one(row):
  """exp(x_i) / (1 + sum_j exp(x_j)) over a list."""
  total = 1.0 + math.fsum(math.exp(x) for x in row)
  return [math.exp(x) / total for x in row]
