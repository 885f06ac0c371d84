# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles of positions in a graph: what eigenvectors must satisfy, and walks counted path by path.

Dwivedi and Bresson 2020, 2012.09699; Dwivedi et al. 2021, 2110.07875.
"""

import math

import numpy as np


def laplacian(adjacency):
  """I - D^(-1/2) A D^(-1/2), entry by entry."""
  n = len(adjacency)
  degree = [math.fsum(row) for row in adjacency]
  out = np.zeros((n, n))
  for i in range(n):
    for j in range(n):
      out[i, j] = float(i == j)
      if adjacency[i][j]:
        out[i, j] -= adjacency[i][j] / math.sqrt(degree[i] * degree[j])
  return out


def returns(adjacency, steps):
  """The chance to stand at the start after 1 .. steps steps, for every node: [T, steps]."""
  n = len(adjacency)
  out = np.zeros((n, steps))
  for start in range(n):
    chance = [float(i == start) for i in range(n)]
    for step in range(steps):
      new = [0.0] * n
      for i in range(n):
        degree = max(math.fsum(adjacency[i]), 1)
        for j in range(n):
          new[j] += chance[i] * adjacency[i][j] / degree
      chance = new
      out[start, step] = chance[start]
  return out
