# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dual chunk attention, An et al. 2024 (2402.17463): a position table for each kind of chunk."""


def relative(m, n, *, chunk, local, compat=None):
  """P_q[m] - P_k[n]: own chunk, the chunk before, all earlier ones; m - n for later ones.

  s = c - w. The paper's largest position is c - 1, the released code's is c.
  """
  size = chunk - local
  largest = chunk if compat == "released-code" else chunk - 1
  chunks = m // size - n // size
  if chunks < 0:
    return m - n
  key = n - (n // size) * size
  row = m - (m // size) * size
  if chunks == 0:
    return row - key
  if chunks == 1:
    return min(row + size, largest) - key
  return min(2 * size - 1, largest) - key
