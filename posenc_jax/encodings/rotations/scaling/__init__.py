# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context extension of RoPE by other frequencies, on the host, in float64."""
