# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of rotations that differ in their frequencies."""

from posenc_jax.encodings.rotations.frequencies import (
  clipped,
  fope,
  helm,
  hope,
  lerope,
  partial,
  rope_pp,
  xpos,
)
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

_BASE = {"base": lambda s: s.base}
# The fastest pair turns once in 6.3 positions, and a shorter training length leaves no pair.
_TRAINED = {**_BASE, "train_length": lambda s: max(s.train_length, 7)}

METHODS = (
  Method(
    "partial, trailing and proportional rotary", "rotations.frequencies.partial", "",
    "frequencies", more={
      "partial_rotary": ("head_dim, fraction", "an encoding"),
      "trailing_rotary": ("head_dim, dim", "an encoding"),
      "proportional_rotary": ("head_dim, proportion", "an encoding")},
    builds={
      "rotary-partial": Maker(partial.partial_rotary, {"head_dim": "head_dim"}, _BASE),
      "rotary-trailing": Maker(partial.trailing_rotary, {"head_dim": "head_dim"},
                               {**_BASE, "dim": lambda s: s.head_dim // 4 * 2})},
    goldens="transformers 5.23.0", arxiv="2410.06205"),
  Method(
    "LeRoPE and learned frequencies (2026)", "rotations.frequencies.lerope", "LeRotary", "q, k",
    more={"lerope_rotate": ("q or k, its positions, frequencies, alpha", "q or k"),
          "learned_rotary": ("dim, base", "an encoding")},
    builds={"lerope": Maker(lerope.LeRotary, {"dim": "head_dim"}, _BASE, {"alpha": None}),
            "rotary-learned-frequencies": Maker(lerope.learned_rotary, {"dim": "head_dim"}, _BASE)},
    cases={"lerope": lambda key: Case(lerope.LeRotary(8, alpha=[0.2, -0.1, 0.5, 0.0])),
           "rotary-learned-frequencies": lambda key: Case(lerope.learned_rotary(8))},
    catalogue="LeRoPE", arxiv="2607.10134", goldens="transformers 5.23.0"),
  Method(
    "xPos (2022)", "rotations.frequencies.xpos", "XPos", "q, k", more={
      "xpos_scales": ("dim, gamma", "decays [dim // 2]"),
      "xpos_expand": ("q, k, query and key positions, decays", "q, k")},
    builds={"xpos": Maker(xpos.XPos, {"dim": "head_dim"}, _BASE)},
    cases={"xpos": lambda key: Case(xpos.XPos(8, scale_base=200.0, block=2048))},
    catalogue="xPos", arxiv="2212.10554", directions="causal", goldens="torchscale 0.3.0"),
  Method(
    "HoPE, high frequencies (2024)", "rotations.frequencies.hope", "", "frequencies", more={
      "hope_rotary": ("dim, train_length", "an encoding")},
    builds={"hope": Maker(hope.hope_rotary, {"dim": "head_dim"}, _TRAINED)},
    cases={"hope": lambda key: Case(hope.hope_rotary(8, 512))}, arxiv="2410.21216"),
  Method(
    "CoPE, clipped RoPE (2026)", "rotations.frequencies.clipped", "", "frequencies", more={
      "clipped_frequencies": ("frequencies, count", "frequencies"),
      "clipped_rotary": ("dim, train_length", "an encoding")},
    builds={"clipped-rope": Maker(clipped.clipped_rotary, {"dim": "head_dim"}, _TRAINED)},
    cases={"clipped-rope": lambda key: Case(clipped.clipped_rotary(8, 100)),
           "clipped-rope-hard": lambda key: Case(clipped.clipped_rotary(8, 100, taper="hard"))},
    arxiv="2602.05258"),
  Method(
    "FoPE (2024)", "rotations.frequencies.fope", "Fope", "q, k", more={
      "fope_cos_sin": ("positions, frequencies, matrices", "cosines, sines")},
    builds={"fope": Maker(fope.Fope.init, {"num_heads": "heads", "head_dim": "head_dim"},
                          _TRAINED)},
    cases={"fope": lambda key: Case(fope.Fope.init(key, 2, 8, 512)),
           "fope-released": lambda key: Case(
             fope.Fope.init(key, 1, 8, 512, compat="released-code"))},
    catalogue="FoPE", arxiv="2412.17739"),
  Method(
    "RoPE++ (2025)", "rotations.frequencies.rope_pp", "RotaryPlusPlus", "q, k", more={
      "quarter_turn": ("q, dim", "q")},
    cases={"rope-plus-plus": lambda key: Case(rope_pp.RotaryPlusPlus(8))},
    catalogue="RoPE++", arxiv="2512.07525", directions="causal"),
  Method(
    "HOPE of HELM (2025)", "rotations.frequencies.helm", "", "q, k", more={
      "helm_rotary": ("head_dim", "an encoding")},
    cases={"helm-hope": lambda key: Case(helm.helm_rotary(9), head_dim=9)}, arxiv="2505.24722"),
)
