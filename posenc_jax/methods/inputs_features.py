# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that add to embeddings: features of coordinates, of words and of layers."""

from posenc_jax.methods.row import Method

METHODS: tuple[Method, ...] = ()
