# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Who sees whom with meta tokens in front (Hymba)."""


def meta_visible(m, n, num_meta, window):
  """Causal, and near or a meta token."""
  return n <= m and (n < num_meta or m - n <= window)
