# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING, An et al. 2024 (2410.18745): distances from S on are shifted to begin with W."""


def relative(m, n, *, offset, local):
  """m - n below S, m - n - S + W from S on."""
  return m - n if m - n < offset else m - n - offset + local
