# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of schemes that choose or change positions."""

from posenc_jax.methods.row import Method

METHODS: tuple[Method, ...] = ()
