# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Gemma 2 and 3: a norm before and after each branch, soft-caps, two kinds of layers."""

from typing import Any

from posenc_jax.interop.config import number
from posenc_jax.nn.load import llama
from posenc_jax.nn.load.plan import Plan

NORMS = {"attention_norm": "input_layernorm", "attention_after": "post_attention_layernorm",
         "feed_forward_norm": "pre_feedforward_layernorm",
         "feed_forward_after": "post_feedforward_layernorm"}


def plan(settings: dict, config: Any, length: int | None) -> Plan:
  """The plan of a Gemma 2 or 3 (its text model)."""
  cap = settings.get("final_logit_softcapping")
  cap = None if cap is None else number(settings, "final_logit_softcapping")
  return llama.make(settings, config, length, NORMS, logit_cap=cap)
