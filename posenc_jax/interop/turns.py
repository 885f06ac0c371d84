# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The rotary encoding of one kind of layer, from the settings of a model type that is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posenc_jax import _errors, functions, phases
from posenc_jax.base import Encoding
from posenc_jax.encodings.biases.alibi import Alibi
from posenc_jax.encodings.rotations.m_rotary import MRotary, mrotary_axes
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies
from posenc_jax.interop import kinds
from posenc_jax.interop.config import missing, number, size
from posenc_jax.interop.families import Family

SCALINGS = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional")
SPELLINGS = {"mrope": "default", "su": "longrope"}
# Keys of ``rope_parameters`` that each kind of scaling reads; another one is an open question.
COMMON = ("rope_type", "type", "rope_theta", "partial_rotary_factor", "max_position_embeddings",
          "original_max_position_embeddings")
READ = {
    "default": (), "proportional": ("factor",), "linear": ("factor",), "dynamic": ("factor",),
    "yarn": ("factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
             "truncate"),
    "longrope": ("factor", "attention_factor", "short_factor", "long_factor"),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
}


def encoding(settings: Mapping, family: Family, kind: str | None, length: int | None
             ) -> Encoding | None:
  """The encoding of one kind of layer; None where it has none.

  Args:
    settings: of a config, with the family's defaults.
    family: its row.
    kind: the layer's kind, or None where all layers are alike.
    length: as in ``from_hf``.

  Raises:
    ValueError: settings that are missing, senseless or not understood.
  """
  if family.kind == "none" or kind in family.still:
    return None
  if family.kind == "alibi":
    return _alibi(settings)
  if family.needs is not None and not _turns(settings, *family.needs):
    return None
  settings = kinds.with_width(settings, family, kind)
  rope = kinds.parameters(settings, family, kind)
  if not rope:
    return None
  if family.kind == "axial":
    return _axial(settings, family, rope)
  scaling = _scaling(rope, family)
  fraction = _fraction(settings, family, rope, scaling)
  dim = _dim(settings, family, fraction if scaling != "proportional" else 1.0)
  if dim == 0:
    return None
  frequencies, factor = frequencies_of(scaling, rope, settings, dim, fraction, length)
  pairing = _pairing(settings, family)
  sections = rope.get("mrope_section") or family.sections
  if sections and family.sections:
    return _several_axes(frequencies * family.sign, factor, pairing, sections,
                         rope.get("mrope_interleaved", family.interleaved))
  return Rotary.from_frequencies(frequencies * family.sign, attention_scaling=factor,
                                 pairing=pairing)


def check_length(length: int | None) -> int | None:
  """The length of a sequence, or None.

  Raises:
    TypeError, ValueError: no whole number of tokens.
  """
  return None if length is None else _errors.check_int(
      "length", length, "the number of tokens, or None", "Pass the longest sequence", least=1)


def _alibi(settings):
  heads = size(settings, "num_attention_heads")
  if settings.get("alibi") is False or number(settings, "alibi_bias_max", 8.0) != 8.0:
    raise _errors.value_error("alibi", f"{settings.get('alibi')}, alibi_bias_max "
                              f"{settings.get('alibi_bias_max', 8)}", "ALiBi with the paper's "
                              "slopes", "Which encoding is it? px.Alibi takes any slopes")
  if settings.get("model_type") != "falcon":
    return Alibi(heads)
  # Falcon divides the sum of scores and bias by sqrt(H), not the scores alone.
  width = head_width(settings, Family())
  return Alibi(slopes=functions.alibi_slopes(heads) / np.float32(np.sqrt(width)))


def _turns(settings, name, wanted, *none):
  value = settings.get(name)
  if value == wanted:
    return True
  if value in none:
    return False
  raise _errors.value_error(name, _errors.describe(value), f"{wanted!r}, where q and k turn",
                            "Which encoding is it? Its tables are among the weights")


def _scaling(rope, family):
  scaling = rope.get("rope_type", rope.get("type")) or "default"
  scaling = SPELLINGS.get(scaling, scaling) if isinstance(scaling, str) else scaling
  _errors.check_choice("rope_type", scaling, SCALINGS)
  if family.unscaled and scaling != "default":
    raise _errors.value_error("rope_type", repr(scaling), "'default': the model's code reads no "
                              "scaling", "Was it trained with it? assume='llama' takes it as it is")
  known = {*COMMON, *READ[scaling], *family.parameters}
  if family.sections:
    known |= {"mrope_section", "mrope_interleaved"}
  unread = sorted(str(k) for k in rope if k not in known)
  if unread:
    raise _errors.value_error(
        "rope_parameters", f"the keys {unread}", f"keys that {scaling!r} is known to read: "
        + ", ".join(sorted(known)), "What do they change? Remove what changes nothing")
  return scaling


