# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Biases of two axes: tables and networks of offsets on a grid."""
