# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that are added to the embeddings."""

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case

METHODS = (
  Method(
    "sinusoidal (Vaswani 2017), both layouts and divisors", "inputs.sinusoidal", "Sinusoidal",
    "embeddings", {"sinusoidal": ("positions", "``[..., d_model]``")},
    {"sinusoidal_frequencies": ("d_model, base", "frequencies")},
    {"sinusoidal": Maker(px.Sinusoidal, {"d_model": "d_model"}, {"base": lambda s: s.base})},
    arxiv="1706.03762", goldens="transformers 5.23.0: XLM, Marian, M2M100"),
  Method(
    "four formulas from tutorials, as they stand, with what each costs", "inputs.sinusoidal", "",
    "embeddings", {
      "tutorial_growing_angle": ("a length", "``[T, d_model]``"),
      "tutorial_doubled_exponent": ("a length", "``[T, d_model]``"),
      "tutorial_one_frequency": ("embeddings", "embeddings"),
      "tutorial_halved_matrix": ("embeddings", "embeddings")}),
  Method(
    "learned absolute", "inputs.learned", "Learned", "embeddings",
    {"lookup": ("table, positions", "``[..., D]``")},
    # As large as a token's embedding: from 0.02, as in BERT, short runs hardly learn the table.
    builds={"learned": Maker(px.Learned.init, {"length": "length", "d_model": "d_model"},
                             {"stddev": lambda s: 0.5})},
    cases={"learned": lambda key: Case(px.Learned.init(key, 8, 16), far=False)},
    arxiv="1705.03122", goldens="transformers 5.23.0: RoBERTa, OPT"),
)
