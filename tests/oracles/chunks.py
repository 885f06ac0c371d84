# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Who sees whom in chunks (Llama 4)."""


def chunk_visible(m, n, length):
  """Both lie between the same two multiples of length."""
  start = m
  while start % length:
    start -= 1
  return start <= n < start + length