def head_width(settings: Mapping, family: Family) -> int:
  """The width of a head, or of the part of it that turns."""
  if family.head is not None and family.head in settings:
    return size(settings, family.head)
  if family.head not in ("head_dim", None):
    raise missing(settings, family.head)
  width = size(settings, family.hidden) // size(settings, "num_attention_heads")
  if settings.get("head_dim", width) != width:
    raise _errors.value_error("head_dim", settings["head_dim"], f"{width}, hidden_size divided by "
                              "num_attention_heads as the model does", "Leave it out")
  return width


def _fraction(settings, family, rope, scaling):
  old = settings.get(family.fraction_key)
  if isinstance(family.base, Mapping):
    old = family.fraction  # each kind of layer has its own, in rope_parameters
  if (family.fraction_key or isinstance(family.base, Mapping)) and settings.get(
      "partial_rotary_factor", old) != old:
    raise _errors.value_error("partial_rotary_factor", settings["partial_rotary_factor"],
                              f"{old}, the fraction that the model reads elsewhere",
                              "Keep one of them")
  for where, name in ((rope, "partial_rotary_factor"), (settings, "partial_rotary_factor"),
                      (settings, family.fraction_key)):
    if name is not None and where.get(name) is not None:
      fraction = number(where, name, open_end=False)
      if (family.fraction is None and fraction != 1.0 and scaling == "default"
          and family.head != "qk_rope_head_dim"):
        raise _errors.value_error(name, fraction, "1.0: the model's code turns whole heads",
                                  "Is it another model's code? assume='phi' reads the fraction")
      return fraction
  return family.fraction if family.fraction is not None else 1.0


def _dim(settings, family, fraction):
  if family.dim_key and settings.get(family.dim_key):
    return size(settings, family.dim_key)
  width = head_width(settings, family)
  if family.head == "qk_rope_head_dim":
    return width  # in the model's class a fraction beside it says the same once more
  return int(width * fraction / (2 if family.halved else 1))


def _pairing(settings, family):
  if family.pairing in ("half", "interleaved"):
    return family.pairing
  switch = settings.get(family.pairing, True)
  return "interleaved" if _errors.check_bool(family.pairing, switch, "JSON has true and false"
                                             ) else "half"


def _several_axes(frequencies, factor, pairing, sections, interleaved):
  if factor != 1.0:
    raise _errors.value_error("rope_parameters", f"M-RoPE with an attention factor of {factor}",
                              "1.0", "MRotary does not scale cos and sin")
  if sum(sections) != len(frequencies):
    raise _errors.value_error("mrope_section", list(sections), f"{len(frequencies)} pairs in all",
                              "Look at head_dim in the model's config.json")
  axes = mrotary_axes(sections, interleaved=bool(interleaved))
  return MRotary(sections, interleaved=bool(interleaved), pairing=pairing).replace(
      frequencies=phases.as_frequencies(frequencies), axes=axes)


