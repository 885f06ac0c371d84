# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention that takes any encoding and names none."""

from posenc_jax.attention.api import attend as attend
from posenc_jax.attention.api import attention_weights as attention_weights
from posenc_jax.attention.api import explain as explain
from posenc_jax.attention.api import prepare as prepare
from posenc_jax.attention.context.api import context_attend as context_attend
from posenc_jax.attention.context.api import unzigzag as unzigzag
from posenc_jax.attention.context.api import zigzag as zigzag
from posenc_jax.attention.context.api import zigzag_order as zigzag_order
from posenc_jax.attention.dispatch import IMPLEMENTATIONS as IMPLEMENTATIONS
from posenc_jax.attention.dispatch import Explanation as Explanation
from posenc_jax.attention.settings import config as config
