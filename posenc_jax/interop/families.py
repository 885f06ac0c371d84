# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a row of the table of model types says, and the rules that rows name."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Scores:
  """What a model type does to its scores beside the encoding; ``layers_from_hf`` reports it.

  Args:
    scale: "head" is H^-0.5, "half head" (H/2)^-0.5, "mla" that of both parts of a head times YaRN's
      mscale squared, "one" is 1; otherwise the setting: with a leading "^" its power -0.5.
    window: the setting with the number of keys that a row sees, itself included; None for none.
    both: the window setting counts half before the query and half after it (encoders).
    everywhere: the window holds for all layers, not for those of kind "sliding_attention" alone.
    cap: the setting of the tanh soft-cap on the scores.
    sinks: layer kinds with one learned sink a head; () for none, ("*",) for all.
    off: settings that must be false: what they switch on is not described.
    temperature: a rule of ``layers``: "llama4", "ministral3" or None.
  """

  scale: str = "head"
  window: str | None = None
  both: bool = False
  everywhere: bool = False
  cap: str | None = None
  sinks: tuple[str, ...] = ()
  off: tuple[str, ...] = ()
  temperature: str | None = None


@dataclasses.dataclass(frozen=True)
class Family:
  """How the config of one model type tells its position encoding.

  Args:
    kind: "rotary", "axial" (two axes of an image), "alibi", "none" (no positions in attention or
      embeddings) or "refused".
    why: of a refused type, what is missing or open.
    sizes: defaults of the settings that a sparse config leaves out: of the sizes, and
      "rope_parameters" or switches where the model's class has such a default.
    base: the default base; or {layer kind: (setting, default)}.
    base_key: an older name of the base.
    ratio_key: a setting that multiplies the base (ChatGLM).
    fraction, fraction_key: the default part of the head that turns, and an older name of it; None
      where the model's code turns whole heads and reads no ``partial_rotary_factor``.
    dim_key: the setting with the number of rotated dims itself.
    head: the setting with the width that turns; "qk_rope_head_dim" for latent attention, None where
      the model computes it from hidden_size alone.
    hidden: the setting that the heads divide where the width of a head is not given.
    widths: {layer kind: (setting, default)} of kinds whose heads have a width of their own;
      ``per_layer_config`` in a config tells it too.
    halved: whether only half of that width turns (ChatGLM).
    pairing: "half" or "interleaved"; a setting's name when a bool in the config decides it.
    sign: -1 where the model turns the other way.
    alternate: of "axial", whether rows have every other frequency of the whole head (Pixtral).
    sections, interleaved: M-RoPE's default sections, and whether axes take turns.
    pattern: (rule of ``layers``, numbers and settings of it) that names each layer's kind.
    scaled: layer kinds that ``rope_scaling`` holds for; None for all.
    unscaled: whether the model's code reads no ``rope_scaling``.
    still: layer kinds whose queries and keys do not turn.
    needs: (setting, value, values that mean no encoding ..); without the value nothing turns, and
      other values are refused.
    alibi_key: a setting that is true where the model has ALiBi in place of the rotation.
    parameters: further keys of ``rope_scaling`` that the family reads or may ignore.
    keys: further settings with rope, rotary .. in their name that leave no question open.
    inner: a dict in the config that holds some of the settings ("attn_config").
    scores: what else changes scores, or None where it is not described.
    note: a remark for the table of the documents.
  """

  kind: str = "rotary"
  why: str = ""
  sizes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  base: Any = 10_000.0
  base_key: str | None = None
  ratio_key: str | None = None
  fraction: float | None = None
  fraction_key: str | None = None
  dim_key: str | None = None
  head: str | None = "head_dim"
  hidden: str = "hidden_size"
  widths: Mapping[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
  halved: bool = False
  pairing: str = "half"
  sign: int = 1
  alternate: bool = False
  sections: tuple[int, ...] = ()
  interleaved: bool = False
  pattern: tuple[Any, ...] = ()
  scaled: tuple[str, ...] | None = None
  unscaled: bool = False
  still: tuple[str, ...] = ()
  needs: tuple[Any, ...] | None = None
  alibi_key: str | None = None
  parameters: tuple[str, ...] = ()
  keys: tuple[str, ...] = ()
  inner: str | None = None
  scores: Scores | None = None
  note: str = ""


def rotary(hidden: int | None = None, heads: int | None = None, width: int | None = None,
           positions: int | None = None, depth: int | None = None, *,
           more: Mapping[str, Any] | None = None, **rest: Any) -> Family:
  """A rotary row; the five numbers are the defaults of the sizes in the model's class."""
  head_key = rest.get("head", "head_dim")
  sizes = {"hidden_size": hidden, "num_attention_heads": heads, head_key or "head_dim": width,
           "max_position_embeddings": positions, "num_hidden_layers": depth}
  sizes = {k: v for k, v in sizes.items() if v is not None}
  return Family(sizes=sizes | dict(more or {}), **rest)


def axial(width: int, heads: int, head: int | None = None, **rest: Any) -> Family:
  """Row and column of an image patch turn half of the pairs each, in blocks."""
  sizes = {rest.get("hidden", "hidden_size"): width, "num_attention_heads": heads,
           "head_dim": head}
  return Family("axial", sizes={k: v for k, v in sizes.items() if v is not None}, **rest)


def refused(why: str) -> Family:
  """A known model type whose config does not suffice, with what it leaves open."""
  return Family("refused", why)
