# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Geometry of the strip kernel: which blocks see which, and the line that holds their biases.

With e = j - i (key row minus query row), a tile of ``block_q`` x ``block_k`` scores at (i0, j0)
needs a bias that depends on e alone. LANES rows of it are one skewed window of the vector of
biases, S[h, r, x] = b_h(x + origin - r), and the next LANES rows are the same window LANES columns
further left. So a kernel reads a few pieces of a line of T + S numbers a head, skews them once for
a tile and puts the tile together from slices at multiples of LANES, which are free of shuffles on a
TPU.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LANES = 128


class Geometry(NamedTuple):
  """Everything static about one call; hashable.

  Attributes:
    t, s: T and S, before padding.
    block_q, block_k: rows and columns of a tile, multiples of LANES.
    low, high: pairs with low <= j - i <= high are visible.
    scale: multiplies q k^T.
    interpret: what ``pallas_call`` takes.
    segments: whether tokens have segment ids, and only equal ones see each other.
  """

  t: int
  s: int
  block_q: int
  block_k: int
  low: int
  high: int
  scale: float
  interpret: Any
  segments: bool = False

  @property
  def rows(self) -> int:
    """Blocks of queries."""
    return math.ceil(self.t / self.block_q)

  @property
  def columns(self) -> int:
    """Blocks of keys."""
    return math.ceil(self.s / self.block_k)

  @property
  def unit(self) -> int:
    """Width of the line's pieces: every tile's j0 - i0 is a multiple of it."""
    return math.gcd(self.block_q, self.block_k)

  @property
  def window(self) -> int:
    """Columns of the skewed window that holds one tile, in whole units."""
    return math.ceil((self.block_q - LANES + self.block_k) / self.unit) * self.unit

  @property
  def pieces(self) -> int:
    """Neighbouring pieces of the line that hold one window: skewing takes LANES - 1 more."""
    return self.window // self.unit + 1

  @property
  def pairs(self) -> int:
    """Pairs of rows in the tiles that are visited: what kernels tell the compiler they do."""
    blocks = [self.key_blocks(row) for row in range(self.rows)]
    return sum(max(last - first + 1, 0) for first, last in blocks) * self.block_q * self.block_k

  @property
  def hides(self) -> bool:
    """Whether any distance is hidden."""
    return self.low > 1 - self.t or self.high < self.s - 1

  def square(self) -> "Geometry":
    """The same scores in square blocks, so that whole tiles lie on block diagonals."""
    return self._replace(block_q=self.unit, block_k=self.unit)

  def key_blocks(self, row):
    """First and last block of keys that block ``row`` of queries sees; last < first if none.

    ``row`` is an int or, inside a kernel and its index maps, an int32 scalar.
    """
    start = row * self.block_q
    last = _floor(start + (self.block_q - 1 + self.high), self.block_k)
    return (_floor(_at_least(start + self.low, 0), self.block_k), _at_most(last, self.columns - 1))

  def query_blocks(self, column):
    """First and last block of queries that see block ``column`` of keys; last < first if none."""
    start = column * self.block_k
    last = _floor(start + (self.block_k - 1 - self.low), self.block_q)
    return (_floor(_at_least(start - self.high, 0), self.block_q), _at_most(last, self.rows - 1))

  @property
  def key_steps(self) -> int:
    """The most blocks of keys that one block of queries sees, at least 1."""
    return max(1, *(last - first + 1 for first, last in map(self.key_blocks, range(self.rows))))

  @property
  def query_steps(self) -> int:
    """The most blocks of queries that see one block of keys, at least 1."""
    return max(1, *(last - first + 1
                    for first, last in map(self.query_blocks, range(self.columns))))

  @property
  def first_diagonal(self) -> int:
    """The least (j0 - i0) / unit of any visible tile."""
    return max(-(self.rows - 1) * self.block_q // self.unit,
               -((self.block_k - 1 - self.low) // self.unit))

  @property
  def last_diagonal(self) -> int:
    """The greatest (j0 - i0) / unit of any visible tile."""
    return min((self.columns - 1) * self.block_k // self.unit,
               (self.high + self.block_q - 1) // self.unit)

  @property
  def diagonals(self) -> int:
    return self.last_diagonal - self.first_diagonal + 1

  def piece(self, row, column):
    """The piece of the line that begins a tile's bias; in range for unseen tiles too."""
    at = column * (self.block_k // self.unit) - row * (self.block_q // self.unit)
    return _at_most(_at_least(at - self.first_diagonal, 0), self.diagonals - 1)


def hide(vector: jax.Array, geometry: Geometry) -> jax.Array:
  """The vector with -inf at distances that are hidden, which the kernels then need not work out.

  It is also data to the compiler. libtpu works out a mask of block numbers where a grid has one
  block, leaves out the transposition of the biases under it and fails on what is left (T 256 and
  512, causal, v5e).

  Args:
    vector: ``[N, T+S-1]``, the bias of i - j at index i - j + S - 1.
    geometry: the geometry.
  """
  if not geometry.hides:
    return vector
  e = jnp.arange(geometry.s - 1, -geometry.t, -1, dtype=jnp.int32)
  seen = (e >= geometry.low) & (e <= geometry.high)
  return jnp.where(seen[None], vector.astype(jnp.float32), -jnp.inf)


def make_line(vector: jax.Array, geometry: Geometry) -> jax.Array:
  """line[h, 0, y] = vector[h, S - 1 - e] with e = y + origin - LANES + 1, 0 where no pair has it.

  So row r and column x of the window that begins at piece p are line[p * unit + x - r + LANES - 1].

  Args:
    vector: ``[N, T+S-1]``, the bias of i - j at index i - j + S - 1.
    geometry: the geometry; the line covers the diagonals of its visible tiles.

  Returns:
    float32 ``[N, 1, Y]``, Y = (geometry.diagonals - 1 + geometry.pieces) * geometry.unit.
  """
  origin = geometry.first_diagonal * geometry.unit - (geometry.block_q - LANES)
  length = (geometry.diagonals - 1 + geometry.pieces) * geometry.unit
  # The vector, reversed, starts at e = 1 - T.
  start = origin - (LANES - 1) - (1 - geometry.t)
  line = jnp.flip(vector.astype(jnp.float32), axis=1)
  line = jax.lax.pad(line, jnp.float32(0), ((0, 0, 0), (-start, start + length - line.shape[1], 0)))
  return line[:, None, :]


def _floor(x, divisor: int) -> Any:
  """floor(x / divisor), for -1 in place of anything negative."""
  if isinstance(x, int):
    return max(x, -1) // divisor
  return jax.lax.div(jnp.maximum(x, -1) + divisor, jnp.int32(divisor)) - 1


def _at_least(x, bound: int) -> Any:
  return max(x, bound) if isinstance(x, int) else jnp.maximum(x, bound)


def _at_most(x, bound: int) -> Any:
  return min(x, bound) if isinstance(x, int) else jnp.minimum(x, bound)
