# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading other projects' settings."""

from posenc_jax.interop.hf import from_hf as from_hf
from posenc_jax.interop.layers import HFLayer as HFLayer
from posenc_jax.interop.layers import layers_from_hf as layers_from_hf
