# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""From a config to its row of the table; what is unknown or left over is refused."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from posenc_jax import _errors
from posenc_jax.interop.config import canonical, read
from posenc_jax.interop.families import Family
from posenc_jax.interop.table import FAMILIES

QUESTION = re.compile(r"rope|rotary|theta|alibi|position_embedding|per_layer_config")
# Settings with such a word that every family reads, or that say no more than the model type does.
UNDERSTOOD = {"rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor",
              "max_position_embeddings", "original_max_position_embeddings"}
ROPE_KEYS = ("rope_theta", "rope_scaling", "rope_parameters")
PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")


def find(config: Any, assume: str | None = None) -> tuple[dict, Family]:
  """The settings, with the defaults of the model type, and its row.

  Args:
    config: as in ``from_hf``.
    assume: the model type whose row is taken, without its default sizes.

  Raises:
    ValueError: an unknown model type.
  """
  given = read(config)
  if assume is not None:
    _errors.check_choice("assume", assume, tuple(FAMILIES))
    return canonical(_part(given), {}), dataclasses.replace(FAMILIES[assume], sizes={})
  settings = _part(given)
  name = settings.get("model_type")
  if name is None and any(settings.get(k) for k in ROPE_KEYS):
    # Written by hand: the settings of a rotation are there, and Llama's conventions are the usual.
    return canonical(settings, {}), dataclasses.replace(FAMILIES["llama"], sizes={})
  if name is None:
    shown = sorted(map(str, settings))
    shown = f"{shown[:12]} .." if len(shown) > 12 else f"{shown}"
    raise _errors.value_error(
      "config", f"the settings {shown} without 'model_type'", "'model_type', such as 'llama', or "
      "one of " + ", ".join(map(repr, ROPE_KEYS)) + " for Llama's conventions",
      "Pass the whole config.json of the model, as a dict or its path")
  if name not in FAMILIES:
    raise _unknown(name)
  family = FAMILIES[name]
  if isinstance(settings.get(family.inner), Mapping):
    settings = dict(settings.pop(family.inner)) | settings
  settings = canonical(settings, family.sizes)
  if family.alibi_key and settings.get(family.alibi_key):
    family = dataclasses.replace(family, kind="alibi")
  return settings, family


def _part(config):
  """The settings of the text model in a composite config; the config itself where there is none."""
  for _ in range(4):
    if config.get("model_type") in FAMILIES and not any(
        isinstance(config.get(part), Mapping) for part in PARTS[:1]):
      return config
    parts = [part for part in PARTS if isinstance(config.get(part), Mapping)]
    if not parts:
      return config
    config = dict(config[parts[0]])
  return config


def _unknown(name):
  close = _errors.near(str(name), FAMILIES)
  mend = (f"Did you mean {close!r}? " if close else "") + (
      "Which dims turn, in which pairs, and in which layers? assume='llama' takes Llama's "
      "conventions: all dims of a head, dim i with dim i + H/2, in every layer")
  return _errors.value_error("model_type", _errors.describe(name), f"one of the {len(FAMILIES)} in "
                             "docs/released_models.md", mend)


def refusal(settings: Mapping, family: Family) -> ValueError:
  """The error of a type that is known and whose config does not suffice."""
  return _errors.value_error("model_type", repr(settings.get("model_type")), "a type whose config "
                             "tells the whole encoding", family.why)


def understood(family: Family) -> set[str | None]:
  """The settings with such a word that this row explains."""
  known = UNDERSTOOD | set(family.keys) | set(family.sizes) | {
      family.base_key, family.fraction_key, family.dim_key, family.head, family.pairing,
      family.alibi_key, family.ratio_key}
  known |= {family.needs[0]} if family.needs else set()
  if isinstance(family.base, Mapping):
    known |= {key for key, _ in family.base.values()}
  if family.widths:
    known |= {"per_layer_config", *(key for key, _ in family.widths.values())}
  known |= {"alibi", "alibi_bias_max"} if family.kind == "alibi" else set()
  return known | {n for n in family.pattern if isinstance(n, str)}


def check_leftover(settings: Mapping, family: Family) -> None:
  """Refuses settings about positions that the family's row does not explain.

  Raises:
    ValueError: the settings, and what they leave open.
  """
  known = understood(family)
  left = sorted(k for k, v in settings.items() if isinstance(k, str) and QUESTION.search(k)
                and k not in known and not _says_nothing(k, v, family))
  inner = settings.get("attn_config")
  if isinstance(inner, Mapping):
    left += [f"attn_config.{k}" for k in sorted(map(str, inner)) if QUESTION.search(k)]
  if left:
    raise _errors.value_error(
        "config", f"the settings {left}", f"those that {settings.get('model_type')!r} is known "
        "to have", "What do they change? Remove what changes nothing, or pass assume='llama'")


def _says_nothing(name, value, family):
  if name == "rope_interleaved":  # in SmolLM2's configs
    return isinstance(value, bool) and value is (family.pairing == "interleaved")
  if name == "per_layer_config" and isinstance(value, Mapping):
    return not any(key == "head_dim" or QUESTION.search(str(key)) for layer in value.values()
                   for key in (layer if isinstance(layer, Mapping) else ("head_dim",)))
  if value is False and ("alibi" in name or name in ("rope", "use_mrope")):
    return True
  return name in ("position_embedding_type", "position_embeddings_type") and value in (
      "rope", "rotary")
