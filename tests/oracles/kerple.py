# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""KERPLE (Chi et al. 2022, 2205.09921), logarithmic and power; see ``tests.oracles.biases``."""

from tests.oracles.biases import kerple_log_bias, kerple_power_bias

__all__ = ["kerple_log_bias", "kerple_power_bias"]
