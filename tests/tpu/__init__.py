# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs compiled by the real TPU compiler, which needs no TPU."""
