# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LieRE: q and k turn by the exponential of learned skew matrices times the position (hook ``qk``).

Ostmeier et al. 2024, "LieRE: Lie Rotational Positional Encodings", arXiv 2406.10322.
The generators of two axes do not commute, so scores are not a function of the offset alone. Meant
for coordinates of a few units (the released models scale a grid to [0, 1]): the angle is a float32
product, so it is off by 6e-8 of its size.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks, _skew


def liere_rotations(positions: Any, generators: jax.Array) -> jax.Array:
  """exp(sum_a p_a A_a), with A_a the skew matrix of the upper triangle of ``generators[a]``.

  Args:
    positions: ``[..., T, P]``, integers or floats.
    generators: ``[P, K, G, b, b]``; entries on and below the diagonal are not read.

  Returns:
    ``[..., T, K, G, b, b]`` orthogonal matrices of the generators' dtype, at least float32.

  Raises:
    TypeError: generators that are no floats, positions in a 16-bit float.
    ValueError: shapes that do not fit.

  Example:
    >>> a = jnp.array([[0.0, -jnp.pi / 2], [0.0, 0.0]])[None, None, None]
    >>> liere_rotations(jnp.array([[1]]), a)[0, 0, 0].round(3).tolist()
    [[0.0, -1.0], [1.0, 0.0]]

  References:
    Ostmeier et al. 2024, arXiv 2406.10322.
  """
  generators = _checks.floats("generators", generators, "[P, K, G, b, b]",
                              "Build them with Liere.init(key, head_dim)")
  dtype = _numerics.wide(generators)
  positions = jnp.asarray(_checks.positions(positions, real=True)).astype(dtype)
  if positions.shape[-1] != generators.shape[0]:
    raise _errors.value_error("positions", f"{positions.shape[-1]} axes",
                              f"one for each of the {generators.shape[0]} generators",
                              "Stack the coordinates last: [..., T, P]")
  total = jnp.einsum("...a,akgij->...kgij", positions, _skew.upper_skew(generators.astype(dtype)),
                     precision=jax.lax.Precision.HIGHEST)
  return _skew.exponential(total)


@encoding
class Liere(Encoding):
  """Rotations of blocks of b dims by learned, non-commuting generators, one for each axis.

  Positions are ``[..., T, P]``, or ``[..., T]`` for P = 1. A token at the origin (a CLS token) is
  not turned.

  Args:
    generators: ``[P, K, G, b, b]``, a parameter: for each axis and key head (K = 1: shared) G
      blocks of b dims, G b = H. Only the upper triangles are read.

  Raises:
    ValueError: generators of another shape; in a call, heads that do not fit them.

  Example:
    >>> e = Liere.init(jax.random.key(0), head_dim=8, axes=2, block=4)
    >>> x = jnp.ones((3, 1, 8)); at = jnp.zeros((3, 2))
    >>> e.qk(x, x, at, at)[0].round(3)[0, 0, 0].tolist()
    1.0
  """

  generators: jax.Array = parameter()

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _blocks.axes_of(self.generators.shape[-5])

  def __post_init__(self):
    g = _checks.floats("generators", self.generators, "[P, K, G, b, b]",
                       "Build them with Liere.init(key, head_dim)", stacked=True)
    if g.shape[-1] != g.shape[-2]:
      raise _errors.value_error("generators", f"blocks of {g.shape[-2:]}", "square blocks",
                                "Build them with Liere.init(key, head_dim)")

  @classmethod
  def init(cls, key, head_dim: int, *, axes: int = 2, block: int | None = None,
           num_heads: int = 1, scale: float = 2 * math.pi) -> "Liere":
    """Draws the raw generators from U(0, scale), as the authors do; block None is 8 or less."""
    block = _blocks.block_size(head_dim, block, 8)
    shape = (_checks.size("axes", axes, "A grid has 2"),
             _checks.size("num_heads", num_heads, "1 shares the generators"),
             head_dim // block, block, block)
    return cls(jax.random.uniform(_checks.key(key), shape, jnp.float32, 0.0, scale))

  def qk(self, q, k, q_positions, k_positions):
    axes, heads, groups, b, _ = self.generators.shape
    _blocks.check_key_heads(k, heads, "generators")

    def turn(x, at):
      _blocks.check_width(x, groups * b, "generators")
      generators = self.generators.astype(_numerics.wide(x))
      return _skew.blocks_times(x, liere_rotations(_blocks.aligned(x, at, axes), generators))

    return turn(q, q_positions), turn(k, k_positions)
