# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles for encodings that are added to the embeddings."""

import math

import numpy as np

from tests.oracles import exact


def sinusoidal(positions, dim, *, base=10_000.0, layout="interleaved", divisor="paper"):
  """The sinusoidal table of Vaswani et al. 2017 (1706.03762), section 3.5.

  With n = ceil(dim / 2) frequencies w_i, i = 0..n-1:

    divisor="paper"          w_i = base^(-2i/dim)
    divisor="tensor2tensor"  w_i = base^(-i/(n-1)), and w_0 = 1 where n = 1

    layout="interleaved"  PE[p, 2i] = sin(p w_i), PE[p, 2i+1] = cos(p w_i)
    layout="halves"       PE[p, i] = sin(p w_i), PE[p, n+i] = cos(p w_i)

  An odd dim has one sine more than cosines: the last frequency has no cosine column. (The original
  tensor2tensor code, which is "halves", pads a column of zeros there instead and takes
  n = dim // 2; this function does not follow it for odd widths.)

  Args: positions [T], integer or real. Returns: [T, dim] float64.
  """
  count = (dim + 1) // 2
  table = np.zeros((len(positions), dim))
  for i in range(count):
    exponent = (-2 * i, dim) if divisor == "paper" else (-i, max(count - 1, 1))
    frequency = exact.power(base, exponent)
    for row, position in enumerate(positions):
      sine_column, cosine_column = (2 * i, 2 * i + 1) if layout == "interleaved" else (i, count + i)
      table[row, sine_column] = exact.sin(position, frequency)
      if cosine_column < dim:
        table[row, cosine_column] = exact.cos(position, frequency)
  return table


def growing_sine(positions, dim):
  """Tutorial formula (a): PE[p, j] = sin(p * 10000^(j/dim)) / 10^(j/dim), j = 0..dim-1.

  The frequency grows with j where the paper's falls, and no cosine appears. Returns: [T, dim].
  """
  table = np.zeros((len(positions), dim))
  for j in range(dim):
    frequency = exact.power(10_000, (j, dim))
    amplitude = float(exact.power(10, (-j, dim)))
    for row, position in enumerate(positions):
      table[row, j] = exact.sin(position, frequency) * amplitude
  return table


def doubled_exponent(positions, dim):
  """Tutorial formula (b): the paper's table with 2i/dim where i already counts the even columns.

  For even c = 0, 2, 4, ...: PE[p, c] = sin(p / 10000^(2c/dim)), PE[p, c+1] = cos(the same). So the
  wavelengths span 2 pi .. 10000^2 * 2 pi: half of the columns hardly move. Returns: [T, dim].
  """
  table = np.zeros((len(positions), dim))
  for column in range(0, dim, 2):
    frequency = exact.power(10_000, (-2 * column, dim))
    for row, position in enumerate(positions):
      table[row, column] = exact.sin(position, frequency)
      if column + 1 < dim:
        table[row, column + 1] = exact.cos(position, frequency)
  return table


def one_frequency_pair(positions, amplitude):
  """Tutorial formula (c): E(t) = P sin(2 pi t / 10000) and E(t+T) = P cos(2 pi t / 10000).

  Args: positions [T]; amplitude P, a scalar or [D]. Returns: the two arrays, [T, D] each ([T, 1]
  for a scalar P). The formula's embedding is X + E(t) + E(t+T).
  """
  amplitude = np.atleast_1d(np.asarray(amplitude, float))
  # 2 pi t / 10000 is t ten-thousandths of a turn.
  frequency = exact.quotient(exact.TWO_PI, 10_000)
  first = np.zeros((len(positions), len(amplitude)))
  second = np.zeros_like(first)
  for row, t in enumerate(positions):
    for column, p in enumerate(amplitude):
      first[row, column] = p * exact.sin(t, frequency)
      second[row, column] = p * exact.cos(t, frequency)
  return first, second


def halved_matrix(positions, d_model):
  """Tutorial formula (d): P sin + P cos, P D x T with sines in its upper rows, cosines below.

  Args: positions [T]; d_model D, even. Returns: [T, D] float64, what is added to the embeddings.
  """
  frequency = exact.quotient(exact.TWO_PI, 10_000)
  matrix = np.zeros((d_model, len(positions)))
  for column, t in enumerate(positions):
    for row in range(d_model):
      wave = exact.sin if row < d_model // 2 else exact.cos
      matrix[row, column] = wave(t, frequency)
  first, second = np.zeros_like(matrix), np.zeros_like(matrix)
  for column, t in enumerate(positions):
    first[:, column] = matrix[:, column] * exact.sin(t, frequency)
    second[:, column] = matrix[:, column] * exact.cos(t, frequency)
  return (first + second).T


def learned(positions, table):
  """A learned table's rows, table[p] (Devlin et al. 2018, 1810.04805); NaN outside the table.

  Args: positions [T] integer; table [L, D]. Returns: [T, D] float64.
  """
  rows = np.full((len(positions), table.shape[1]), math.nan)
  for row, position in enumerate(positions):
    if 0 <= int(position) < table.shape[0]:
      rows[row] = table[int(position)]
  return rows
