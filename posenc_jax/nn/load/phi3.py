# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Phi-3: Llama's layers with fused projections."""

from typing import Any

from posenc_jax.nn.load import llama
from posenc_jax.nn.load.plan import Plan


def plan(settings: dict, config: Any, length: int | None) -> Plan:
  """The plan of a Phi-3."""
  return llama.make(settings, config, length, llama.BEFORE, fused=True)
