# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of sinusoids of several axes: a table an axis, by loops."""

import math

import numpy as np

from tests.oracles import exact


def grid_sinusoidal(positions, dim, *, base=10_000, layout="halves", divisor="dim", order=None):
  """One block of c = 2 ceil(dim / 2P) columns an axis, P axes, of which the first dim are kept.

  Column j of a block belongs to frequency i: w_i = base^(-2i/c), or base^(-i/(c/2 - 1)) for
  divisor "last". "halves": i sines, then i cosines. "interleaved": in turn. "sines": the sines of
  all axes before the cosines of all. positions [T, P]. Returns: [T, dim].
  """
  count = math.ceil(dim / (2 * len(positions[0])))
  order = order or range(len(positions[0]))
  table = []
  for position in positions:
    sines, cosines = [], []
    for axis in order:
      exponents = [(-i, count) if divisor == "dim" else (-i, max(count - 1, 1))
                   for i in range(count)]
      sines.append([exact.sin(position[axis], exact.power(base, e)) for e in exponents])
      cosines.append([exact.cos(position[axis], exact.power(base, e)) for e in exponents])
    if layout == "sines":
      row = [x for block in sines + cosines for x in block]
    elif layout == "halves":
      row = [x for pair in zip(sines, cosines, strict=True) for block in pair for x in block]
    else:
      row = [x for s, c in zip(sines, cosines, strict=True) for pair in zip(s, c, strict=True)
             for x in pair]
    table.append(row[:dim])
  return np.array(table)
