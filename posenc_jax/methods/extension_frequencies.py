# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of context extension by other frequencies.

In experiments the factor is the longest sequence over the trained one, unless it is set. The base
of what is edited on the host is a setting of its own, as it cannot be traced.
"""

import posenc_jax as px
from posenc_jax import functions
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.scaling.dynamic_ntk import dynamic_ntk_rotary
from posenc_jax.encodings.rotations.scaling.yarn import yarn_rotary
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method

_GOLDEN = "transformers 5.23"
_FACTOR = {"factor": lambda s: s.length / s.train_length}
_ORIGINAL = {"original": lambda s: s.train_length}
_BASE = {"base": lambda s: s.base}
_LENGTH = {"length": lambda s: s.length}
_DIM = {"dim": "head_dim"}
_HOST = ("dim, factor, length", "radians, float64")


def _linear(dim, factor, base=10_000.0, pairing="half"):
  return px.Rotary.from_frequencies(functions.linear_frequencies(dim, factor, base=base),
                                    pairing=pairing)


def _ntk(dim, factor, base=10_000.0, pairing="half"):
  return px.Rotary(dim, base=functions.ntk_base(base, factor, dim), pairing=pairing)


def _ntk_alpha(dim, alpha=1000.0, base=10_000.0, pairing="half"):
  return _ntk(dim, alpha, base, pairing)


def _abf(dim, base=500_000.0, pairing="half"):
  return px.Rotary(dim, base=base, pairing=pairing)


def _by_parts(dim, factor, original, base=10_000.0, beta_fast=32.0, beta_slow=1.0, pairing="half"):
  return px.Rotary.from_frequencies(
    functions.by_parts_frequencies(dim, factor=factor, original=original, base=base,
                                   beta_fast=beta_fast, beta_slow=beta_slow), pairing=pairing)


def _llama3(dim, factor, original, low_freq_factor=1.0, high_freq_factor=4.0, base=10_000.0,
            pairing="half"):
  return px.Rotary.from_frequencies(
    functions.llama3_frequencies(dim, factor=factor, original=original, base=base,
                                 low_freq_factor=low_freq_factor,
                                 high_freq_factor=high_freq_factor), pairing=pairing)


def _longrope(dim, factor, length, original, long_factors=None, short_factors=None, base=10_000.0,
              pairing="half"):
  """Factors that are not given are those of NTK, with which a search begins, and 1."""
  pairs = range(dim // 2)
  ntk = [factor ** (i / max(dim // 2 - 1, 1)) for i in pairs]
  return functions.longrope_rotary(
    dim, long_factors=ntk if long_factors is None else long_factors,
    short_factors=[1.0 for _ in pairs] if short_factors is None else short_factors,
    length=length, original=original, factor=factor, base=base, pairing=pairing)


def _mrrope(dim, factor, original, base=10_000.0, beta_fast=32.0, beta_slow=1.0, pairing="half"):
  return px.Rotary.from_frequencies(
    functions.mrrope_frequencies(dim, factor=factor, original=original, base=base,
                                 beta_fast=beta_fast, beta_slow=beta_slow),
    attention_scaling=functions.yarn_attention_scaling(factor), pairing=pairing)


def _resonance(dim, factor=1.0, original=1, base=10_000.0, pairing="half"):
  """Of YaRN's frequencies where a factor is set."""
  e = functions.yarn_rotary(dim, factor=factor, original=original, base=base, pairing=pairing)
  return e.replace(frequencies=px.phases.frequencies(
    functions.resonance_frequencies(e.frequencies)))


def _proportional(dim, proportion=0.75, base=10_000.0, pairing="half"):
  return px.Rotary.from_frequencies(
    functions.proportional_frequencies(dim, proportion, base=base), pairing=pairing)


def _dynamic_yarn(dim, length, original, compat="paper", base=10_000.0, pairing="half"):
  return functions.dynamic_yarn_rotary(dim, length=length, original=original, compat=compat,
                                       base=base, pairing=pairing)


