# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles: every encoding again, as float64 loops written from the papers.

They share no code with the package and are slow on purpose: one example, no batch axis, sizes of a
few tokens. q [T, N, H]; k, v [S, K, H] (query head n reads key head n // (N // K)); q_positions
[T]; k_positions [S]; a mask is [T, S] or [N, T, S], True where visible.
"""

from tests.oracles import exact
from tests.oracles.additive import (
  doubled_exponent,
  growing_sine,
  halved_matrix,
  learned,
  one_frequency_pair,
  sinusoidal,
)
from tests.oracles.biases import (
  alibi_bias,
  alibi_slopes,
  deberta_bucket,
  fire_bias,
  kerple_log_bias,
  kerple_power_bias,
  sandwich_bias,
  t5_bias,
  t5_bucket,
  t5_bucket_by_logs,
  t5_thresholds,
)
from tests.oracles.content import (
  cope_attention,
  cope_bias,
  cope_positions,
  distance_sinusoid,
  fox_attention,
  fox_bias,
  log_forget_gates,
  pope_attention,
  shaw_attention,
  sigmoid,
  softplus,
  transformer_xl_attention,
)
from tests.oracles.dense import (
  attention,
  attention_weights,
  scores,
  sees,
  softmax,
  visible,
)
from tests.oracles.remade import (
  dape_attention,
  dape_scores,
  log_n_attention,
  log_n_temperature,
  randomized_positions_faults,
  randomized_positions_mean,
  ssmax_attention,
)
from tests.oracles.rotary import (
  mrope_axes,
  mrope_rotate,
  pairs,
  rotary_attention,
  rotary_frequencies,
  rotate,
  rotate_vector,
  vo_rotary_attention,
)

__all__ = [
  "alibi_bias",
  "alibi_slopes",
  "attention",
  "attention_weights",
  "cope_attention",
  "cope_bias",
  "cope_positions",
  "dape_attention",
  "dape_scores",
  "deberta_bucket",
  "distance_sinusoid",
  "doubled_exponent",
  "exact",
  "fire_bias",
  "fox_attention",
  "fox_bias",
  "growing_sine",
  "halved_matrix",
  "kerple_log_bias",
  "kerple_power_bias",
  "learned",
  "log_forget_gates",
  "log_n_attention",
  "log_n_temperature",
  "mrope_axes",
  "mrope_rotate",
  "one_frequency_pair",
  "pairs",
  "pope_attention",
  "randomized_positions_faults",
  "randomized_positions_mean",
  "rotary_attention",
  "rotary_frequencies",
  "rotate",
  "rotate_vector",
  "sandwich_bias",
  "scores",
  "sees",
  "shaw_attention",
  "sigmoid",
  "sinusoidal",
  "softmax",
  "softplus",
  "ssmax_attention",
  "t5_bias",
  "t5_bucket",
  "t5_bucket_by_logs",
  "t5_thresholds",
  "transformer_xl_attention",
  "visible",
  "vo_rotary_attention",
]
