# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that change the softmax or its temperature."""

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "log-n temperature", "softmax.temperature", "LogNTemperature", "q",
    {"log_n_temperature": ("query positions", "factors of q")},
    builds={"log-n": Maker(px.LogNTemperature,
                           defaults={"train_length": lambda s: s.train_length})},
    directions="causal"),
  Method(
    "SSMax (2025)", "softmax.temperature", "SSMax", "scores",
    {"ssmax_scores": ("scores, mask, s", "scores")},
    builds={"ssmax": Maker(px.SSMax.init, {"num_heads": "heads"})},
    cases={"ssmax": lambda key: Case(
      px.chain(px.Alibi(4), px.SSMax.init(key, 4, offset=True)))}, arxiv="2501.19399"),
)
