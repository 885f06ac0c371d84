# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of rotations by other matrices than planes of known frequency."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.encodings.rotations.frequencies.partial import trailing_rotary
from posenc_jax.encodings.rotations.groups.algebraic import TreePaths, tree_paths
from posenc_jax.encodings.rotations.groups.comrope import ComRope
from posenc_jax.encodings.rotations.groups.geometric import Geometric
from posenc_jax.encodings.rotations.groups.grape_m import GrapeM
from posenc_jax.encodings.rotations.groups.grape_plane import GrapePlane
from posenc_jax.encodings.rotations.groups.hd_rotary import HDRotary
from posenc_jax.encodings.rotations.groups.liere import Liere
from posenc_jax.encodings.rotations.groups.moebius import moebius_rotary
from posenc_jax.encodings.rotations.groups.prope import Prope
from posenc_jax.encodings.rotations.groups.string_cayley import StringCayley
from posenc_jax.encodings.rotations.groups.string_circulant import StringCirculant
from posenc_jax.encodings.rotations.rotary_values import RotaryValues
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _library(p: Any) -> Any:
  return jnp if isinstance(p, jax.Array) else np


def two_axes(p: Any) -> Any:
  """Rows and columns of a grid of three columns.

  Example:
    >>> two_axes(np.arange(4)).tolist()
    [[0, 0], [0, 1], [0, 2], [1, 0]]
  """
  return _library(p).stack([p // 3, p % 3], axis=-1)


def small_axes(p: Any) -> Any:
  """The same in [0, 1] or so, as coordinates of a picture.

  Example:
    >>> small_axes(np.arange(4))[3].tolist()
    [0.125, 0.0]
  """
  return two_axes(p).astype(np.float32) / 8


def cameras(p: Any) -> Any:
  """A camera for each two tokens, turned and moved a little further than the last.

  Example:
    >>> cameras(np.arange(4)).shape
    (4, 18)
  """
  xp = _library(p)
  turn = (p // 2).astype(np.float32) * np.float32(0.2)
  c, s, one, zero = xp.cos(turn), xp.sin(turn), turn * 0 + 1, turn * 0
  matrix = [1.5 * c, -1.5 * s, zero + 0.1, turn, s, c, zero, -turn, zero, zero, one, one / 2,
            zero, zero, zero, one]
  return xp.stack([*matrix, (p % 2).astype(np.float32), zero], axis=-1).astype(np.float32)


def frames(p: Any) -> Any:
  """A frame for each token.

  Example:
    >>> frames(np.arange(4)).shape
    (4, 13)
  """
  xp = _library(p)
  turn = p.astype(np.float32) * np.float32(0.3)
  c, s, one, zero = xp.cos(turn), xp.sin(turn), turn * 0 + 1, turn * 0
  return xp.stack([c, -s, zero, s, c, zero, zero, zero, one, turn, -turn, one, one],
                  axis=-1).astype(np.float32)


def _moebius(head_dim, num_heads, period, base=10_000.0, share=0.25, pairing="half"):
  return moebius_rotary(head_dim, num_heads, period, share=share, base=base, pairing=pairing)


_HEADS = {"head_dim": "head_dim", "num_heads": "heads"}
_ANGLES = "q or k, its positions, "

METHODS = (
  Method(
    "trailing rotary with its inverse on outputs (DeepSeek-V4)", "rotations.frequencies.partial",
    "", "q, k, values, output", builds={"deepseek-v4-rotary": Maker(
      trailing_rotary, {"head_dim": "head_dim"},
      {"base": lambda s: s.base, "dim": lambda s: s.head_dim // 8 * 2 or 2},
      {"values": True, "pairing": "interleaved"})},
    catalogue="DeepSeek-V4 rotary", goldens="transformers 5.23.0"),
  Method(
    "rotary values, not turned back", "rotations.rotary_values", "RotaryValues", "values",
    builds={"rotary-values": Maker(RotaryValues, {"dim": "head_dim"}, {"base": lambda s: s.base})},
    catalogue="rotary values", goldens="transformers 5.23.0: RoFormer"),
  Method(
    "LieRE (2024)", "rotations.groups.liere", "Liere", "q, k", {
      "liere_rotations": ("positions, generators", "rotations")},
    builds={"liere": Maker(Liere.init, _HEADS, fixed={"axes": 1})},
    cases={"liere": lambda key: Case(Liere.init(key, 8, block=4, num_heads=2, scale=1.0),
                                     make_positions=small_axes, far=False)},
    catalogue="LieRE", arxiv="2406.10322", goldens="re-derived from StanfordMIMI/LieRE"),
  Method(
    "STRING, circulant (2025)", "rotations.groups.string_circulant", "StringCirculant", "q, k", {
      "circulant_rotation": (_ANGLES + "columns", "q or k")},
    builds={"string-circulant": Maker(StringCirculant.init, _HEADS, fixed={"axes": 1})},
    cases={"string-circulant": lambda key: Case(
      StringCirculant.init(key, 8, block=4, num_heads=2), make_positions=two_axes)},
    catalogue="STRING, circulant", arxiv="2502.02562"),
  Method(
    "STRING, Cayley (2025)", "rotations.groups.string_cayley", "StringCayley", "q, k",
    {"cayley": ("a matrix", "orthogonal")},
    builds={"string-cayley": Maker(StringCayley.init, _HEADS, {"base": lambda s: s.base},
                                   fixed={"axes": 1})},
    cases={"string-cayley": lambda key: Case(
      StringCayley.init(key, 8, num_heads=2, stddev=0.5), make_positions=two_axes)},
    catalogue="STRING, Cayley", arxiv="2502.02562"),
  Method(
    "ComRoPE, LD and AP (2025)", "rotations.groups.comrope", "ComRope", "q, k",
    {"comrope": (_ANGLES + "generators, rates", "q or k")},
    builds={"comrope": Maker(ComRope.init, _HEADS, fixed={"axes": 1})},
    cases={"comrope": lambda key: Case(ComRope.init(key, 8, block=4, num_heads=2),
                                       make_positions=two_axes),
           "comrope-ap": lambda key: Case(ComRope.init(key, 8, block=4, kind="ap"),
                                          make_positions=two_axes)},
    catalogue="ComRoPE", arxiv="2506.03737", goldens="re-derived from Longin-Yu/ComRoPE"),
  Method(
    "GRAPE-M, learned frequencies (2025)", "rotations.groups.grape_m", "GrapeM", "q, k",
    {"grape_frequencies": ("logarithms", "frequencies")},
    more={"log_frequencies": ("dim, base, scale", "their start")},
    builds={"grape-m": Maker(GrapeM.init, {"head_dim": "head_dim"}, {"base": lambda s: s.base})},
    catalogue="GRAPE-M, fixed", arxiv="2512.07805",
    goldens="re-derived from model-architectures/GRAPE"),
  Method(
    "GRAPE, rank-2 generator (2025)", "rotations.groups.grape_plane", "GrapePlane", "q, k",
    {"plane_rotation": (_ANGLES + "a, b", "q or k")},
    builds={"grape-plane": Maker(GrapePlane.init, _HEADS)},
    cases={"grape-plane": lambda key: Case(GrapePlane.init(key, 8, num_heads=2))},
    catalogue="GRAPE, rank-2 generator", arxiv="2512.07805"),
  Method(
    "Moebius RoPE (2026)", "rotations.groups.moebius", "", "q, k",
    {"moebius_rotary": ("heads and their dims, period", "an encoding")},
    more={"moebius_frequencies": ("dim, period", "frequencies")},
    builds={"moebius": Maker(_moebius, _HEADS, {"base": lambda s: s.base,
                                                "period": lambda s: s.train_length})},
    cases={"moebius": lambda key: Case(moebius_rotary(8, 4, 8, share=0.5))},
    arxiv="2607.21405"),
  Method(
    "HD-RoPE, blocks of four (2026)", "rotations.groups.hd_rotary", "HDRotary", "q, k",
    {"hd_rotate": (_ANGLES + "frequencies", "q or k")},
    builds={"hd-rotary": Maker(HDRotary, {"dim": "head_dim"}, {"base": lambda s: s.base})},
    catalogue="HD-RoPE", arxiv="2608.29715"),
  Method(
    "trees: paths of rotations (2023)", "rotations.groups.algebraic", "TreePaths", "q, k", {
      "tree_paths": ("numbers of nodes", "``[..., T, P]``"),
      "path_rotation": ("q or k, paths, generators", "q or k")},
    cases={"tree-paths": lambda key: Case(
      TreePaths.init(key, 8, depth=6, num_heads=2),
      make_positions=lambda p: tree_paths(p, 6), far=False)},
    catalogue="algebraic encoding of trees and grids", arxiv="2312.16045"),
  Method(
    "PRoPE and GTA, cameras (2025)", "rotations.groups.prope", "Prope", "q, k, values, output", {
      "camera_positions": ("cameras, patches", "``[C h w, 18]``"),
      "camera_transform": (_ANGLES + "frequencies, part", "like it")},
    cases={"prope": lambda key: Case(Prope(8), make_positions=cameras, far=False)},
    catalogue="PRoPE, GTA (cameras)", arxiv="2507.10496",
    goldens="re-derived from the published code"),
  Method(
    "ESM3's geometric attention (2024)", "rotations.groups.geometric", "Geometric",
    "q, k, values, scores, output", {
      "frame_positions": ("rotations, translations", "``[..., T, 13]``"),
      "frame_vectors": ("vectors, positions", "vectors")},
    cases={"geometric": lambda key: Case(
      Geometric(*jax.random.normal(key, (2, 4))), head_dim=6, make_positions=frames, far=False)},
    catalogue="ESM3 geometric attention", directions="bidirectional"),
)
