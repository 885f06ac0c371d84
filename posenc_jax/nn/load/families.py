# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Model types that ``load_hf`` builds, each with the function that reads its settings."""

from posenc_jax.nn.load import (
    bert,
    bloom,
    cohere,
    gemma,
    gpt2,
    gpt_neox,
    gpt_oss,
    llama,
    olmo2,
    phi3,
    t5,
)

# model_type: (settings, config, length) -> Plan
FAMILIES = {
    "llama": llama.plan, "mistral": llama.plan, "qwen2": llama.plan, "qwen3": llama.plan,
    "smollm3": llama.plan, "phi3": phi3.plan, "olmo2": olmo2.plan, "cohere": cohere.plan,
    "gemma": llama.plan, "gemma2": gemma.plan, "gemma3_text": gemma.plan,
    "gpt2": gpt2.plan, "gpt_neox": gpt_neox.plan, "bloom": bloom.plan, "t5": t5.plan,
    "bert": bert.plan, "gpt_oss": gpt_oss.plan,
}
