# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of biases that are functions of one distance."""

import posenc_jax as px
from posenc_jax.encodings.biases.alibi_offset import AlibiOffset
from posenc_jax.encodings.biases.alibi_split import AlibiSplit
from posenc_jax.encodings.biases.deberta_bias import DebertaBias
from posenc_jax.encodings.biases.distance_table import DistanceTable
from posenc_jax.encodings.biases.dynamic_position import DynamicPosition
from posenc_jax.encodings.biases.hard_alibi import HardAlibi
from posenc_jax.encodings.biases.kerple import KerpleLog, KerplePower
from posenc_jax.encodings.biases.kerple_product import KerpleProduct
from posenc_jax.encodings.biases.littlebird import LittleBird
from posenc_jax.encodings.biases.sandwich import Sandwich
from posenc_jax.encodings.biases.toeplitz import Toeplitz
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

_HEADS = {"num_heads": "heads"}
_BIAS = "bias ``[N, ...]``"


def _learned_alibi(num_heads: int, scheme: str = "official") -> px.Encoding:
  return px.learn(px.Alibi(num_heads, scheme=scheme), "slopes")


METHODS: tuple[Method, ...] = (
  Method(
    "ALiBi, symmetric", "biases.alibi", "", "scores",
    cases={"alibi-bidirectional": lambda key: Case(px.Alibi(4), causal=False)},
    directions="bidirectional", goldens="x-transformers 2.31.10", arxiv="2108.12409"),
  Method(
    "ALiBi, learned slopes", "biases.alibi", "", "scores",
    builds={"alibi-learned": Maker(_learned_alibi, _HEADS)}, arxiv="2108.12409"),
  Method(
    "ALiBi, future half a step nearer", "biases.alibi_offset", "AlibiOffset", "scores",
    more={"alibi_offset_bias": ("distance, slopes", _BIAS)},
    cases={"alibi-offset": lambda key: Case(AlibiOffset(4), causal=False)},
    catalogue="ALiBi, asymmetric by half a step", directions="bidirectional"),
  Method(
    "ALiBi, half of the heads each way", "biases.alibi_split", "AlibiSplit", "scores, mask",
    more={"alibi_split_visible": ("distance, heads", "bool ``[N, ...]``")},
    cases={"alibi-split": lambda key: Case(AlibiSplit(4), causal=False)},
    directions="bidirectional", arxiv="2108.12409"),
  Method(
    "ALiBi of LittleBird (2022)", "biases.littlebird", "LittleBird", "scores",
    more={"littlebird_bias": ("query and key positions, slopes", "bias ``[..., N, T, S]``")},
    cases={"littlebird": lambda key: Case(LittleBird.init(key, 4), causal=False)},
    catalogue="ALiBi of LittleBird", arxiv="2210.11870", directions="bidirectional"),
  Method(
    "Hard-ALiBi (2024)", "biases.hard_alibi", "HardAlibi", "mask",
    more={"hard_alibi_visible": ("distance, heads", "bool ``[N, ...]``")},
    builds={"hard-alibi": Maker(HardAlibi, _HEADS, {"limited": lambda s: (s.heads + 1) // 2})},
    catalogue="Hard-ALiBi", arxiv="2402.01032", directions="causal"),
  Method(
    "KERPLE, log (2022)", "biases.kerple", "KerpleLog", "scores",
    {"kerple_log_bias": ("distance, p, a", _BIAS)},
    builds={"kerple-log": Maker(KerpleLog.init, _HEADS)},
    arxiv="2205.09921"),
  Method(
    "KERPLE, power (2022)", "biases.kerple", "KerplePower", "scores",
    {"kerple_power_bias": ("distance, a, p", _BIAS)},
    builds={"kerple-power": Maker(KerplePower.init, _HEADS)},
    arxiv="2205.09921"),
  Method(
    "KERPLE, product (2022)", "biases.kerple_product", "KerpleProduct", "scores",
    more={"kerple_weight": ("distance, a, p", "factors ``[N, ...]``")},
    builds={"kerple-product": Maker(KerpleProduct.init, _HEADS)},
    cases={"kerple-product": lambda key: Case(KerpleProduct.init(key, 4, biased=True))},
    catalogue="KERPLE, product form", arxiv="2205.09921"),
  Method(
    "Sandwich (2022)", "biases.sandwich", "Sandwich", "scores",
    {"sandwich_bias": ("distance, frequencies, gains", _BIAS)},
    builds={"sandwich": Maker(Sandwich, _HEADS, {"base": lambda s: s.base})},
    cases={"sandwich": lambda key: Case(Sandwich(4, dim=8))},
    catalogue="Sandwich", arxiv="2212.10356", goldens="attn-gym 0.0.17"),
  Method(
    "dynamic position bias, one axis", "biases.dynamic_position", "DynamicPosition", "scores",
    more={"dynamic_position_bias": ("distance, weights", _BIAS)},
    builds={"dynamic-position": Maker(DynamicPosition.init, _HEADS)},
    cases={"dynamic-position": lambda key: Case(
      DynamicPosition.init(key, 4, hidden=8, log_distance=True))},
    catalogue="dynamic position bias, 1-D", arxiv="2108.00154", goldens="x-transformers 2.31.10"),
  Method(
    "learned Toeplitz (TNN's rule)", "biases.toeplitz", "Toeplitz", "scores",
    more={"toeplitz_bias": ("distance, weights, decay", _BIAS)},
    builds={"toeplitz": Maker(Toeplitz.init, _HEADS)},
    cases={"toeplitz": lambda key: Case(Toeplitz.init(key, 4, hidden=8, depth=1, decay=0.9))},
    arxiv="2305.04749"),
  Method(
    "learned table of clipped distances", "biases.distance_table", "DistanceTable", "scores",
    more={"distance_table_bias": ("distance, table", _BIAS)},
    builds={"distance-table": Maker(DistanceTable.init, _HEADS)},
    cases={"distance-table": lambda key: Case(
      DistanceTable.init(key, 4, max_distance=5, stddev=1.0))},
    arxiv="1803.02155"),
  Method(
    "learned table of DeBERTa's buckets", "biases.deberta_bias", "DebertaBias", "scores",
    more={"deberta_bias": ("distance, table", _BIAS)},
    builds={"deberta-bias": Maker(DebertaBias.init, _HEADS)},
    cases={"deberta-bias": lambda key: Case(
      DebertaBias.init(key, 4, bucket_size=4, max_position=8, stddev=1.0), causal=False)},
    arxiv="2006.03654", goldens="transformers 5.23.0"),
)
