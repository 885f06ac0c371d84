# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of context extension by other positions on read, and of lists with one entry a layer.

In experiments windows and chunks follow from the trained length, unless they are set.
"""

import jax

from posenc_jax.encodings.biases.local_chunks import LocalChunks
from posenc_jax.encodings.biases.local_window import LocalWindow
from posenc_jax.encodings.rotations.remaps.dual_chunk import DualChunk
from posenc_jax.encodings.rotations.remaps.rerope import ReRope
from posenc_jax.encodings.rotations.remaps.self_extend import SelfExtend
from posenc_jax.encodings.rotations.remaps.shifted import ShiftedRotary
from posenc_jax.encodings.rotations.remaps.streaming import StreamingRotary
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

_GOLDEN = "published rule, turned by transformers 5.23"
_DIM = {"dim": "head_dim"}
_BASE = {"base": lambda s: s.base}


def _least(size):
  return max(int(size), 1)


def _shifted_two_branches(key: jax.Array) -> Case:
  del key
  return Case(ShiftedRotary(8, offset=3, local=2, compat="released-code"))


_FUNCTIONS = ("query and key positions, sizes", "positions, who is far")

METHODS: tuple[Method, ...] = (
  Method(
    "Self-Extend (2024)", "rotations.remaps.self_extend", "SelfExtend", "q, k, scores",
    more={"self_extend_positions": _FUNCTIONS},
    builds={"self-extend": Maker(SelfExtend, _DIM, _BASE | {
      "window": lambda s: 2 * _least(s.train_length // 4), "group": lambda s: 2})},
    catalogue="Self-Extend", arxiv="2401.01325", directions="causal",
    goldens=_GOLDEN),
  Method(
    "ReRoPE and leaky ReRoPE (2023)", "rotations.remaps.rerope", "ReRope", "q, k, scores",
    more={"rerope_distance": ("distance, window, slope", "distance")},
    builds={
      "rerope": Maker(ReRope, _DIM, _BASE | {"window": lambda s: _least(s.train_length // 2)}),
      "leaky-rerope": Maker(ReRope, _DIM, _BASE | {
        "window": lambda s: _least(s.train_length // 2), "slope": lambda s: 1 / 16})},
    catalogue="ReRoPE, leaky ReRoPE", directions="causal", goldens=_GOLDEN),
  Method(
    "dual chunk attention (2024)", "rotations.remaps.dual_chunk", "DualChunk", "q, k, scores",
    more={"dual_chunk_positions": _FUNCTIONS},
    builds={"dual-chunk": Maker(DualChunk, _DIM, _BASE | {
      "chunk": lambda s: _least(3 * s.train_length // 4),
      "local": lambda s: s.train_length // 8})},
    catalogue="dual chunk attention", arxiv="2402.17463", directions="causal",
    goldens=_GOLDEN),
  Method(
    "STRING, shifted (2024)", "rotations.remaps.shifted", "ShiftedRotary", "q, k, scores",
    more={"shifted_distance": ("distance, sizes", "distance")},
    builds={"shifted-rotary": Maker(ShiftedRotary, _DIM, _BASE | {
      "offset": lambda s: _least(s.train_length // 3),
      "local": lambda s: _least(s.train_length // 16)})},
    cases={"shifted-rotary": lambda key: Case(ShiftedRotary(8, offset=3, local=1)),
           "shifted-rotary-released": _shifted_two_branches},
    catalogue="STRING, shifted", arxiv="2410.18745", directions="causal",
    goldens=_GOLDEN),
  Method(
    "StreamingLLM, on a whole cache (2023)", "rotations.remaps.streaming", "StreamingRotary",
    "q, k, who is seen", more={"streaming_positions": _FUNCTIONS},
    builds={"streaming-rotary": Maker(StreamingRotary, _DIM, _BASE | {
      "sinks": lambda s: min(4, s.train_length // 4),
      "window": lambda s: s.train_length - min(4, s.train_length // 4)})},
    catalogue="Lambda mask (LM-Infinite) and StreamingLLM's slots", arxiv="2309.17453",
    directions="causal"),
  Method(
    "sliding window", "biases.local_window", "LocalWindow", "who is seen",
    more={"local_window_visible": ("distance, window", "who is seen")},
    builds={"local-window": Maker(LocalWindow, {}, {
      "window": lambda s: _least(s.train_length // 2)})}, arxiv="2004.05150"),
  Method(
    "chunked layers (Llama 4)", "biases.local_chunks", "LocalChunks", "who is seen",
    more={"local_chunks_visible": ("query and key positions, chunk", "who is seen")},
    builds={"local-chunks": Maker(LocalChunks, {}, {
      "chunk": lambda s: _least(s.train_length // 2)})}),
  Method(
    "lists by layer: SmolLM3, RNoPE-SWA, iRoPE, Gemma 3", "layers.patterns", "", "each layer",
    more={
      "layer_pattern": ("layers, encodings", "one entry a layer"),
      "nope_layers": ("layers, encoding", "none on every n-th"),
      "rnope_swa_layers": ("layers, encoding, window", "the others in a window"),
      "irope_layers": ("layers, encoding, chunk", "the others in chunks"),
      "two_base_layers": ("layers, dim, window, bases", "two bases")}, arxiv="2501.18795"),
)
