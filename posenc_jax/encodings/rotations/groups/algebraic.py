# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Algebraic encoding of trees: a path is a product of learned rotations (hook ``qk``).

Kogkalidis et al. 2023, "Algebraic Positional Encodings", arXiv 2312.16045, formula read
second-hand: an orthogonal matrix W_b for each branch; a node reached by b_1 .. b_d has
M = W_b1 .. W_bd, and the score is (M_m q) . (M_n k) = q . W_path k, because what the two paths
share cancels. Grids of the paper, with commuting matrices an axis, are ``ComRope`` of kind "ap".
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks, _skew


def tree_paths(nodes: Any, depth: int, branches: int = 2) -> Any:
  """Paths from the root to nodes of a complete tree, numbered row by row from the root's 0.

  Args:
    nodes: integers ``[..., T]``, from 0.
    depth: P, the longest path; of deeper nodes the last branches count.
    branches: children of each node; child c of node n is ``branches * n + c``, c = 1 .. branches.

  Returns:
    int32 ``[..., T, P]``: branches 1 .. ``branches`` from the root down, zeros in front; NumPy for
    NumPy.

  Raises:
    TypeError: nodes that are no integers.

  Example:
    >>> import numpy as np
    >>> tree_paths(np.arange(7), 2).tolist()
    [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [2, 2]]
  """
  nodes = _align.numbers(nodes, "nodes")
  depth = _checks.size("depth", depth, "Pass the depth of the tree")
  branches = _checks.size("branches", branches, "A binary tree has 2")
  xp: Any = jnp if isinstance(nodes, jax.Array) else np
  path = []
  for _ in range(depth):  # from the node up
    above = nodes > 0
    path.append(xp.where(above, (nodes - 1) % branches + 1, 0))
    nodes = xp.where(above, (nodes - 1) // branches, 0)
  return xp.stack(path[::-1], axis=-1).astype(np.int32)


def path_rotation(x: jax.Array, positions: Any, generators: jax.Array) -> jax.Array:
  """W_b1 (W_b2 (.. (W_bd x))) with W_b = exp(S_b), S_b the skew matrix of an upper triangle.

  Args:
    x: ``[..., T, N, H]``.
    positions: int ``[..., T, P]``: branches from the root down, 1 .. L; 0 is no branch.
    generators: ``[L, K, H, H]``, for each of K key heads or K = 1.

  Returns:
    Like x.

  Raises:
    TypeError: positions that are no integers.
    ValueError: shapes that do not fit.

  Example:
    >>> w = jnp.array([[0.0, -jnp.pi / 2], [0.0, 0.0]])[None, None]
    >>> path_rotation(jnp.ones((2, 1, 2)), jnp.array([[0], [1]]), w).round(3)[1].tolist()
    [[-1.0, 1.0]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  generators = jnp.asarray(_checks.floats("generators", generators, "[L, K, H, H']",
                                          "Build them with TreePaths.init(key, head_dim)"))
  _blocks.check_width(x, generators.shape[-1], "generators")
  dtype = _numerics.wide(x)
  paths = jnp.asarray(_align.align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions",
                                         real=False))
  w = _skew.exponential(_skew.upper_skew(generators.astype(dtype)))
  y = _blocks.key_groups(x.astype(dtype), w.shape[1], "generators")
  for step in range(paths.shape[-1] - 1, -1, -1):
    moved = jnp.einsum("lkij,...kmj->l...kmi", w, y, precision=jax.lax.Precision.HIGHEST)
    label = paths[..., step][..., None, None, None]
    for branch in range(w.shape[0]):
      y = jnp.where(label == branch + 1, moved[branch], y)
  return y.reshape(x.shape).astype(x.dtype)


@encoding
class TreePaths(Encoding):
  """Scores q . W_path k between nodes of a tree; positions are paths, ``tree_paths`` makes them.

  Args:
    generators: ``[L, K, H, H]``, a parameter: for each branch and key head (K = 1: shared) the
      upper triangle of a skew matrix.
    depth: static; P, branches of the longest path.

  Raises:
    ValueError: generators of another shape; in a call, heads that do not fit them.

  Example:
    >>> e = TreePaths.init(jax.random.key(0), head_dim=4, branches=2, depth=3)
    >>> x = jnp.ones((7, 1, 4)); at = tree_paths(jnp.arange(7), 3)
    >>> e.qk(x, x, at, at)[0].shape
    (7, 1, 4)
  """

  generators: jax.Array = parameter()
  depth: int = static(default=8)

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return self.depth

  def __post_init__(self):
    _checks.size("depth", self.depth, "Pass the depth of the tree")
    g = _checks.floats("generators", self.generators, "[L, K, H, H']",
                       "Build them with TreePaths.init(key, head_dim)", stacked=True)
    if g.shape[-1] != g.shape[-2]:
      raise _errors.value_error("generators", f"shape {g.shape}", "[L, K, H, H]",
                                "Build them with TreePaths.init(key, head_dim)")

  @classmethod
  def init(cls, key, head_dim: int, *, branches: int = 2, depth: int = 8, num_heads: int = 1,
           stddev: float = 1.0) -> "TreePaths":
    """Draws the upper triangles from N(0, stddev^2)."""
    shape = (_checks.size("branches", branches, "A binary tree has 2"),
             _checks.size("num_heads", num_heads, "1 shares the matrices"),
             *[_checks.size("head_dim", head_dim, "Pass the head dim H", least=2)] * 2)
    return cls(stddev * jax.random.normal(_checks.key(key), shape, jnp.float32), depth)

  def qk(self, q, k, q_positions, k_positions):
    _blocks.check_key_heads(k, self.generators.shape[1], "generators")
    turn = lambda x, at: path_rotation(x, at, self.generators)
    return turn(q, q_positions), turn(k, k_positions)
