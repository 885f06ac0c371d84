# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that add a function of positions to the scores."""

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "ALiBi (2021)", "biases.alibi", "Alibi", "scores", {
      "alibi_slopes": ("heads", "``[N]``"),
      "alibi_bias": ("distance, slopes", "bias ``[N, ...]``")},
    builds={"alibi": Maker(px.Alibi, {"num_heads": "heads"})},
    goldens="transformers 5.23.0: BLOOM, MPT; x-transformers 2.31.10", arxiv="2108.12409"),
  Method(
    "relative, T5's buckets", "biases.t5", "T5Bias", "scores", {
      "t5_bucket": ("relative_position (key - query)", "buckets"),
      "t5_bias": ("distance, table", "bias ``[N, ...]``")},
    {"t5_thresholds": ("buckets, distance", "first distances")},
    {"t5": Maker(px.T5Bias.init, {"num_heads": "heads"})},
    {"t5": lambda key: Case(
      px.T5Bias.init(key, 4, num_buckets=8, max_distance=16, stddev=1.0))},
    goldens="transformers 5.23.0, x-transformers 2.31.10", arxiv="1910.10683"),
  Method(
    "DeBERTa's buckets", "biases.deberta", "", "",
    {"deberta_bucket": ("relative_position (key - query)", "signed buckets")},
    {"deberta_thresholds": ("bucket size, largest position", "first distances")},
    goldens="transformers 5.23.0", arxiv="2006.03654"),
  Method(
    "FIRE (2023)", "biases.fire", "Fire", "scores",
    {"fire_bias": ("query and key positions, weights", "bias ``[..., N, T, S]``")},
    builds={"fire": Maker(px.Fire.init, {"num_heads": "heads"},
                          {"threshold": lambda s: s.train_length / 4})},
    cases={"fire": lambda key: Case(px.Fire.init(key, 4, threshold=4.0))}, arxiv="2310.04418"),
)
