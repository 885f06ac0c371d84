# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of continuous random positions (2602.14050): where draws stand on average."""


def grid(position, trained, present):
  """(2i - 1) / (2 max(trained, present)) of the i-th token, i counted from 1."""
  i = position + 1
  return (2 * i - 1) / (2 * max(trained, present))


def mean(position, length):
  """The mean of the i-th smallest of ``length`` uniform draws."""
  return (position + 1) / (length + 1)
