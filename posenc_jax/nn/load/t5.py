# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""T5: an encoder-decoder with one table of distances a stack, without biases and without a scale.

Version 1.1 has gated layers and an output table of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.encodings.biases.t5 import T5Bias
from posenc_jax.interop.config import number, size
from posenc_jax.nn.load import plan as p

FEEDS = {"relu": ("relu", False), "gated-gelu": ("gelu", True), "gated-silu": ("silu", True)}


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a T5, whose model is a ``Seq2SeqTransformer``."""
  del config, length
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  s = p.Sizes(d, n, n, size(settings, "d_kv"), size(settings, "d_ff"))
  vocabulary, depth = size(settings, "vocab_size"), size(settings, "num_hidden_layers")
  feed = settings.get("feed_forward_proj", "relu")
  _errors.check_choice("feed_forward_proj", feed, tuple(FEEDS))
  p.refuse(settings, is_encoder_decoder=True, is_gated_act=FEEDS[feed][1],
           dense_act_fn={"gated-gelu": "gelu_new"}.get(feed, feed.removeprefix("gated-")))
  tied = p.flag(settings, "tie_word_embeddings", True)
  scaled = p.flag(settings, "scale_decoder_outputs", tied)
  options = dict(
      d_model=d, num_layers=depth, num_heads=n, head_dim=s.h, d_ff=s.f, norm_kind="rms",
      decoder_layers=size(settings, "num_decoder_layers", depth), scale=1.0, embedding_scale=1.0,
      norm_epsilon=number(settings, "layer_norm_epsilon", 1e-6), feed_forward_bias=False,
      activation=FEEDS[feed][0], gated=FEEDS[feed][1], logit_scale=d**-0.5 if scaled else 1.0,
      tied=tied)
  buckets = size(settings, "relative_attention_num_buckets", 32)
  far = size(settings, "relative_attention_max_distance", 128)

  def bias(both: bool):
    return lambda: T5Bias(jnp.zeros((buckets, n), jnp.float32), both, far)

  return p.Plan(vocabulary, options, bias(True), lambda: _tensors(s, vocabulary, buckets, options),
                decoder_encoding=bias(False), model="both", table="shared.weight", prefix="",
                copies=("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"),
                spare=("EncDecAttention.relative_attention_bias.weight",))


def _tensors(s: p.Sizes, vocabulary: int, buckets: int, options: Mapping) -> Iterator[p.Tensor]:
  yield p.table("shared.weight", vocabulary, s.d)
  for stack, depth in (("encoder", "num_layers"), ("decoder", "decoder_layers")):
    yield p.Tensor(f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                   (buckets, s.n), {(stack, "encodings", "held", 0, "table"): p.same})
    for i in range(options[depth]):
      at, block = f"{stack}.block.{i}.layer", (stack, "layers", i)
      parts = [("attention", "SelfAttention"), ("cross", "EncDecAttention")]
      parts = parts[:1 if stack == "encoder" else 2]
      for j, (path, name) in enumerate(parts):
        yield from _attention(f"{at}.{j}", name, (*block, path), s)
      yield from _feed_forward(f"{at}.{len(parts)}", block, s, options["gated"])
    yield from p.norm(f"{stack}.final_layer_norm", (stack, "norm"), s.d)
  if not options["tied"]:
    yield p.head("lm_head.weight", vocabulary, s.d)


def _attention(at, name, path, s):
  yield from p.norm(f"{at}.layer_norm", (*path[:-1], f"{path[-1]}_norm"), s.d)
  for letter, kind in (("q", "query"), ("k", "key"), ("v", "value")):
    yield from p.projection(f"{at}.{name}.{letter}", (*path, kind), s.d, s.n, s.h, False)
  yield from p.joining(f"{at}.{name}.o", path, s, False)


def _feed_forward(at, block, s, gated):
  yield from p.norm(f"{at}.layer_norm", (*block, "feed_forward_norm"), s.d)
  names = {"gate": "wi_0", "up": "wi_1"} if gated else {"up": "wi"}
  for kind, name in names.items():
    yield from p.dense(f"{at}.DenseReluDense.{name}", (*block, "feed_forward", kind), s.d, s.f,
                       False)
  yield from p.dense(f"{at}.DenseReluDense.wo", (*block, "feed_forward", "down"), s.f, s.d, False)
