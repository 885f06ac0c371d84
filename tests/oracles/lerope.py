# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for LeRoPE (2607.10134)."""

import decimal
import math

from tests.oracles import exact
from tests.oracles.rotary import rotate


def lerope_rotate(x, positions, frequencies, alpha, *, pairing="half"):
  """Plain rotary of the frequencies theta_i e^alpha_i, the product to 60 digits."""
  with decimal.localcontext(decimal.Context(prec=60)):
    learned = [exact.number(f) * exact.number(math.exp(float(a)))
               for f, a in zip(frequencies, alpha, strict=True)]
  return rotate(x, positions, learned, pairing=pairing)
