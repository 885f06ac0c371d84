# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Released models as modules of ``posenc_jax.nn``: their config and their weights."""

from posenc_jax.nn.load.hf import load_hf as load_hf
