# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of rotations over several position axes."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.encodings.rotations import m_rotary
from posenc_jax.encodings.rotations.axes import (
  atoms,
  axes_rotary,
  axial,
  diffusion,
  dinov3,
  golden,
  heads,
  ltx,
  mixed,
  mm_rope,
  video,
  vjepa2,
)
from posenc_jax.methods.rotations import three_axes
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def two_axes(p: Any) -> jax.Array:
  """Two axes that differ from each other and from the order of tokens."""
  return three_axes(p)[..., 1:]


def _real(p):
  """Coordinates near 0 and a 1 for patches, as DINOv3 takes them; the first token has none."""
  at = jnp.stack([p % 3, p % 5, p % 7], -1).astype(jnp.float32) / 4 - 0.7
  return jnp.where((jnp.arange(3) == 2).reshape((1,) * p.ndim + (3,)),
                   (p > 0).astype(jnp.float32)[..., None], jnp.where((p > 0)[..., None], at, 0.0))


def _case(encoding, positions=three_axes, **sizes):
  return Case(encoding, make_positions=positions, **sizes)


def _image(encoding, positions=two_axes, **sizes):
  return _case(encoding, positions, causal=False, **sizes)


_PARTS = "sizes of texts and grids"

METHODS = (
  Method(
    "rotary with a free map from pairs to axes", "rotations.axes.axes_rotary", "AxesRotary", "q, k",
    cases={"axes-rotary": lambda key: _case(
      axes_rotary.AxesRotary((2, 0, 1, 0), [1.0, 0.5, 0.2, 0.1]))}),
  Method(
    "axial rotary (rope-vit, Qwen-VL vision), Pixtral", "rotations.axes.axial", "", "q, k", more={
      "axial_rotary": ("head_dim, axes", "an encoding"),
      "pixtral_rotary": ("head_dim", "an encoding")},
    cases={"axial-rotary": lambda key: _image(axial.axial_rotary(8, order=(1, 0))),
           "axial-rotary-3d": lambda key: _image(axial.axial_rotary(8, 3), three_axes),
           "pixtral-rotary": lambda key: _image(axial.pixtral_rotary(8))},
    arxiv="2403.13298", directions="bidirectional", goldens="timm 1.0.31, transformers 5.23.0"),
  Method(
    "RoPE-mixed 2-D (2024)", "rotations.axes.mixed", "MixedRotary", "q, k", more={
      "mixed_rotate": ("q or k, its positions, directions", "q or k")},
    cases={"mixed-rotary": lambda key: _image(mixed.MixedRotary.init(key, 2, 8)),
           "mixed-rotary-shared": lambda key: _image(mixed.MixedRotary.init(key, 1, 8))},
    catalogue="RoPE-mixed 2-D", arxiv="2403.13298", directions="bidirectional",
    goldens="timm 1.0.31"),
  Method(
    "golden-gate N-D rotary (2025)", "rotations.axes.golden", "", "q, k", more={
      "golden_directions": ("count, axes", "unit vectors"),
      "golden_rotary": ("num_heads, head_dim, axes", "an encoding")},
    cases={"golden-rotary": lambda key: _image(golden.golden_rotary(2, 8, max_frequency=2.0))},
    directions="bidirectional"),
  Method(
    "DINOv3 rotary (2025)", "rotations.axes.dinov3", "DinoRotary", "positions, q, k", more={
      "dinov3_positions": ("height, width, prefix", "positions ``[T, 3]``"),
      "stretch_coordinates": ("key, positions", "positions")},
    cases={"dinov3-rotary": lambda key: _image(
      dinov3.DinoRotary(8, shift=0.2, jitter=1.3, rescale=2.0), _real, key=key)},
    catalogue="DINOv3 rotary", arxiv="2508.10104", directions="bidirectional",
    goldens="timm 1.0.31"),
  Method(
    "V-JEPA 2 rotary (2025)", "rotations.axes.vjepa2", "VJepa2Rotary", "q, k", more={
      "vjepa2_turn": ("q or k, its positions, frequencies", "q or k")},
    cases={"vjepa2-rotary": lambda key: _image(vjepa2.VJepa2Rotary(8), three_axes),
           "vjepa2-rotary-released": lambda key: _image(
             vjepa2.VJepa2Rotary(12, compat="released-code"), three_axes, head_dim=12)},
    catalogue="V-JEPA 2 rotary", arxiv="2506.09985", directions="bidirectional",
    goldens="transformers 5.23.0"),
  Method(
    "diffusion axes rotary (Flux, Z-Image, Wan, MiniMax-H3, Cosmos)", "rotations.axes.diffusion",
    "", "q, k", more={
      "diffusion_rotary": ("model", "an encoding"),
      "cosmos_rotary": ("head_dim, scales", "an encoding"),
      "centred_positions": ("sizes", "positions ``[T, P]``")},
    cases={"diffusion-rotary": lambda key: _image(
             diffusion.diffusion_rotary("kandinsky5", scales=(1.0, 2.0, 2.0)), three_axes,
             head_dim=64),
           "cosmos-rotary": lambda key: _image(diffusion.cosmos_rotary(24), three_axes,
                                               head_dim=24)},
    directions="bidirectional", goldens="diffusers 0.42.1"),
  Method(
    "LTX-2 coordinates", "rotations.axes.ltx", "", "q, k", more={
      "ltx_positions": ("frames, height, width", "positions ``[T, 3]``"),
      "ltx_rotary": ("num_heads, head_dim", "an encoding")},
    cases={"ltx-rotary": lambda key: _image(  # float32 angles grow with a shift of the coordinates
      ltx.ltx_rotary(2, 10, base=10.0), _real, head_dim=10, tolerance=5e-5)},
    directions="bidirectional", goldens="diffusers 0.42.1"),
  Method(
    "Mochi, learned 3-D frequencies", "rotations.axes.mochi", "", "q, k", more={
      "mochi_positions": ("frames, height, width", "positions ``[T, 3]``"),
      "mochi_rotary": ("num_heads, head_dim", "an encoding")},
    cases={"mochi-rotary": lambda key: _image(mixed.MixedRotary(
      jax.random.normal(key, (3, 2, 4)), pairing="interleaved"), three_axes)},
    directions="bidirectional", goldens="diffusers 0.42.1"),
  Method(
    "atom coordinates (ESMFold2)", "rotations.axes.atoms", "", "q, k", more={
      "atom_rotary": ("head_dim", "an encoding")},
    cases={"atom-rotary": lambda key: _image(
      atoms.atom_rotary(12, 1, 2), lambda p: jnp.concatenate([three_axes(p), p[..., None]], -1),
      head_dim=12)},
    directions="bidirectional", goldens="transformers 5.23.0"),
  Method(
    "M-RoPE interleaved, OmniRoPE, IL-RoPE, spatial reset (2025)", "rotations.axes.reset", "",
    "positions", more={
      "omni_positions": (_PARTS, "positions ``[T, 3]``"),
      "reset_positions": (_PARTS, "positions ``[T, 3]``")},
    cases={"m-rotary-qwen3": lambda key: _case(m_rotary.MRotary((2, 1, 1), interleaved=True))},
    arxiv="2510.23095", goldens="transformers 5.23.0"),
  Method(
    "MHRoPE (2025)", "rotations.axes.heads", "", "q, k", more={
      "mh_rotary": ("head_dim, sections", "an encoding")},
    cases={"mh-rotary": lambda key: _case(
      heads.mh_rotary(8, (1, 1), group=2, num_heads=4), two_axes)},
    arxiv="2510.23095"),
  Method(
    "VideoRoPE (2025), video HoPE (2025)", "rotations.axes.video", "", "q, k", more={
      "videorope_axes": ("sections", "an axis for each pair"),
      "videorope_positions": (_PARTS, "positions ``[T, 3]``"),
      "hope_video_rotary": ("sections", "an encoding")},
    cases={"video-rotary": lambda key: _case(
             axes_rotary.AxesRotary(video.videorope_axes((2, 1, 1)))),
           "hope-video": lambda key: _case(video.hope_video_rotary((2, 1, 1)))},
    arxiv="2502.05173"),
  Method(
    "MM-RoPE (Lumos-1, 2025)", "rotations.axes.mm_rope", "", "q, k", more={
      "mm_rope_axes": ("pairs", "an axis for each pair"),
      "mm_rope_positions": (_PARTS, "positions ``[T, 3]``")},
    cases={"mm-rotary": lambda key: _case(axes_rotary.AxesRotary(mm_rope.mm_rope_axes(4)))},
    arxiv="2507.08801"),
  Method(
    "Circle-RoPE (2025)", "rotations.axes.circle", "", "positions", more={
      "circle_grid": ("height, width", "positions ``[T, 3]``"),
      "circle_positions": (_PARTS, "positions ``[T, 3]``")},
    arxiv="2505.16416"),
  Method(
    "V2PE (InternVL3, 2024)", "rotations.axes.v2pe", "", "positions", more={
      "v2pe_positions": (_PARTS, "positions ``[T]``")},
    arxiv="2412.09616"),
  Method(
    "TMRoPE (Qwen2.5-Omni, 2025)", "rotations.axes.tmrope", "", "positions", more={
      "tmrope_positions": ("video, audio", "positions, is audio")},
    arxiv="2503.20215"),
)
