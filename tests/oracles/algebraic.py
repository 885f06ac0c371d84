# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trees (2312.16045): q . W_path k with W_path read from the two paths' common ancestor."""

import numpy as np

from tests.oracles.matrices import exponential, upper_skew


def node_path(node, branches=2):
  """Branches from the root to a node of a complete tree in heap order."""
  steps = []
  while node:
    steps.append((node - 1) % branches + 1)
    node = (node - 1) // branches
  return steps[::-1]


def tree_scores(q, k, paths, generators):
  """[N, T, T]: up from the query to the common ancestor, then down to the key.

  q [T, N, H]; k [T, K, H]; paths: lists of branches; generators [L, K', H, H].
  """
  group, shared = q.shape[1] // k.shape[1], q.shape[1] // generators.shape[1]
  out = np.zeros((q.shape[1], len(paths), len(paths)))
  for n in range(q.shape[1]):
    w = [exponential(upper_skew(g[n // shared])) for g in generators]
    for t, up in enumerate(paths):
      for s, down in enumerate(paths):
        common = 0
        while common < min(len(up), len(down)) and up[common] == down[common]:
          common += 1
        path = np.eye(q.shape[2])
        for branch in reversed(up[common:]):
          path = path @ w[branch - 1].T
        for branch in down[common:]:
          path = path @ w[branch - 1]
        out[n, t, s] = q[t, n] @ path @ k[s, n // group]
  return out
