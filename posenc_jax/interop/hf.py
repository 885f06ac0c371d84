# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The position encoding that the config of a Hugging Face model describes, without its package."""

import operator
from typing import Any

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.interop import kinds, lookup, turns
from posenc_jax.interop.config import size


def from_hf(config: Any, *, layer: int | str | None = None, length: int | None = None,
            assume: str | None = None) -> Encoding | None:
  """The position encoding of a config: frequencies, attention scaling and pairing.

  Windows, sinks, soft-caps and temperatures are no part of it: ``layers_from_hf`` tells them.
  For latent attention (DeepSeek) it is the encoding of the ``qk_rope_head_dim`` dims alone.

  Args:
    config: a dict, a path to a config.json or to its directory, or a config object with
      ``to_dict``. Of a composite config the text model is read; pass ``config["vision_config"]``
      for another part. Both spellings of the scaling are read: ``rope_scaling`` beside
      ``rope_theta``, and ``rope_parameters``. Without a ``model_type``, these have Llama's
      conventions.
    layer: the index of a layer or its kind, such as "full_attention", for models whose layers
      differ.
    length: the length of the sequence, for the kinds that depend on it (dynamic, longrope); None is
      a length within the original context. Use one length for a whole sequence and its cache.
    assume: a known model type whose conventions hold, for a type that is not known or settings that
      are left over. Nothing is taken from it but conventions: every size must be in the config.

  Returns:
    ``Rotary``, with exact ``.frequencies`` (``.radians`` float64 ``[r // 2]``, per position) and
    ``.attention_scaling``; ``MRotary`` for several axes of positions; ``Alibi``; or None where
    the layer has no encoding.

  Raises:
    ValueError: an unknown model type or setting, with the question it leaves open; layers that
      differ, without ``layer``; a missing or senseless setting.
    TypeError: a setting of a wrong type, such as a string for a number.
    FileNotFoundError: the path does not exist.

  Example:
    >>> e = from_hf({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 8,
    ...              "rope_theta": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}})
    >>> e.frequencies.radians.tolist()
    [0.5, 0.05, 0.005, 0.0005]
  """
  settings, family = lookup.find(config, assume)
  if family.kind == "refused":
    raise lookup.refusal(settings, family)
  if assume is None:
    lookup.check_leftover(settings, family)
  length = turns.check_length(length)
  return turns.encoding(settings, family, _kind(settings, family, layer, length), length)


def _kind(settings, family, layer, length):
  """The kind of the layer that is meant; without one, all kinds must have the same encoding."""
  if layer is None and not kinds.differ(settings, family):
    return None
  if isinstance(layer, str):
    known = sorted(set(kinds.of_layers(settings, family) or ["full_attention"]))
    _errors.check_choice("layer", layer, tuple(known))
    return layer if family.pattern else None
  named = kinds.of_layers(settings, family)
  if layer is not None:
    count = len(named) if named else None
    if named is None and "num_hidden_layers" in settings:
      count = size(settings, "num_hidden_layers")
    at = _errors.check_int("layer", layer, "an index or a kind of layer", "Layers count from 0",
                           least=0)
    if count is not None and at >= count:
      raise _errors.value_error("layer", at, f"an index below {count}", "Layers count from 0")
    return named[at] if named else None
  if named is None:
    return None
  different = list(dict.fromkeys(named))
  encodings = [turns.encoding(settings, family, kind, length) for kind in different]
  if not all(_same(encodings[0], e) for e in encodings):
    raise _errors.value_error(
        "layer", "None", f"an index below {len(named)} or one of the kinds {different}",
        "The layers of this model differ; layers_from_hf gives them all")
  return different[0]


def _same(a, b):
  return operator.eq(repr(a), repr(b)) and _radians(a) == _radians(b)


def _radians(e):
  return None if e is None or not hasattr(e, "frequencies") else e.frequencies.radians.tolist()
