# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of context extension by other positions on read."""

from posenc_jax.methods.row import Method

METHODS: tuple[Method, ...] = ()
