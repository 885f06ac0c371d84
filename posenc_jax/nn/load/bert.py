# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BERT with its head for masked tokens."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp

from posenc_jax.encodings.inputs.learned import Learned
from posenc_jax.interop.config import number, size
from posenc_jax.nn.load import plan as p


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a BERT, whose model is a ``MaskedLM``."""
  del config, length
  p.refuse(settings, is_decoder=False, add_cross_attention=False, tie_word_embeddings=True,
           position_embedding_type="absolute")
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  s = p.Sizes(d, n, n, d // n, size(settings, "intermediate_size"))
  vocabulary, rows = size(settings, "vocab_size"), size(settings, "max_position_embeddings")
  types = size(settings, "type_vocab_size", 2)
  options = dict(
      d_model=d, num_layers=size(settings, "num_hidden_layers"), num_heads=n, d_ff=s.f,
      norm="post", norm_epsilon=number(settings, "layer_norm_eps", 1e-12), embedding_norm=True,
      embedding_scale=1.0, attention_bias="all", token_types=types,
      activation=p.activation(settings, "hidden_act", "gelu"))
  return p.Plan(vocabulary, options, lambda: Learned(jnp.zeros((rows, d), jnp.float32)),
                lambda: _tensors(s, vocabulary, rows, types, options), model="masked",
                table="bert.embeddings.word_embeddings.weight", prefix="bert.",
                head="cls.predictions.decoder.weight",
                spare=("embeddings.position_ids", "cls.predictions.decoder.bias"))


def _tensors(s: p.Sizes, vocabulary: int, rows: int, types: int, options: Mapping
             ) -> Iterator[p.Tensor]:
  at, stack = "bert.embeddings", ("encoder", "stack")
  yield p.Tensor(f"{at}.word_embeddings.weight", (vocabulary, s.d),
                 {("encoder", "embedding", "table"): p.same})
  where = (*stack, "encodings", "held", 0, "table")
  yield p.Tensor(f"{at}.position_embeddings.weight", (rows, s.d), {where: p.same})
  yield p.Tensor(f"{at}.token_type_embeddings.weight", (types, s.d),
                 {("encoder", "types", "table"): p.same})
  yield from p.norm(f"{at}.LayerNorm", (*stack, "embedding_norm"), s.d, True)
  for i in range(options["num_layers"]):
    yield from _layer(f"bert.encoder.layer.{i}", (*stack, "layers", i), s)
  at = "cls.predictions"
  yield from p.dense(f"{at}.transform.dense", ("transform", "kernel"), s.d, s.d, False)
  yield p.Tensor(f"{at}.transform.dense.bias", (s.d,), {("transform", "bias"): p.same})
  yield from p.norm(f"{at}.transform.LayerNorm", ("norm",), s.d, True)
  yield p.Tensor(f"{at}.bias", (vocabulary,), {("bias",): p.same})


def _layer(at, block, s):
  for name, kind in (("query", "query"), ("key", "key"), ("value", "value")):
    yield from p.projection(f"{at}.attention.self.{name}", (*block, "attention", kind), s.d, s.n,
                            s.h, True)
  yield from p.joining(f"{at}.attention.output.dense", (*block, "attention"), s, True)
  yield from p.norm(f"{at}.attention.output.LayerNorm", (*block, "attention_norm"), s.d, True)
  yield from p.dense(f"{at}.intermediate.dense", (*block, "feed_forward", "up"), s.d, s.f, True)
  yield from p.dense(f"{at}.output.dense", (*block, "feed_forward", "down"), s.f, s.d, True)
  yield from p.norm(f"{at}.output.LayerNorm", (*block, "feed_forward_norm"), s.d, True)
