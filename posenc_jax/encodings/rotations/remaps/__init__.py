# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Longer contexts by other positions on read: far keys stand nearer than they are."""
