# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""OLMo 2: norms of what branches return, and of queries and keys over all heads."""

from typing import Any

from posenc_jax.nn.load import llama
from posenc_jax.nn.load.plan import Plan

NORMS = {"attention_norm": "post_attention_layernorm",
         "feed_forward_norm": "post_feedforward_layernorm"}


def plan(settings: dict, config: Any, length: int | None) -> Plan:
  """The plan of an OLMo 2."""
  return llama.make(settings, config, length, NORMS)
