# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ComRoPE: blocks of q and k turn by learned generators that commute (hook ``qk``).

Yu et al. 2025, "ComRoPE: Scalable and Robust Rotary Position Embedding Parameterized by Trainable
Commuting Angle Matrices", arXiv 2506.03737. AP: each block belongs to one axis. LD: the generators
of a block are multiples of one matrix.
Differs from the paper: the shared matrix of a block is diagonalised once, and positions enter as
exact phases of its eigenvalues, so that scores depend on offsets alone at any position. Positions
come as the caller scales them; the released code divides (i + 1/2) by the size of the grid.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks, _skew

KINDS = ("ld", "ap")


def comrope(x: jax.Array, positions: Any, generators: jax.Array, rates: jax.Array) -> jax.Array:
  """exp(sum_a p_a c_ag (A_g - A_g^T)) on block g of each head.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, P]``, or ``[..., T]`` for P = 1; integers or floats.
    generators: A ``[K, G, b, b]``, G b = H, one for each key head or K = 1.
    rates: c ``[P, G]``. AP: 1 where block g belongs to axis a, else 0.

  Returns:
    Like x.

  Raises:
    TypeError: arrays that are no floats.
    ValueError: shapes that do not fit.

  Example:
    >>> a = jnp.array([[0.0, 0.0], [jnp.pi / 2, 0.0]])[None, None]
    >>> comrope(jnp.ones((1, 1, 2)), jnp.array([1]), a, jnp.ones((1, 1))).round(3).tolist()
    [[[-1.0, 1.0]]]

  References:
    Yu et al. 2025, arXiv 2506.03737.
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  mend = "Build them with ComRope.init(key, head_dim)"
  generators = jnp.asarray(_checks.floats("generators", generators, "[K, G, b, b]", mend))
  rates = jnp.asarray(_checks.floats("rates", rates, "[P, G]", mend,
                                     sizes={"G": generators.shape[1]}))
  _blocks.check_width(x, generators.shape[1] * generators.shape[2], "generators")
  positions = _blocks.aligned(x, positions, rates.shape[0])
  dtype = _numerics.wide(x)
  return _skew.blocks_turned(x, _skew.skew(generators.astype(dtype)), rates, positions)


@encoding
class ComRope(Encoding):
  """Rotations of blocks of b dims by learned, commuting generators.

  Positions are ``[..., T, P]``, or ``[..., T]`` for P = 1.

  Args:
    generators: ``[K, G, b, b]``, a parameter; K key heads, or 1 for all.
    rates: ``[P, G]``, a parameter ("ld"), or None ("ap").
    axes: static; P.

  Raises:
    ValueError: shapes that do not fit; fewer blocks than axes.

  Example:
    >>> e = ComRope.init(jax.random.key(0), head_dim=8, axes=2, block=4)
    >>> x = jnp.ones((3, 1, 8)); at = jnp.zeros((3, 2), jnp.int32)
    >>> e.qk(x, x, at, at)[0].shape
    (3, 1, 8)
  """

  generators: jax.Array = parameter()
  rates: jax.Array | None = parameter(None)
  axes: int = static(default=2)

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _blocks.axes_of(self.axes)

  def __post_init__(self):
    mend = "Build them with ComRope.init(key, head_dim)"
    _checks.size("axes", self.axes, "A grid has 2")
    g = _checks.floats("generators", self.generators, "[K, G, b, b]", mend, stacked=True)
    if self.rates is not None:
      _checks.floats("rates", self.rates, "[P, G]", mend, stacked=True,
                     sizes={"P": self.axes, "G": g.shape[-3]})
    elif g.shape[-3] < self.axes:
      raise _errors.value_error("generators", f"{g.shape[-3]} blocks",
                                f"one at least for each of the {self.axes} axes",
                                "Make the blocks smaller, or choose kind='ld'")

  @classmethod
  def init(cls, key, head_dim: int, *, axes: int = 2, block: int | None = None,
           num_heads: int = 1, kind: str = "ld", stddev: float = 1.0) -> "ComRope":
    """Draws generators from N(0, stddev^2) and rates from N(0, 1), as the authors' code does."""
    _errors.check_choice("kind", kind, KINDS)
    block = _blocks.block_size(head_dim, block, 8)
    groups = head_dim // block
    heads = _checks.size("num_heads", num_heads, "1 shares the generators")
    one, two = jax.random.split(_checks.key(key))
    generators = stddev * jax.random.normal(one, (heads, groups, block, block), jnp.float32)
    rates = jax.random.normal(two, (axes, groups), jnp.float32) if kind == "ld" else None
    return cls(generators, rates, axes)

  def qk(self, q, k, q_positions, k_positions):
    _blocks.check_key_heads(k, self.generators.shape[0], "generators")
    rates = self.rates
    if rates is None:
      blocks = jnp.arange(self.generators.shape[1]) % self.axes
      rates = jax.nn.one_hot(blocks, self.axes, axis=0, dtype=jnp.float32)
    turn = lambda x, at: comrope(x, at, self.generators, rates)
    return turn(q, q_positions), turn(k, k_positions)
