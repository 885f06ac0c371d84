# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every encoding passes the parity contract; broken encodings fail the check that names them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import methods, testing
from tests.support.made_up import Fading

KEY = jax.random.key(0)


def case(encoding, **sizes):
  return lambda: testing.Case(encoding(), **sizes)


# Every method of the table, and variants. Built late, so that collecting tests computes nothing.
CASES = methods.contract_cases(KEY) | {
  "sinusoidal-halves": case(lambda: px.Sinusoidal(16, layout="halves", divisor="last")),
  "rotary-partial-interleaved": case(lambda: px.Rotary(4, base=100.0, pairing="interleaved")),
  "rotary-learned": case(lambda: px.Rotary.from_frequencies(jnp.array([1.0, 0.1, 0.01]))),
  "t5-bidirectional": case(
    lambda: px.T5Bias.init(KEY, 4, bidirectional=True, num_buckets=8, max_distance=6, stddev=1.0),
    causal=False),
  "chain": case(lambda: px.chain(px.Sinusoidal(16), px.Rotary(8), px.Alibi(4))),
  "shaw-keys": case(lambda: px.Shaw.init(KEY, 8, values=False)),
  "shaw-values": case(lambda: px.Shaw.init(KEY, 8, keys=False)),
  "rotary-and-vo-rotary": case(lambda: px.chain(px.Rotary(8), px.VORotary(8))),
  "m-rotary-interleaved": case(
    lambda: px.MRotary((2, 1, 1), interleaved=True, pairing="interleaved"),
    make_positions=methods.three_axes),
  "alibi-log-n": case(lambda: px.chain(px.Alibi(4), px.LogNTemperature(4))),
  "cope-unscaled-per-head": case(
    lambda: px.Cope.init(KEY, 4, 8, num_heads=4, scaled=False, stddev=0.5)),
  "rotary-and-fox": case(lambda: px.chain(px.Rotary(8), px.Fox.init(KEY, 16, 4, stddev=0.5))),
  "made-up": case(lambda: Fading(np.linspace(0.5, 2.0, 4, dtype=np.float32))),
}


# Variants of methods that are in the list already: compiling them all would take minutes.
VARIANTS = {
  "sinusoidal-halves", "rotary-learned", "t5-bidirectional", "shaw-keys", "shaw-values",
  "rotary-and-vo-rotary", "m-rotary-interleaved", "alibi-log-n", "cope-unscaled-per-head",
  "rotary-and-fox", "dape",
  # Rotary, or RotaryOnRead, of other frequencies.
  "rotary-linear", "rotary-ntk", "rotary-ntk-alpha", "rotary-dynamic-ntk", "rotary-by-parts",
  "rotary-yarn", "rotary-dynamic-yarn", "rotary-longrope", "rotary-llama3", "rotary-mrrope",
  "rotary-abf", "rotary-resonance", "rotary-proportional", "leaky-rerope",
  "shifted-rotary-released",
}


# What compiles most: chains take ten programs an encoding, whole rows beyond the threshold take
# large ones, and kernels of shared hooks were tried with another encoding.
FAST_ONLY = {
  "chains": {"alibi"},
  "auto": {"none", "rotary", "alibi", "alibi-bidirectional", "t5", "fire", "chain", "ssmax", "fox",
           "made-up", "m-rotary", "pope"},
  "heads": {"rotary", "alibi", "t5", "shaw", "cope", "fox", "ssmax", "dape-v2"},
}


# Methods whose every check is fast: between them they answer every hook. Of the others the checks
# that find most are fast, and the slow suite runs all.
CORE = {
  "none", "sinusoidal", "randomized", "rotary", "vo-rotary", "m-rotary", "pope", "alibi", "t5",
  "fire", "shaw", "cope", "fox", "ssmax", "chain", "made-up",
}
FINDS_MOST = {"decode"}


def _is_slow(name, check):
  if name in VARIANTS or name not in CORE and check not in FINDS_MOST:
    return True
  return name not in FAST_ONLY.get(check, {name})


@pytest.mark.parametrize("name, check", [
  pytest.param(name, check, marks=pytest.mark.slow if _is_slow(name, check) else ())
  for name in CASES for check in testing.CHECKS])
def test_contract(name, check):
  testing.check_encoding(CASES[name](), only=check)
