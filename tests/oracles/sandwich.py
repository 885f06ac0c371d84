# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sandwich (Chi et al. 2022, 2212.10356); see ``tests.oracles.biases``."""

from tests.oracles.biases import sandwich_bias

__all__ = ["sandwich_bias"]
