# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""gpt-oss: sinks, every other layer with a window, a mixture of experts whose gates are cut off.

The released files are quantized, which is refused: convert them to floats first.
"""

from collections.abc import Iterator
from typing import Any

from posenc_jax.interop.config import number, size
from posenc_jax.nn.load import llama
from posenc_jax.nn.load import plan as p


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a gpt-oss."""
  experts = size(settings, "num_local_experts", 128)
  chosen = size(settings, "num_experts_per_tok", 4)
  p.refuse(settings, experts_per_token=chosen, swiglu_alpha=1.702)
  settings.get("initial_context_length")  # of the scaling, which says it as well

  def feed(at: str, path: p.Path, s: p.Sizes) -> Iterator[p.Tensor]:
    yield p.Tensor(f"{at}.router.weight", (experts, s.d),
                   {(*path, "router"): p.turned(s.d, experts)})
    yield p.Tensor(f"{at}.router.bias", (experts,), {(*path, "router_bias"): p.same})
    cut = lambda i: lambda x: x[..., i::2]
    yield p.Tensor(f"{at}.experts.gate_up_proj", (experts, s.d, 2 * s.f),
                   {(*path, "gate"): cut(0), (*path, "up"): cut(1)})
    yield p.Tensor(f"{at}.experts.gate_up_proj_bias", (experts, 2 * s.f),
                   {(*path, "gate_bias"): cut(0), (*path, "up_bias"): cut(1)})
    yield p.Tensor(f"{at}.experts.down_proj", (experts, s.f, s.d), {(*path, "down"): p.same})
    yield p.Tensor(f"{at}.experts.down_proj_bias", (experts, s.d), {(*path, "down_bias"): p.same})

  bias = p.flag(settings, "attention_bias", True)
  return llama.make(
      settings, config, length, llama.BEFORE, feed=feed, activation="gelu_sigmoid",
      gate_clip=number(settings, "swiglu_limit", 7.0), experts=experts, experts_per_token=chosen,
      feed_forward_bias=True, attention_bias="all" if bias else "none",
      norm_epsilon=number(settings, "rms_norm_eps", 1e-5))
