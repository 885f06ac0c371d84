# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that turn q and k."""

from typing import Any

import jax
import jax.numpy as jnp

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def three_axes(p: Any) -> jax.Array:
  """Ids of time, height and width that differ from each other and from the order of tokens.

  Example:
    >>> three_axes(jnp.arange(3)).tolist()
    [[0, 0, 0], [1, 2, 0], [2, 4, 0]]
  """
  return jnp.stack([p, p + p % 5, p - p % 4], -1)


def _vo_rotary(dim, base=10_000.0, pairing="half"):
  return px.chain(px.Rotary(dim, base=base, pairing=pairing),
                  px.VORotary(dim, base=base, pairing=pairing))


_ANGLES = "q or k, its positions, frequencies"

METHODS = (
  Method(
    "rotary (RoFormer 2021), both pairings, any fraction", "rotations.rotary", "Rotary", "q, k", {
      "rotary_frequencies": ("dim, base", "frequencies"),
      "rotate": (_ANGLES, "q or k"),
      "rotate_by": ("q or k, cosines, sines", "q or k")},
    builds={"rotary": Maker(px.Rotary, {"dim": "head_dim"}, {"base": lambda s: s.base})},
    goldens="transformers 5.23.0: Llama, GPT-NeoX, GPT-J; x-transformers 2.31.10; "
            "rotary-embedding-torch 0.9.1", arxiv="2104.09864"),
  Method(
    "VO-RoPE", "rotations.vo_rotary", "VORotary", "values, output",
    {"unrotate": ("outputs, query positions, frequencies", "outputs")},
    builds={"vo-rotary": Maker(_vo_rotary, {"dim": "head_dim"}, {"base": lambda s: s.base})},
    cases={"vo-rotary": lambda key: Case(px.VORotary(8))}),
  Method(
    "M-RoPE, three axes (Qwen2-VL, Qwen3-VL)", "rotations.m_rotary", "MRotary", "q, k", {
      "mrotary_axes": ("sections", "an axis for each pair"),
      "mrotary_positions": ("sizes of texts and grids", "positions ``[T, P]``"),
      "mrotate": (_ANGLES + ", axes", "q or k")},
    cases={"m-rotary": lambda key: Case(px.MRotary((2, 1, 1)), make_positions=three_axes)},
    goldens="transformers 5.23.0: Qwen2-VL, Qwen3-VL", arxiv="2409.12191"),
  Method(
    "PoPE, polar (2025)", "rotations.pope", "Pope", "q, k", {
      "polar_magnitudes": ("q or k", "magnitudes"),
      "polar_expand": ("magnitudes, their positions, frequencies", "q or k, ``[..., 2H]``")},
    builds={"pope": Maker(px.Pope.init, {"num_heads": "heads", "head_dim": "head_dim"},
                          {"base": lambda s: s.base})},
    cases={"pope": lambda key: Case(px.Pope.init(key, 4, 8, uniform=True))},
    goldens="x-transformers 2.31.10, PoPE-pytorch 0.2.1", arxiv="2509.10534"),
)
