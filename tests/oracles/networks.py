# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of small networks as loops over their outputs."""

import math


def linear(x, weight, bias=None):
  """y_o = sum_i x_i w_io + b_o of a list x."""
  return [math.fsum(x[i] * weight[i, o] for i in range(len(x)))
          + (0.0 if bias is None else bias[o]) for o in range(weight.shape[1])]


def relu(x):
  return [max(0.0, a) for a in x]


def silu(x):
  """a sigmoid(a), by tanh so that no exponential overflows."""
  return [a * 0.5 * (1 + math.tanh(0.5 * a)) for a in x]


def layer_norm(x, gain, shift, eps=1e-5):
  mean = math.fsum(x) / len(x)
  variance = math.fsum((a - mean) ** 2 for a in x) / len(x)
  return [(a - mean) / math.sqrt(variance + eps) * g + s
          for a, g, s in zip(x, gain, shift, strict=True)]


def rms_norm(x):
  root = math.sqrt(math.fsum(a * a for a in x) / len(x))
  return [a / root for a in x] if root else x
