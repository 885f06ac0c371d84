# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle for rotary over several axes with a free map, and for ladders of frequencies."""

import numpy as np

from tests.oracles import exact
from tests.oracles.rotary import rotate_vector


def axes_rotate(x, positions, frequencies, axes, *, pairing="half"):
  """Pair i of x [T, N, H] turned by positions[t][axes[i]] * frequencies[i]: [T, N, H] float64."""
  out = np.array(x, float)
  for t in range(x.shape[0]):
    angles = [exact.angle(positions[t][a], f) for a, f in zip(axes, frequencies, strict=True)]
    for n in range(x.shape[1]):
      out[t, n] = rotate_vector(x[t, n], angles, pairing)
  return out


def ladder(dim, base, count=None):
  """base^(-2i / dim), i below count (dim / 2 unless given)."""
  return [float(base) ** (-2 * i / dim) for i in range(dim // 2 if count is None else count)]


def blocks(dims, bases, order=None):
  """(frequencies, axes) of one ladder an axis, one after the other."""
  order = range(len(dims)) if order is None else order
  frequencies, axes = [], []
  for dim, base, axis in zip(dims, bases, order, strict=True):
    frequencies += ladder(dim, base)
    axes += [axis] * (dim // 2)
  return frequencies, axes
