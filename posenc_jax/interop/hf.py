# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The rotary encoding that a Hugging Face model config describes, without importing its package."""

import json
import os
from collections.abc import Mapping
from typing import Any

from posenc_jax import _errors
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies
from posenc_jax.encodings.rotations.scaling.dynamic_ntk import dynamic_ntk_base
from posenc_jax.encodings.rotations.scaling.linear import linear_frequencies
from posenc_jax.encodings.rotations.scaling.llama3 import llama3_frequencies
from posenc_jax.encodings.rotations.scaling.longrope import (
    longrope_attention_scaling,
    longrope_frequencies,
)
from posenc_jax.encodings.rotations.scaling.ntk import ntk_base
from posenc_jax.encodings.rotations.scaling.proportional import proportional_frequencies
from posenc_jax.encodings.rotations.scaling.yarn import yarn_attention_scaling, yarn_frequencies

# Model types whose released weights pair neighbouring dims; the library's common code pairs halves.
_INTERLEAVED = ("codegen", "cohere", "cohere2", "ernie4_5", "glm", "glm4", "gptj", "llama4_text")
KINDS = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional")


def from_hf(config: Any, *, length: int | None = None) -> Rotary:
  """The rotary encoding of a config: frequencies, attention scaling and pairing.

  Args:
    config: a dict, a path to a config.json, or a config object with ``to_dict``. Both spellings of
      the scaling are read: ``rope_scaling`` beside ``rope_theta``, and ``rope_parameters``.
    length: the length of the sequence, for the kinds that depend on it (dynamic, longrope); None is
      a length within the original context. Use one length for a whole sequence and its cache.

  Returns:
    ``Rotary`` with exact ``.frequencies`` (``.radians`` float64 ``[r // 2]``, per position) and
    ``.attention_scaling``.

  Raises:
    ValueError: an unknown kind of scaling, a missing or senseless setting.
    FileNotFoundError: the path does not exist.

  Example:
    >>> e = from_hf({"hidden_size": 64, "num_attention_heads": 8, "rope_theta": 10000.0,
    ...              "rope_scaling": {"rope_type": "linear", "factor": 2.0}})
    >>> e.frequencies.radians.tolist()
    [0.5, 0.05, 0.005, 0.0005]
  """
  config = _as_dict(config)
  rope = _rope_settings(config)
  kind = rope.get("rope_type", rope.get("type")) or "default"
  kind = {"mrope": "default", "su": "longrope"}.get(kind, kind)
  _errors.check_choice("rope_type", kind, KINDS)
  head_dim = config.get("head_dim") or _need(config, "hidden_size") // _need(
      config, "num_attention_heads")
  fraction = rope.get("partial_rotary_factor", config.get("partial_rotary_factor")) or 1.0
  whole = kind == "proportional"
  dim = config.get("rotary_dim") or (head_dim if whole else int(head_dim * fraction))
  base = float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)
  frequencies, scaling = _frequencies(kind, rope, config, dim, base, fraction, length)
  pairing = "interleaved" if config.get("model_type") in _INTERLEAVED else "half"
  return Rotary.from_frequencies(frequencies, attention_scaling=scaling, pairing=pairing)


def _frequencies(kind, rope, config, dim, base, fraction, length):
  """(frequencies, attention scaling) of one kind."""
  plain = rotary_frequencies(dim, base=base).radians
  if kind == "default":
    return plain, 1.0
  if kind == "proportional":
    kept = proportional_frequencies(dim, fraction, base=base)
    return kept / float(rope.get("factor") or 1.0), 1.0
  if kind == "dynamic" and rope.get("alpha"):  # Hunyuan: static, whatever its name
    grown = ntk_base(base, float(rope["alpha"]), dim)
    return rotary_frequencies(dim, base=grown).radians, 1.0
  if kind == "linear":
    return linear_frequencies(dim, float(_need(rope, "factor")), base=base), 1.0
  original = (rope.get("original_max_position_embeddings")
              or config.get("original_max_position_embeddings")
              or _need(config, "max_position_embeddings"))
  factor = rope.get("factor")
  if factor is None and kind in ("yarn", "longrope"):
    factor = _need(config, "max_position_embeddings") / original
  factor = float(factor if factor is not None else _need(rope, "factor"))
  if kind == "dynamic":
    grown = dynamic_ntk_base(base, factor, dim, length=length or 0, original=original)
    return rotary_frequencies(dim, base=grown).radians, 1.0
  if kind == "llama3":
    bands = {n: _need(rope, n) for n in ("low_freq_factor", "high_freq_factor")}
    return llama3_frequencies(dim, factor=factor, original=original, base=base, **bands), 1.0
  given = rope.get("attention_factor")
  if kind == "longrope":
    far = length is not None and length > original
    factors = _need(rope, "long_factor" if far else "short_factor")
    default = longrope_attention_scaling(factor, original)
    frequencies = longrope_frequencies(dim, factors, base=base)
  else:
    default = _yarn_scaling(factor, rope.get("mscale"), rope.get("mscale_all_dim"))
    frequencies = yarn_frequencies(
        dim, factor=factor, original=original, base=base, beta_fast=rope.get("beta_fast") or 32.0,
        beta_slow=rope.get("beta_slow") or 1.0, truncate=rope.get("truncate", True))
  return frequencies, float(given) if given is not None else default


def _yarn_scaling(factor, mscale, mscale_all_dim):
  if mscale and mscale_all_dim:
    return yarn_attention_scaling(factor, mscale, mscale_all_dim)
  return yarn_attention_scaling(factor)


def _rope_settings(config):
  rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
  nested = [k for k, v in rope.items() if isinstance(v, Mapping)]
  if nested:
    raise _errors.value_error("rope_parameters", f"settings for each of {sorted(nested)}",
                              "the settings of one kind of layer",
                              "Pass the config with rope_parameters set to one of them")
  return rope


def _need(settings, name):
  if settings.get(name) is None:
    raise _errors.value_error("config", f"no {name!r}", f"{name!r} among {sorted(settings)}",
                              "Complete the config")
  return settings[name]


def _as_dict(config) -> dict:
  if isinstance(config, str | os.PathLike):
    with open(config, encoding="utf-8") as f:
      config = json.load(f)
  elif hasattr(config, "to_dict"):
    config = config.to_dict()
  if not isinstance(config, Mapping):
    raise _errors.type_error("config", type(config).__name__,
                             "a dict, a path to config.json or a config object", "Load it first")
  text = config.get("text_config")
  return dict(text if isinstance(text, Mapping) else config)
