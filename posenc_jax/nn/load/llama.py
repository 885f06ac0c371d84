# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Llama 2 and 3, Mistral, Qwen 2 and 3, SmolLM 3, Gemma 1; and the skeleton of their relatives.

Differences that no setting tells are in ``FIXED``.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from posenc_jax import _errors
from posenc_jax.interop.config import number, size
from posenc_jax.interop.layers import layers_from_hf
from posenc_jax.nn.load import plan as p

# Arguments of ``TransformerLM`` that the model type alone decides.
FIXED: Mapping[str, Mapping[str, Any]] = {
    "llama": {}, "mistral": {}, "smollm3": {}, "phi3": {}, "gpt_oss": {},
    "qwen2": dict(attention_bias="qkv"), "qwen3": dict(qk_norm="head"),
    "gemma": dict(norm_kind="rms_one", embedding_scale=None),
    "gemma2": dict(norm_kind="rms_one", embedding_scale=None, norm="sandwich"),
    "gemma3_text": dict(norm_kind="rms_one", embedding_scale=None, norm="sandwich",
                        qk_norm="head"),
    "olmo2": dict(norm="branch", qk_norm="width"),
    "cohere": dict(norm_kind="layer", norm_bias=False, branches="shared"),
}
TIED = {"gemma": True, "gemma2": True, "gemma3_text": True, "cohere": True, "smollm3": True}
Feed = Callable[[str, p.Path, p.Sizes], Iterator[p.Tensor]]
BEFORE = {"attention_norm": "input_layernorm", "feed_forward_norm": "post_attention_layernorm"}


def plan(settings: dict, config: Any, length: int | None) -> p.Plan:
  """The plan of a model with one norm before each branch."""
  return make(settings, config, length, BEFORE)


def make(settings: dict, config: Any, length: int | None, norms: Mapping[str, str],
         fused: bool = False, feed: Feed | None = None, **more: Any) -> p.Plan:
  """The plan of any of them.

  Args:
    settings: of the config, with defaults.
    config: as it came.
    length: of sequences, or None.
    norms: the name of each of a block's norms in the file.
    fused: whether q, k and v are one tensor, and the two inputs of the gate another (Phi-3).
    feed: the tensors of a feed-forward of another kind: (name, path, sizes) to them.
    **more: arguments of ``TransformerLM`` that the caller has read.
  """
  name = settings["model_type"]
  p.refuse(settings, use_bidirectional_attention=settings.get("use_bidirectional_attention")
           and False)
  s, vocabulary = sizes(settings), size(settings, "vocab_size")
  tied = p.flag(settings, "tie_word_embeddings", TIED.get(name, False))
  acts = [key for key in ("hidden_activation", "hidden_act") if settings.get(key)]
  act = acts[0] if acts else "hidden_act"  # old configs of Gemma have both; the first one counts
  activation = p.activation(settings, act, "silu" if "gemma" not in name else "gelu_new")
  if name == "gemma" and activation == "gelu_exact":  # its first configs meant the tanh form
    activation = "gelu"
  layers, scores = of_layers(config, length)
  options = dict(
      d_model=s.d, num_layers=len(layers), num_heads=s.n, kv_heads=s.k, head_dim=s.h, d_ff=s.f,
      norm_kind="rms", gated=True, embedding_scale=1.0, tied=tied,
      activation=activation,
      norm_epsilon=number(settings, "rms_norm_eps", 1e-6 if name != "olmo2" else 1e-5),
      feed_forward_bias=p.flag(settings, "mlp_bias", False),
      attention_bias="all" if p.flag(settings, "attention_bias", False) else "none",
      **scores) | dict(FIXED[name]) | more
  return p.Plan(vocabulary, options, lambda: [layer.encoding for layer in layers],
                lambda: _tensors(s, vocabulary, options, norms, fused, feed),
                spare=("rotary_emb.inv_freq",))


def sizes(settings: Mapping) -> p.Sizes:
  """D, N, K, H and F."""
  d, n = size(settings, "hidden_size"), size(settings, "num_attention_heads")
  k = size(settings, "num_key_value_heads", n)
  return p.Sizes(d, n, k, size(settings, "head_dim", d // n), size(settings, "intermediate_size"))


def of_layers(config: Any, length: int | None):
  """(layers, arguments of ``TransformerLM``) from ``layers_from_hf``; what differs is refused."""
  layers = layers_from_hf(config, length=length)
  for layer in layers:
    for name in ("chunk", "temperature"):
      if getattr(layer, name) is not None:
        raise _errors.value_error("config", f"{name} {getattr(layer, name)}", "none",
                                  "Its layers are not built here; layers_from_hf describes them")
  first = layers[0]
  assert all((x.softmax_scale, x.soft_cap, x.sinks) == (
      first.softmax_scale, first.soft_cap, first.sinks) for x in layers), "one scale for all"
  windows = [layer.window for layer in layers]
  return layers, dict(windows=windows, scale=first.softmax_scale, soft_cap=first.soft_cap,
                      sinks=first.sinks)


def _tensors(s: p.Sizes, vocabulary: int, options: Mapping, norms: Mapping[str, str], fused: bool,
             feed: Feed | None) -> Iterator[p.Tensor]:
  yield p.table("model.embed_tokens.weight", vocabulary, s.d)
  for i in range(options["num_layers"]):
    at, block = f"model.layers.{i}", ("stack", "layers", i)
    for path, name in norms.items():
      yield from p.norm(f"{at}.{name}", (*block, path), s.d)
    yield from _attention(f"{at}.self_attn", (*block, "attention"), s, options, fused)
    path = (*block, "feed_forward")
    yield from (_feed_forward(f"{at}.mlp", path, s, options["feed_forward_bias"], fused)
                if feed is None else feed(f"{at}.mlp", path, s))
  yield from p.norm("model.norm", ("stack", "norm"), s.d)
  if not options["tied"]:
    yield p.head("lm_head.weight", vocabulary, s.d)


def _attention(at, path, s, options, fused):
  bias = options["attention_bias"]
  if fused:
    yield from p.fused(f"{at}.qkv_proj", path, s, "blocks", bias != "none")
  else:
    for letter, kind, heads in (("q", "query", s.n), ("k", "key", s.k), ("v", "value", s.k)):
      yield from p.projection(f"{at}.{letter}_proj", (*path, kind), s.d, heads, s.h,
                              bias != "none")
  yield from p.joining(f"{at}.o_proj", path, s, bias == "all")
  if options.get("sinks"):
    yield p.Tensor(f"{at}.sinks", (s.n,), {(*path, "sinks"): p.same})
  over = {"head": ((s.h,), (s.h,)), "width": ((s.n * s.h,), (s.k * s.h,)),
          "layer": ((s.n, s.h), (s.k, s.h))}.get(options.get("qk_norm", "none"))
  for letter, kind, shape in zip("qk", ("query", "key"), over or (), strict=False):
    yield p.Tensor(f"{at}.{letter}_norm.weight", shape,
                   {(*path, "qk_norm", kind, "scale"): p.same})


def _feed_forward(at, path, s, bias, fused):
  if fused:
    half = lambda i: lambda x: p.turned(s.d, s.f)(x[i * s.f:(i + 1) * s.f])
    yield p.Tensor(f"{at}.gate_up_proj.weight", (2 * s.f, s.d),
                   {(*path, "gate"): half(0), (*path, "up"): half(1)})
  else:
    for kind in ("gate", "up"):
      yield from p.dense(f"{at}.{kind}_proj", (*path, kind), s.d, s.f, bias)
  yield from p.dense(f"{at}.down_proj", (*path, "down"), s.f, s.d, bias)
