# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chunks of Llama 4: tokens of one block of C positions see each other."""


def sees(m, n, *, chunk):
  """Whether one multiple of C begins the block of both."""
  start = 0
  while start + chunk <= m:
    start += chunk
  return start <= n < start + chunk
