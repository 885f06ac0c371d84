# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention over a sequence that is cut along an axis of a device mesh."""
