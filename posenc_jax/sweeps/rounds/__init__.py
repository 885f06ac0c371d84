# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sweeps in rounds: what is trained next depends on the results so far."""
