# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that change the softmax or its temperature."""

import posenc_jax as px
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "log-n temperature", "softmax.temperature", "LogNTemperature", "q",
    {"log_n_temperature": ("query positions", "factors of q")},
    builds={"log-n": lambda s, key: px.LogNTemperature(s.train_length)}),
  Method(
    "SSMax (2025)", "softmax.temperature", "SSMax", "scores",
    {"ssmax_scores": ("scores, mask, s", "scores")},
    builds={"ssmax": lambda s, key: px.SSMax.init(key, s.heads)},
    cases={"ssmax": lambda key: Case(
      px.chain(px.Alibi(4), px.SSMax.init(key, 4, offset=True)))}),
)
