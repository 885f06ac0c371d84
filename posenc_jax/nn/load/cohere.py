# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cohere's Command R: parallel branches on one norm without bias, scaled logits."""

from typing import Any

from posenc_jax.interop.config import number
from posenc_jax.nn.load import llama
from posenc_jax.nn.load.plan import Plan, flag


def plan(settings: dict, config: Any, length: int | None) -> Plan:
  """The plan of a Command R, or of a Command R+, which has norms of q and k."""
  normed = flag(settings, "use_qk_norm", False)
  return llama.make(settings, config, length, {"attention_norm": "input_layernorm"},
                    norm_epsilon=number(settings, "layer_norm_eps", 1e-5),
                    qk_norm="layer" if normed else "none",
                    logit_scale=number(settings, "logit_scale", 0.0625))
