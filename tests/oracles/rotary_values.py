# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary values: o_m = sum_n a_mn R(n) v_n, not turned back."""

from tests.oracles.dense import attention
from tests.oracles.rotary import rotate


def rotary_values_attention(q, k, v, positions, frequencies, *, mask=None, pairing="half"):
  """q [T, N, H]; k, v [T, K, H]; positions [T]."""
  return attention(q, k, rotate(v, positions, frequencies, pairing=pairing), mask=mask)
