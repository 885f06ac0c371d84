# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of PoSE's positions with two chunks (Zhu et al. 2023, 2309.10400, section 3.3)."""


def faults(ids, length, maximum):
  """What is wrong with one row of ids of ``length`` tokens."""
  steps = [b - a for a, b in zip(ids, ids[1:], strict=False)]
  gaps = [i for i, step in enumerate(steps) if step != 1]
  wrong = ["does not start at 0"] * (ids[0] != 0) + ["beyond the maximum"] * (ids[-1] >= maximum)
  if len(gaps) > 1 or gaps and steps[gaps[0]] < 1:
    wrong.append(f"gaps after {gaps}")
  if gaps and gaps[0] + 1 > (length + 1) // 2:
    wrong.append("the first chunk is longer than half")
  return wrong
