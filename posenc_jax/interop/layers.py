# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What each layer of a released model does to its scores: encoding, window, scale, cap, sinks."""

import dataclasses
import math
from typing import Any

from posenc_jax import _errors, functions
from posenc_jax.base import Encoding
from posenc_jax.interop import kinds, lookup, turns
from posenc_jax.interop.config import number, size


@dataclasses.dataclass(frozen=True)
class Temperature:
  """Queries at position m are multiplied by 1 + beta log(1 + floor((m + shift) / length)).

  Args:
    beta, length, shift: 0.1, 8192 and 1 in Llama 4; shift 0 in Ministral 3.
  """

  beta: float
  length: float
  shift: float


@dataclasses.dataclass(frozen=True)
class HFLayer:
  """What changes the scores of one layer.

  Args:
    kind: its kind, such as "full_attention" or "sliding_attention".
    encoding: the position encoding, or None.
    window: (keys before the query, keys after it) as ``attend`` takes it, or None. Models that
      attend in both directions see the same number after.
    chunk: keys of the query's own chunk of this many positions are visible (Llama 4), or None.
    softmax_scale: what scores are multiplied by, as ``attend`` takes it.
    soft_cap: scores become cap tanh(scores / cap), or None.
    sinks: whether the softmax has one learned sink a head, a weight of the model.
    temperature: how queries grow with the position, or None.
  """

  kind: str
  encoding: Encoding | None
  window: tuple[int, int] | None
  chunk: int | None
  softmax_scale: float
  soft_cap: float | None
  sinks: bool
  temperature: Temperature | None


def layers_from_hf(config: Any, *, length: int | None = None) -> tuple[HFLayer, ...]:
  """What each layer does to its scores, as far as the config tells.

  Args:
    config, length: as in ``from_hf``.

  Returns:
    One ``HFLayer`` a layer.

  Raises:
    ValueError: as ``from_hf``; a model type whose layers are not described.

  Example:
    >>> layers = layers_from_hf({"model_type": "smollm3", "num_hidden_layers": 4})
    >>> [layer.encoding is None for layer in layers]
    [False, False, False, True]
  """
  settings, family = lookup.find(config)
  length = turns.check_length(length)
  if family.kind == "refused":
    raise lookup.refusal(settings, family)
  if family.scores is None:
    raise _errors.value_error(
        "model_type", repr(settings.get("model_type")), "a type whose layers are described: "
        "docs/released_models.md lists them", "from_hf gives its encoding; read its window, scale "
        "and sinks in the model's own code")
  lookup.check_leftover(settings, family)
  on = [name for name in family.scores.off if settings.get(name)]
  if on:
    raise _errors.value_error("config", f"{on} switched on", "settings whose effect on the scores "
                              "is described", "from_hf gives the encoding alone")
  count = size(settings, "num_hidden_layers")
  named = kinds.of_layers(settings, family) or ["full_attention"] * count
  made = {kind: turns.encoding(settings, family, kind, length) for kind in dict.fromkeys(named)}
  return tuple(_layer(settings, family, kind, made[kind]) for kind in named)


def _layer(settings, family, kind, encoding):
  told = family.scores
  return HFLayer(
      kind, encoding, _window(settings, told, kind),
      size(settings, "attention_chunk_size") if kind == "chunked_attention" else None,
      _scale(settings, family), number(settings, told.cap) if settings.get(told.cap) else None,
      kind in told.sinks or "*" in told.sinks, _temperature(settings, told, kind))


def _window(settings, told, kind):
  slides = told.everywhere or kind == "sliding_attention"
  if told.window is None or not slides or not settings.get(told.window):
    return None
  if told.both:
    return size(settings, told.window) // 2, size(settings, told.window) // 2
  return size(settings, told.window) - 1, 0


def _scale(settings, family):
  name = family.scores.scale
  if name == "one":
    return 1.0
  if name.startswith("^"):
    return number(settings, name[1:]) ** -0.5
  if name in ("head", "half head"):
    width = turns.head_width(settings, family)
    return (width / (2 if name == "half head" else 1)) ** -0.5
  if name == "mla":
    width = size(settings, "qk_nope_head_dim") + size(settings, "qk_rope_head_dim")
    rope = kinds.parameters(settings, family, None)
    every = number(rope, "mscale_all_dim", 0.0, open_end=False)
    grown = functions.yarn_attention_scaling(number(rope, "factor", 1.0), every) if every else 1.0
    return grown * grown / math.sqrt(width)
  return number(settings, name)


def _temperature(settings, told, kind):
  if told.temperature == "llama4" and kind == "full_attention" and settings.get(
      "attn_temperature_tuning"):
    return Temperature(number(settings, "attn_scale"), number(settings, "floor_scale"), 1.0)
  if told.temperature == "ministral3":
    rope = settings.get("rope_parameters") or {}
    if rope.get("llama_4_scaling_beta"):
      return Temperature(number(rope, "llama_4_scaling_beta"),
                         number(rope, "original_max_position_embeddings"), 0.0)
  return None
