# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING with circulant generators: phases between two Fourier transforms (hook ``qk``).

Schenck et al. 2025, "Learning the RoPEs: Better 2D and 3D Position Encodings with STRING", arXiv
2502.02562: R(r) = exp(sum_a r_a (C_a - C_a^T)), C_a circulant. Not the STRING of arXiv 2410.18745,
which shifts distances.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks


def circulant_rotation(x: jax.Array, positions: Any, columns: jax.Array) -> jax.Array:
  """exp(sum_a p_a (C_a - C_a^T)) on each block, C_a circulant with the first column c_a.

  A circulant matrix has the eigenvalues FFT(c), so the rotation multiplies FFT(x) by
  exp(2 i sum_a p_a Im FFT(c_a)).

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, P]``, or ``[..., T]`` for P = 1; integers or floats.
    columns: c ``[P, K, G, b]``, G b = H, for each of K key heads or K = 1.

  Returns:
    Like x.

  Raises:
    TypeError: columns that are no floats.
    ValueError: shapes that do not fit.

  Example:
    >>> c = jnp.array([0.0, jnp.pi / 2, 0.0, 0.0])[None, None, None]
    >>> x = jnp.array([1.0, 0.0, -1.0, 0.0])[None, None]
    >>> circulant_rotation(x, jnp.array([1]), c).round(3).tolist()
    [[[-1.0, 0.0, 1.0, 0.0]]]

  References:
    Schenck et al. 2025, arXiv 2502.02562.
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  columns = jnp.asarray(_checks.floats("columns", columns, "[P, K, G, b]",
                                       "Build them with StringCirculant.init(key, head_dim)"))
  axes, heads, groups, b = columns.shape
  _blocks.check_width(x, groups * b, "columns")
  dtype = _numerics.wide(x)
  at = _blocks.aligned(x, positions, axes)
  rates = 2 * jnp.imag(jnp.fft.rfft(columns.astype(dtype)))
  cos, sin = _blocks.unit(at, rates.reshape(axes, -1), dtype)
  turn = jax.lax.complex(cos, sin).reshape(*at.shape[:-1], heads, 1, groups, b // 2 + 1)
  y = _blocks.key_groups(x.astype(dtype), heads, "columns")
  y = jnp.fft.rfft(y.reshape(*y.shape[:-1], groups, b))
  return jnp.fft.irfft(turn * y, n=b).astype(dtype).reshape(x.shape).astype(x.dtype)


@encoding
class StringCirculant(Encoding):
  """Rotations of blocks of b dims by learned circulant generators, which commute.

  Positions are ``[..., T, P]``, or ``[..., T]`` for P = 1.

  Args:
    columns: ``[P, K, G, b]``, a parameter: for each axis and key head (K = 1: shared) the first
      columns of G blocks.

  Raises:
    ValueError: columns of another shape; in a call, heads that do not fit them.

  Example:
    >>> e = StringCirculant.init(jax.random.key(0), head_dim=8, block=8)
    >>> x = jnp.ones((3, 1, 8)); at = jnp.zeros((3, 2), jnp.int32)
    >>> e.qk(x, x, at, at)[0].shape
    (3, 1, 8)
  """

  columns: jax.Array = parameter()

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _blocks.axes_of(self.columns.shape[-4])

  def __post_init__(self):
    _checks.floats("columns", self.columns, "[P, K, G, b]",
                   "Build them with StringCirculant.init(key, head_dim)", stacked=True)

  @classmethod
  def init(cls, key, head_dim: int, *, axes: int = 2, block: int | None = None,
           num_heads: int = 1, stddev: float = 1.0) -> "StringCirculant":
    """Draws the columns from N(0, stddev^2); block None is 16 or less."""
    block = _blocks.block_size(head_dim, block, 16, least=3)
    shape = (_checks.size("axes", axes, "A grid has 2"),
             _checks.size("num_heads", num_heads, "1 shares the columns"),
             head_dim // block, block)
    return cls(stddev * jax.random.normal(_checks.key(key), shape, jnp.float32))

  def qk(self, q, k, q_positions, k_positions):
    _blocks.check_key_heads(k, self.columns.shape[1], "columns")
    turn = lambda x, at: circulant_rotation(x, at, self.columns)
    return turn(q, q_positions), turn(k, k_positions)
