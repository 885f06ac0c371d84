# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles of drawn positions: what every draw must satisfy, as loops over a row."""


def shift_faults(before, after, maximum):
  """What is wrong with SHAPE's row (Kiyono et al. 2021, 2109.05644): one k in [0, maximum)."""
  moved = {int(b) - int(a) for a, b in zip(before, after, strict=True) if a >= 0}
  stays = [a for a, b in zip(before, after, strict=True) if a < 0 and a != b]
  return [f"moved by {sorted(moved)}"] * (
    len(moved) != 1 or not 0 <= min(moved) < maximum) + [f"padding moved: {stays}"] * bool(stays)
