# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cheaper forms of a bias: columns of q and k, and one number for each distance."""
