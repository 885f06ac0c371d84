# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
