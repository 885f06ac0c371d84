# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GPT-2: learned positions, matrices stored inputs first."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp

from posenc_jax.encodings.inputs.learned import Learned
from posenc_jax.interop.config import number, size
from posenc_jax.nn.load import plan as p


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a GPT-2."""
  del config, length
  p.refuse(settings, scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False,
           add_cross_attention=False)
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  s = p.Sizes(d, n, n, d // n, size(settings, "n_inner", 4 * d))
  rows, vocabulary = size(settings, "max_position_embeddings"), size(settings, "vocab_size")
  options = dict(
      d_model=d, num_layers=size(settings, "num_hidden_layers"), num_heads=n, d_ff=s.f,
      norm_epsilon=number(settings, "layer_norm_epsilon", 1e-5), embedding_scale=1.0,
      activation=p.activation(settings, "activation_function", "gelu_new"), attention_bias="all",
      tied=p.flag(settings, "tie_word_embeddings", True))
  return p.Plan(vocabulary, options, lambda: Learned(jnp.zeros((rows, d), jnp.float32)),
                lambda: _tensors(s, vocabulary, rows, options),
                spare=("attn.bias", "attn.masked_bias"), table="transformer.wte.weight",
                prefix="transformer.")


def _tensors(s: p.Sizes, vocabulary: int, rows: int, options: Mapping) -> Iterator[p.Tensor]:
  yield p.table("transformer.wte.weight", vocabulary, s.d)
  yield p.Tensor("transformer.wpe.weight", (rows, s.d),
                 {("stack", "encodings", "held", 0, "table"): p.same})
  for i in range(options["num_layers"]):
    at, block = f"transformer.h.{i}", ("stack", "layers", i)
    yield from p.norm(f"{at}.ln_1", (*block, "attention_norm"), s.d, True)
    yield from p.fused(f"{at}.attn.c_attn", (*block, "attention"), s, "blocks", True, True)
    yield p.Tensor(f"{at}.attn.c_proj.weight", (s.d, s.d),
                   {(*block, "attention", "out"): p.shaped(s.n, s.h, s.d)})
    yield p.Tensor(f"{at}.attn.c_proj.bias", (s.d,), {(*block, "attention", "out_bias"): p.same})
    yield from p.norm(f"{at}.ln_2", (*block, "feed_forward_norm"), s.d, True)
    yield from p.dense(f"{at}.mlp.c_fc", (*block, "feed_forward", "up"), s.d, s.f, True, True)
    yield from p.dense(f"{at}.mlp.c_proj", (*block, "feed_forward", "down"), s.f, s.d, True, True)
  yield from p.norm("transformer.ln_f", ("stack", "norm"), s.d, True)
  if not options["tied"]:
    yield p.head("lm_head.weight", vocabulary, s.d)
