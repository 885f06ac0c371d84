# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Positions of nodes in a graph: eigenvectors of its Laplacian, or returns of random walks.

Dwivedi and Bresson 2020, "A Generalization of Transformer Networks to Graphs", arXiv 2012.09699,
section 2.1 (LapPE); Dwivedi et al. 2021, "Graph Neural Networks with Learnable Structural and
Positional Representations", arXiv 2110.07875, section 3.2 (RWPE). The functions run on the host, in
NumPy; a node's position is the row that they return, and the classes map it to the width of the
embeddings (hooks ``positions``, ``inputs``).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks, _rows
from posenc_jax.encodings.inputs import _add


def laplacian_positions(adjacency: Any, size: int) -> np.ndarray:
  """Eigenvectors 1 .. k of I - D^(-1/2) A D^(-1/2), by ascending eigenvalue; zeros beyond the last.

  Args:
    adjacency: A, ``[T, T]``, symmetric weights, 0 for no edge.
    size: k.

  Returns:
    float32 ``[T, k]``: node by eigenvector. Signs are arbitrary, as are directions where
    eigenvalues repeat.

  Raises:
    ValueError: a matrix that is not square, not symmetric or has negative entries; size < 1.

  Example:
    >>> abs(laplacian_positions([[0, 1], [1, 0]], 1)).round(4).tolist()
    [[0.707099974155426], [0.707099974155426]]

  References:
    Dwivedi and Bresson 2020, arXiv 2012.09699, equation 1.
  """
  a, size = _graph(adjacency), _checks.size("size", size, "Pass k, how many eigenvectors")
  if not np.array_equal(a, a.T):
    raise _errors.value_error("adjacency", "a matrix that is not symmetric", "an undirected graph",
                              "Add its transpose")
  degree = a.sum(axis=1)
  inverse = np.where(degree > 0, np.where(degree > 0, degree, 1) ** -0.5, 0)
  _, vectors = np.linalg.eigh(np.eye(len(a)) - inverse[:, None] * a * inverse[None])
  return _padded(vectors[:, 1:size + 1], size)


def random_walk_positions(adjacency: Any, size: int) -> np.ndarray:
  """The chance to be back after j steps of a random walk, j = 1 .. k: diagonals of (D^-1 A)^j.

  Args:
    adjacency: A, ``[T, T]``, weights of edges, 0 for none.
    size: k.

  Returns:
    float32 ``[T, k]``. A degree below 1 counts as 1.

  Raises:
    ValueError: a matrix that is not square or has negative entries; size < 1.

  Example:
    >>> random_walk_positions([[0, 1], [1, 0]], 2).tolist()
    [[0.0, 1.0], [0.0, 1.0]]

  References:
    Dwivedi et al. 2021, arXiv 2110.07875, equation 9.
  """
  a, size = _graph(adjacency), _checks.size("size", size, "Pass k, how many steps")
  step = a / np.maximum(a.sum(axis=1), 1)[:, None]
  walk, rows = np.eye(len(a)), []
  for _ in range(size):
    walk = walk @ step
    rows.append(np.diag(walk))
  return np.stack(rows, axis=-1).astype(np.float32)


def _graph(adjacency):
  a = np.asarray(adjacency, np.float64)
  if a.ndim != 2 or a.shape[0] != a.shape[1] or not np.isfinite(a).all() or (a < 0).any():
    raise _errors.value_error("adjacency", f"shape {a.shape}", "[T, T], entries not negative",
                              "Entry (i, j) is the weight of the edge, 0 for none")
  return a


def _padded(rows, size):
  missing = size - rows.shape[1]
  return np.pad(rows, ((0, 0), (0, missing))).astype(np.float32)


def _mapped(x, positions, weight, name):
  _add.check_width(x, weight.shape[-1], name)
  dtype = _numerics.wide(x, weight)
  positions = _add.aligned(x, positions, weight.shape[-2]).astype(dtype)
  return x + (positions @ jnp.asarray(weight).astype(dtype)).astype(x.dtype)


def _draw(key, size, d_model):
  size = _checks.size("size", size, "Pass k, the entries of a node's position")
  d_model = _checks.size("d_model", d_model, "Pass the model width D")
  return jax.random.normal(_checks.key(key), (size, d_model), jnp.float32) * size ** -0.5


@encoding
class LaplacianNodes(Encoding):
  """Adds a linear map of rows of eigenvectors; with a key, each eigenvector's sign is drawn anew.

  Args:
    weight: ``[k, D]``, a parameter; positions are ``[..., T, k]`` of ``laplacian_positions``.

  Raises:
    TypeError: a weight that is no float array.
    ValueError: a weight of another rank; in a call, another width or number of eigenvectors.

  Example:
    >>> e = LaplacianNodes.init(jax.random.key(0), size=2, d_model=4)
    >>> at = laplacian_positions(np.ones((3, 3)) - np.eye(3), 2)
    >>> e.inputs(jnp.zeros((3, 4)), e.positions(at, key=jax.random.key(1))).shape
    (3, 4)
  """

  weight: jax.Array = parameter()

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return self.weight.shape[-2]

  def __post_init__(self):
    _checks.floats("weight", self.weight, "[k, D]",
                   "Build it with LaplacianNodes.init(key, size, d_model)", stacked=True)

  @classmethod
  def init(cls, key, size: int, d_model: int) -> "LaplacianNodes":
    """Draws the weight from N(0, 1 / k)."""
    return cls(_draw(key, size, d_model))

  def positions(self, positions, *, key=None):
    if key is None:
      return positions
    positions = _rows.with_rows(positions, self.position_axes)
    # Drawn as int32, so that a key means the same signs in every precision.
    sign = lambda k: 2 * jax.random.randint(k, (self.position_axes,), 0, 2, jnp.int32) - 1
    flip = lambda k, p: p * sign(k).astype(p.dtype)[None]
    return _rows.each(flip, _rows.keys(key, positions.shape[:-2]), positions)

  def inputs(self, x, positions):
    return _mapped(x, positions, self.weight, "LaplacianNodes")


@encoding
class WalkNodes(Encoding):
  """Adds a linear map of the return probabilities of random walks.

  Args:
    weight: ``[k, D]``, a parameter; positions are ``[..., T, k]`` of ``random_walk_positions``.

  Raises:
    TypeError: a weight that is no float array.
    ValueError: a weight of another rank; in a call, another width or number of steps.

  Example:
    >>> e = WalkNodes.init(jax.random.key(0), size=2, d_model=4)
    >>> e.inputs(jnp.zeros((3, 4)), random_walk_positions(np.ones((3, 3)), 2)).shape
    (3, 4)
  """

  weight: jax.Array = parameter()

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return self.weight.shape[-2]

  def __post_init__(self):
    _checks.floats("weight", self.weight, "[k, D]",
                   "Build it with WalkNodes.init(key, size, d_model)", stacked=True)

  @classmethod
  def init(cls, key, size: int, d_model: int) -> "WalkNodes":
    """Draws the weight from N(0, 1 / k)."""
    return cls(_draw(key, size, d_model))

  def inputs(self, x, positions):
    return _mapped(x, positions, self.weight, "WalkNodes")