METHODS: tuple[Method, ...] = (
  Method(
    "rotary that turns raw keys on read", "rotations.on_read", "RotaryOnRead", "q, k",
    builds={"rotary-on-read": Maker(RotaryOnRead, _DIM, _BASE)},
    catalogue="StreamingLLM with an evicting cache"),
  Method(
    "position interpolation (2023)", "rotations.scaling.linear", "", "frequencies",
    more={"linear_frequencies": ("dim, factor", "radians, float64")},
    builds={"rotary-linear": Maker(_linear, _DIM, _FACTOR)}, arxiv="2306.15595", goldens=_GOLDEN),
  Method(
    "NTK-aware base (2023)", "rotations.scaling.ntk", "", "frequencies",
    more={"ntk_base": ("base, factor, dim", "base")},
    builds={"rotary-ntk": Maker(_ntk, _DIM, _FACTOR | _BASE)}, catalogue="NTK-aware base",
    goldens=_GOLDEN),
  Method(
    "static alpha (Hunyuan)", "rotations.scaling.ntk", "", "frequencies",
    builds={"rotary-ntk-alpha": Maker(_ntk_alpha, _DIM, _BASE)},
    catalogue="Hunyuan's `ntk_alpha`", goldens=_GOLDEN),
  Method(
    "dynamic NTK (2023)", "rotations.scaling.dynamic_ntk", "", "frequencies", more={
      "dynamic_ntk_base": ("base, factor, dim, lengths", "base"),
      "dynamic_ntk_rotary": ("dim, lengths", "an encoding")},
    builds={"rotary-dynamic-ntk": Maker(dynamic_ntk_rotary, _DIM,
                                        _LENGTH | _ORIGINAL | _BASE)},
    catalogue="dynamic NTK, pinned", goldens=_GOLDEN),
  Method(
    "NTK by parts (2023)", "rotations.scaling.by_parts", "", "frequencies",
    more={"by_parts_frequencies": _HOST},
    builds={"rotary-by-parts": Maker(_by_parts, _DIM, _FACTOR | _ORIGINAL)},
    catalogue="NTK by parts", arxiv="2309.00071", goldens=_GOLDEN),
  Method(
    "YaRN, both ramps (2023)", "rotations.scaling.yarn", "", "frequencies", more={
      "yarn_frequencies": _HOST,
      "yarn_attention_scaling": ("factor", "a number"),
      "yarn_rotary": ("dim, factor, length", "an encoding")},
    builds={"rotary-yarn": Maker(yarn_rotary, _DIM, _FACTOR | _ORIGINAL)},
    catalogue="YaRN", arxiv="2309.00071", goldens=_GOLDEN),
  Method(
    "dynamic YaRN (2023)", "rotations.scaling.dynamic_yarn", "", "frequencies", more={
      "dynamic_yarn_factor": ("lengths", "a number"),
      "dynamic_yarn_rotary": ("dim, lengths", "an encoding")},
    builds={"rotary-dynamic-yarn": Maker(_dynamic_yarn, _DIM, _LENGTH | _ORIGINAL)},
    catalogue="dynamic NTK and dynamic YaRN that follow the length", arxiv="2309.00071"),
  Method(
    "LongRoPE (2024)", "rotations.scaling.longrope", "", "frequencies", more={
      "longrope_frequencies": ("dim, factors", "radians, float64"),
      "longrope_attention_scaling": ("factor, length", "a number"),
      "longrope_rotary": ("dim, factors, lengths", "an encoding")},
    builds={"rotary-longrope": Maker(_longrope, _DIM, _FACTOR | _LENGTH | _ORIGINAL)},
    catalogue="LongRoPE", arxiv="2402.13753", goldens=_GOLDEN),
  Method(
    "LongRoPE's search of factors", "rotations.scaling.longrope_search", "", "frequencies",
    more={"longrope_search": ("a loss of factors, dim, seed", "factors")},
    arxiv="2402.13753"),
  Method(
    "Llama 3.1 (2024)", "rotations.scaling.llama3", "", "frequencies",
    more={"llama3_frequencies": ("dim, factors, length", "radians, float64")},
    builds={"rotary-llama3": Maker(_llama3, _DIM, _FACTOR | _ORIGINAL)}, catalogue="Llama 3.1",
    goldens=_GOLDEN, arxiv="2407.21783"),
  Method(
    "MrRoPE-Pro (2026)", "rotations.scaling.mrrope", "", "frequencies",
    more={"mrrope_frequencies": _HOST},
    builds={"rotary-mrrope": Maker(_mrrope, _DIM, _FACTOR | _ORIGINAL)}, catalogue="MrRoPE-Pro"),
  Method(
    "larger base (ABF 2023)", "rotations.rotary", "", "frequencies",
    builds={"rotary-abf": Maker(_abf, _DIM)}, catalogue="larger base (ABF, Code Llama)",
    arxiv="2309.16039"),
  Method(
    "Resonance RoPE (2024)", "rotations.scaling.resonance", "", "frequencies",
    more={"resonance_frequencies": ("frequencies", "radians, float64")},
    builds={"rotary-resonance": Maker(_resonance, _DIM)}, catalogue="Resonance RoPE",
    arxiv="2403.00071"),
  Method(
    "proportional, p-RoPE (2024)", "rotations.scaling.proportional", "", "frequencies",
    more={"proportional_frequencies": ("dim, proportion", "radians, float64")},
    builds={"rotary-proportional": Maker(_proportional, _DIM)}, catalogue="proportional, p-RoPE",
    arxiv="2410.06205", goldens=_GOLDEN),
)
