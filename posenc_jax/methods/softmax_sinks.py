# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that change the softmax or its temperature."""

from posenc_jax.encodings.softmax.affine_temperature import AffineTemperature
from posenc_jax.encodings.softmax.constant_temperature import (
  ConstantTemperature,
  drope_temperature,
  yarn_temperature,
)
from posenc_jax.encodings.softmax.driven_sink import DrivenSink
from posenc_jax.encodings.softmax.meta_tokens import MetaTokens
from posenc_jax.encodings.softmax.sink import Sink
from posenc_jax.encodings.softmax.softmax_one import SoftmaxOne
from posenc_jax.encodings.softmax.stepped_temperature import SteppedTemperature
from posenc_jax.encodings.softmax.stick_breaking import StickBreaking
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _drope(factor, c=0.412):
  return ConstantTemperature(drope_temperature(factor, c=c))


def _yarn(factor):
  return ConstantTemperature(yarn_temperature(factor))


_LONGER = {"factor": lambda s: s.length / s.train_length}

METHODS = (
  Method(
    "temperature by steps (Llama 4, Ministral 3)", "softmax.stepped_temperature",
    "SteppedTemperature", "q", {"stepped_temperature": ("query positions", "factors of q")},
    builds={"llama-4": Maker(SteppedTemperature, defaults={"length": lambda s: s.train_length},
                             fixed={"shift": 1}),
            "ministral": Maker(SteppedTemperature, defaults={"length": lambda s: s.train_length},
                               fixed={"shift": 0})},
    cases={"llama-4": lambda key: Case(SteppedTemperature(0.7, 2)),
           "ministral": lambda key: Case(SteppedTemperature(0.7, 2, 0))},
    catalogue="Llama 4 temperature", directions="causal", goldens="transformers 5.23.0"),
  Method(
    "affine log temperature (Mistral Large 4)", "softmax.affine_temperature", "AffineTemperature",
    "q", {"affine_temperature": ("query positions, s, b", "factors of q")},
    builds={"affine-log": Maker(AffineTemperature.init, {"num_heads": "heads"})},
    cases={"affine-log": lambda key: Case(AffineTemperature.init(key, 4, s=0.4, b=0.7))},
    directions="causal"),
  Method(
    "one temperature (DroPE's, YaRN's)", "softmax.constant_temperature", "ConstantTemperature", "q",
    more={"drope_temperature": ("a factor of length", "a number"),
          "yarn_temperature": ("a factor of length", "a number")},
    builds={"drope-temperature": Maker(_drope, defaults=_LONGER),
            "yarn-temperature": Maker(_yarn, defaults=_LONGER)},
    catalogue="DroPE's temperature", arxiv="2512.12167"),
  Method(
    "learned sinks (gpt-oss)", "softmax.sink", "Sink", "softmax",
    {"sink_weights": ("scores, mask, sinks", "weights")},
    builds={"sink": Maker(Sink.init, {"num_heads": "heads"})},
    cases={"sink": lambda key: Case(Sink.init(key, 4, stddev=1.0))},
    goldens="transformers 5.23.0"),
  Method(
    "softmax with one more in the denominator", "softmax.softmax_one", "SoftmaxOne", "softmax",
    builds={"softmax-one": Maker(SoftmaxOne)}, goldens="torch 2.14.1"),
  Method(
    "sinks that depend on the token (Inkling 2)", "softmax.driven_sink", "DrivenSink", "softmax",
    {"driven_sinks": ("a layer's input, weights", "sinks ``[..., T, N]``")},
    builds={"driven-sink": Maker(DrivenSink.init, {"d_model": "d_model", "num_heads": "heads"})},
    cases={"driven-sink": lambda key: Case(DrivenSink.init(key, 16, 4, stddev=0.5, bias=True))},
    goldens="transformers 5.23.0"),
  Method(
    "stick-breaking (2024), with and without the remainder", "softmax.stick_breaking",
    "StickBreaking", "softmax", {"stick_breaking_weights": ("scores, mask", "weights")},
    builds={"stick-breaking": Maker(StickBreaking),
            "stick-breaking-rest": Maker(StickBreaking, fixed={"remainder": False})},
    catalogue="stick-breaking", arxiv="2410.17980", directions="causal", goldens="fla-core 0.6.0"),
  Method(
    "meta tokens' visibility (Hymba)", "softmax.meta_tokens", "MetaTokens", "who sees whom",
    {"meta_visible": ("query and key positions, sizes", "bool ``[..., T, S]``")},
    builds={"meta-tokens": Maker(MetaTokens, defaults={
      "num_meta": lambda s: 4, "window": lambda s: s.train_length})},
    cases={"meta-tokens": lambda key: Case(MetaTokens(2, 3))},
    catalogue="meta tokens (Hymba)", arxiv="2411.13676", directions="causal"),
)
