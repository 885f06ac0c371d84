# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for xPos (Sun et al. 2022, 2212.10554): each score by itself, so without a centre."""

import math

from tests.oracles import exact
from tests.oracles.rotary import pairs


def xpos_score(q, k, m, n, frequencies, *, gamma=0.4, scale_base=512.0, pairing="half"):
  """sum_i zeta_i^((m - n) / scale_base) times the product of pair i of q with that of k turned."""
  dim, total = 2 * len(frequencies), 0.0
  for i, (first, second) in enumerate(pairs(dim, pairing)):
    zeta = (2 * i / dim + gamma) / (1 + gamma)
    turn = exact.angle(exact.difference(n, m), frequencies[i])
    a, b = k[first], k[second]
    turned = (a * math.cos(turn) - b * math.sin(turn), b * math.cos(turn) + a * math.sin(turn))
    total += zeta ** (float(m - n) / scale_base) * (q[first] * turned[0] + q[second] * turned[1])
  return total + sum(q[c] * k[c] for c in range(dim, len(q)))
