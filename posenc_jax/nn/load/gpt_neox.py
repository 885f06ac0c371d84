# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GPT-NeoX and Pythia: parallel branches, part of each head turns, q, k and v fused by heads."""

from collections.abc import Iterator, Mapping
from typing import Any

from posenc_jax.interop.config import number, size
from posenc_jax.nn.load import plan as p
from posenc_jax.nn.load.llama import of_layers


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a GPT-NeoX."""
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  s, vocabulary = p.Sizes(d, n, n, d // n, size(settings, "intermediate_size")), size(
      settings, "vocab_size")
  layers, scores = of_layers(config, length)
  options = dict(
      d_model=d, num_layers=len(layers), num_heads=n, d_ff=s.f, embedding_scale=1.0,
      norm_epsilon=number(settings, "layer_norm_eps", 1e-5),
      activation=p.activation(settings, "hidden_act", "gelu"),
      attention_bias="all" if p.flag(settings, "attention_bias", True) else "none",
      branches="parallel" if p.flag(settings, "use_parallel_residual", True) else "serial",
      tied=p.flag(settings, "tie_word_embeddings", False), **scores)
  return p.Plan(vocabulary, options, lambda: [layer.encoding for layer in layers],
                lambda: _tensors(s, vocabulary, options),
                spare=("attention.bias", "attention.masked_bias", "rotary_emb.inv_freq"),
                table="gpt_neox.embed_in.weight", prefix="gpt_neox.")


def _tensors(s: p.Sizes, vocabulary: int, options: Mapping) -> Iterator[p.Tensor]:
  yield p.table("gpt_neox.embed_in.weight", vocabulary, s.d)
  bias = options["attention_bias"] == "all"
  for i in range(options["num_layers"]):
    at, block = f"gpt_neox.layers.{i}", ("stack", "layers", i)
    yield from p.norm(f"{at}.input_layernorm", (*block, "attention_norm"), s.d, True)
    yield from p.norm(f"{at}.post_attention_layernorm", (*block, "feed_forward_norm"), s.d, True)
    yield from p.fused(f"{at}.attention.query_key_value", (*block, "attention"), s, "heads", bias)
    yield from p.joining(f"{at}.attention.dense", (*block, "attention"), s, bias)
    feed = (*block, "feed_forward")
    yield from p.dense(f"{at}.mlp.dense_h_to_4h", (*feed, "up"), s.d, s.f, True)
    yield from p.dense(f"{at}.mlp.dense_4h_to_h", (*feed, "down"), s.f, s.d, True)
  yield from p.norm("gpt_neox.final_layer_norm", ("stack", "norm"), s.d, True)
  if not options["tied"]:
    yield p.head("embed_out.weight", vocabulary, s.d, "lm_head.weight")