def _axial(settings, family, rope):
  kind = rope.get("rope_type", rope.get("type")) or "axial"
  _errors.check_choice("rope_type", kind, ("axial", "default"))
  width, base = head_width(settings, family), number(rope, "rope_theta")
  if width % 4:
    raise _errors.value_error("head_dim", width, "a multiple of 4, two dims a pair and two axes",
                              "Look at the model's config.json")
  if family.alternate:
    whole = rotary_frequencies(width, base=base).radians
    both = np.concatenate([whole[0::2], whole[1::2]])
  else:
    both = np.tile(rotary_frequencies(width // 2, base=base).radians, 2)
  return MRotary((width // 4, width // 4)).replace(frequencies=phases.as_frequencies(both))


def frequencies_of(scaling: str, rope: Mapping, settings: Mapping, dim: int, fraction: float,
                   length: int | None) -> tuple[Any, float]:
  """(radians per position, attention scaling) of one kind of context extension.

  Args:
    scaling: the kind.
    rope: its settings.
    settings: those of the model.
    dim: how many dims turn.
    fraction: of the head's dims, for "proportional".
    length: of the sequence, or None.
  """
  base = number(rope, "rope_theta")
  plain = rotary_frequencies(dim, base=base).radians
  if scaling == "default":
    return plain, 1.0
  if scaling == "proportional":
    kept = functions.proportional_frequencies(dim, fraction, base=base)
    return kept / _grown(rope, 1.0), 1.0
  if scaling == "linear":
    return plain / _grown(rope), 1.0
  original = _original(settings, rope)
  if scaling == "dynamic":
    return _dynamic(settings, rope, dim, base, length), 1.0
  if scaling == "llama3":
    return _llama3(rope, dim, base, original), 1.0
  factor = _grown(rope, number(settings, "max_position_embeddings", original) / original)
  if scaling == "longrope":
    return _longrope(settings, rope, dim, base, original, length)
  scale = _yarn_scaling(factor, rope)
  return functions.yarn_frequencies(
      dim, factor=factor, original=original, base=base, beta_fast=number(rope, "beta_fast", 32.0),
      beta_slow=number(rope, "beta_slow", 1.0), truncate=bool(rope.get("truncate", True))), scale


def _grown(rope, default=None):
  """By how much the context has grown; a factor below 1 turns faster than the trained model did."""
  factor = number(rope, "factor", default)
  if factor < 1:
    raise _errors.value_error("factor", factor, "at least 1", "A context that grows fourfold has "
                              "factor 4, not 1/4. If it is meant, build the frequencies: "
                              "posenc_jax.functions.linear_frequencies(.., allow_shrink=True)")
  return factor


def _original(settings, rope):
  name = "original_max_position_embeddings"
  if name in rope and name in settings and rope[name] != settings[name]:
    raise _errors.value_error(name, f"{settings[name]} and {rope[name]} in rope_parameters",
                              "one number", "Keep the length that the model was trained with")
  where = rope if name in rope else settings
  return size(where, name if name in where else "max_position_embeddings")


def _dynamic(settings, rope, dim, base, length):
  if rope.get("alpha"):  # Hunyuan's files say "dynamic", and its base is stretched once for all
    return rotary_frequencies(dim, base=functions.ntk_base(base, number(rope, "alpha"), dim)
                              ).radians
  original = size(settings, "max_position_embeddings")
  name = "original_max_position_embeddings"
  if rope.get(name, original) != original:
    raise _errors.value_error(name, rope[name], f"max_position_embeddings={original} or nothing",
                              "Which of them does the base grow from? Keep that one")
  grown = functions.dynamic_ntk_base(base, _grown(rope), dim, length=length or 0,
                                     original=original)
  return rotary_frequencies(dim, base=grown).radians


def _llama3(rope, dim, base, original):
  low, high = number(rope, "low_freq_factor"), number(rope, "high_freq_factor")
  factor = _grown(rope)
  if low != high:
    return functions.llama3_frequencies(dim, factor=factor, original=original, base=base,
                                        low_freq_factor=low, high_freq_factor=high)
  # The ramp has no width (Llama 4 Scout): a step.
  plain = rotary_frequencies(dim, base=base).radians
  keeps = original * plain >= 2 * np.pi * low
  return np.where(keeps, plain, plain / factor)


def _longrope(settings, rope, dim, base, original, length):
  far = length is not None and length > original
  name = "long_factor" if far else "short_factor"
  if not isinstance(rope.get(name), list | tuple):
    raise missing(rope, name)
  factors = [number({name: f}, name) for f in rope[name]]
  frequencies = functions.longrope_frequencies(dim, factors, base=base)
  own = "long_mscale" if far else "short_mscale"
  for name in (own, "attention_factor"):  # Phi-3.5-MoE has one for each list of factors
    if rope.get(name) is not None:
      return frequencies, number(rope, name)
  factor = _grown(rope, number(settings, "max_position_embeddings", original) / original)
  return frequencies, functions.longrope_attention_scaling(factor, original)


def _yarn_scaling(factor, rope):
  if rope.get("attention_factor") is not None:
    return number(rope, "attention_factor", open_end=False)
  scaling = functions.yarn_attention_scaling
  if rope.get("mscale") and rope.get("mscale_all_dim"):
    return scaling(factor, number(rope, "mscale")) / scaling(factor, number(rope, "mscale_all_dim"))
  return scaling(factor)
