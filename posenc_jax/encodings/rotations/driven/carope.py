# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CARoPE: each token turns its heads on by powers of a gate (hooks ``layer`` and ``qk``).

Veisi et al. 2025, "Context-aware Rotary Position Embedding", arXiv 2507.23083, read second-hand:
f = 1 / (1 + softplus(x W)) for each head, and pair i of token m stands at sum_(t <= m) f_t^i,
i = 1 .. H/2, where RoPE's token adds theta_i.
Differs from the paper: gates belong to key heads, so that grouped queries share their keys'.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.driven import _turns
from posenc_jax.encodings.rotations.rotary import PAIRINGS


def carope_steps(x: jax.Array, weight: jax.Array, pairs: int) -> jax.Array:
  """f^1 .. f^pairs with f = 1 / (1 + softplus(x W)): what each token turns its pairs by.

  Args:
    x: ``[..., T, D]``, a layer's input.
    weight: ``[D, K]``.
    pairs: n, half of the rotated dims.

  Returns:
    Radians ``[..., T, K, n]``, float32 (float64 for float64 x).

  Raises:
    TypeError: x or weight is no float array.
    ValueError: the width of x is not D.

  Example:
    >>> carope_steps(jnp.zeros((1, 3)), jnp.zeros((3, 1)), 2).round(4).tolist()
    [[[0.5906, 0.3488]]]

  References:
    Veisi et al. 2025, arXiv 2507.23083.
  """
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, K]",
                                      "Build it with CARope.init(key, d_model, head_dim)"))
  log = -jnp.log1p(jax.nn.softplus(_turns.project(x, weight)))[..., None]
  powers = jnp.arange(1, pairs + 1, dtype=log.dtype)
  return jnp.exp(log * powers.reshape((1,) * (log.ndim - 1) + (-1,)))


@encoding
class CARope(Encoding):
  """Rotations by sums of powers of content gates; token indices play no part.

  A layer calls ``layer`` on its input, uses the positions that it returns, H / 2 turns a key head,
  and caches them beside the keys.

  Args:
    weight: ``[D, K]``, a parameter; K key heads, or 1 for all.
    dim: static; how many dims of each head turn, even.
    pairing: static; as in ``Rotary``.

  Raises:
    TypeError, ValueError: as the function.

  Example:
    >>> e = CARope.init(jax.random.key(0), d_model=6, head_dim=4)
    >>> e.layer(jnp.ones((5, 6)), None)[1].shape
    (5, 1, 2)
  """

  weight: jax.Array = parameter()
  dim: int = static(default=64)
  pairing: str = static(default="half")

  relative = True
  position_axes = None
  layer_axes = 2

  def __post_init__(self):
    _errors.check_choice("pairing", self.pairing, PAIRINGS)
    dim = _errors.check_int("dim", self.dim, "an even rotary dimension", "Pass H", least=2)
    if dim % 2:
      raise _errors.value_error("dim", dim, "an even rotary dimension", f"Turn {dim - 1} dims")
    _checks.floats("weight", self.weight, "[D, K]",
                   "Build it with CARope.init(key, d_model, head_dim)", stacked=True)

  @classmethod
  def init(cls, key, d_model: int, head_dim: int, *, num_heads: int = 1, stddev: float = 0.02,
           pairing: str = "half") -> "CARope":
    """Draws the weights from N(0, stddev^2): gates start near 0.59."""
    shape = (_checks.size("d_model", d_model, "Pass the model width D"),
             _checks.size("num_heads", num_heads, "1 shares the gate"))
    return cls(stddev * jax.random.normal(_checks.key(key), shape, jnp.float32), head_dim, pairing)

  def align(self, positions: Any, batch, length, argument="positions"):
    _turns.check_driven(argument, positions, (self.weight.shape[-1], self.dim // 2))
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions
    steps = carope_steps(x, self.weight, self.dim // 2) / (2 * math.pi)
    turns, carry = _turns.cumulated(steps, carry, segments)
    return x, turns, carry

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.dim // 2, "dim")
    return _turns.both_turned(q, k, q_positions, k_positions, self.pairing)
