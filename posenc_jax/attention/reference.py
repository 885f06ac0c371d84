# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense attention: all rows in one tile. Simple, O(T S) memory, what the other paths must equal."""

from posenc_jax.attention.semantics import attend_rows


def reference(q, k, v, encoding, q_positions, k_positions, visibility, scale):
  """``core.attend_rows`` on all rows at once."""
  return attend_rows(q, k, v, encoding, q_positions, k_positions, visibility.matrix(), scale)
