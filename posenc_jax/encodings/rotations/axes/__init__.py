# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations of several position axes: where the positions come from and which pair reads which."""
