# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading released models: their configs, and the orders of rows in their weights."""

from posenc_jax.interop.hf import from_hf as from_hf
from posenc_jax.interop.layers import HFLayer as HFLayer
from posenc_jax.interop.layers import Temperature as Temperature
from posenc_jax.interop.layers import layers_from_hf as layers_from_hf
from posenc_jax.interop.layouts import convert_pairing as convert_pairing
from posenc_jax.interop.layouts import join_qkv as join_qkv
from posenc_jax.interop.layouts import roll_dims as roll_dims
from posenc_jax.interop.layouts import split_qkv as split_qkv
