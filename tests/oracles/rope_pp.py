# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for RoPE++ (2512.07525): the real or the imaginary part of a complex product."""

import cmath

from tests.oracles import exact
from tests.oracles.rotary import pairs


def rope_pp_score(q, k, m, n, frequencies, *, imaginary, pairing="half"):
  """Re or Im of sum_i conj(q_i) k_i e^(i (n - m) theta_i), the sign of Im as q turned by -90."""
  total = 0j
  for i, (first, second) in enumerate(pairs(2 * len(frequencies), pairing)):
    turn = cmath.exp(1j * exact.angle(exact.difference(n, m), frequencies[i]))
    total += complex(q[first], -q[second]) * complex(k[first], k[second]) * turn
  if not imaginary:
    return total.real
  # q turned by -90 degrees is q times -i, its conjugate times i: Re(i z) = -Im z.
  return -total.imag
