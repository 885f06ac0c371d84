# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of rotations that differ in their frequencies."""

from posenc_jax.methods.row import Method

METHODS: tuple[Method, ...] = ()
