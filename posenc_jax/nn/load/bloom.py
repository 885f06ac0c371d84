# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BLOOM: ALiBi, a norm of the embeddings, q, k and v fused by heads."""

from collections.abc import Iterator, Mapping
from typing import Any

from posenc_jax.interop.config import number, size
from posenc_jax.interop.hf import from_hf
from posenc_jax.nn.load import plan as p


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a BLOOM."""
  p.refuse(settings, apply_residual_connection_post_layernorm=False)
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  s, vocabulary = p.Sizes(d, n, n, d // n, 4 * d), size(settings, "vocab_size")
  options = dict(
      d_model=d, num_layers=size(settings, "num_hidden_layers"), num_heads=n, d_ff=s.f,
      norm_epsilon=number(settings, "layer_norm_epsilon", 1e-5), embedding_scale=1.0,
      embedding_norm=True, attention_bias="all",
      tied=p.flag(settings, "tie_word_embeddings", True))
  return p.Plan(vocabulary, options, lambda: from_hf(config, length=length),
                lambda: _tensors(s, vocabulary, options), prefix="transformer.",
                table="transformer.word_embeddings.weight")


def _tensors(s: p.Sizes, vocabulary: int, options: Mapping) -> Iterator[p.Tensor]:
  yield p.table("transformer.word_embeddings.weight", vocabulary, s.d)
  yield from p.norm("transformer.word_embeddings_layernorm", ("stack", "embedding_norm"), s.d, True)
  for i in range(options["num_layers"]):
    at, block = f"transformer.h.{i}", ("stack", "layers", i)
    yield from p.norm(f"{at}.input_layernorm", (*block, "attention_norm"), s.d, True)
    yield from p.norm(f"{at}.post_attention_layernorm", (*block, "feed_forward_norm"), s.d, True)
    yield from p.fused(f"{at}.self_attention.query_key_value", (*block, "attention"), s, "heads",
                       True)
    yield from p.joining(f"{at}.self_attention.dense", (*block, "attention"), s, True)
    feed = (*block, "feed_forward")
    yield from p.dense(f"{at}.mlp.dense_h_to_4h", (*feed, "up"), s.d, s.f, True)
    yield from p.dense(f"{at}.mlp.dense_4h_to_h", (*feed, "down"), s.f, s.d, True)
  yield from p.norm("transformer.ln_f", ("stack", "norm"), s.d, True)
  if not options["tied"]:
    yield p.head("lm_head.weight", vocabulary, s.d)
