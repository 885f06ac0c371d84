# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BiALiBi of LittleBird: learned slopes for past, future and the first token (hook ``bias``).

Lee et al. 2022, "LittleBird", arXiv 2210.11870.
Differs from the paper: its text could not be read, and the code that was read is not the authors'.
There alpha, the slope of pairs with position 0, multiplies the distance; ``first="constant"`` takes
alpha for the distance itself.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.positions import distance

FIRST = ("linear", "constant")
_MEND = "Build it with LittleBird.init(key, num_heads)"


def littlebird_bias(q_positions: Any, k_positions: Any, alpha: Any, beta: Any, gamma: Any, *,
                    first: str = "linear") -> jax.Array:
  """-beta (m - n) for n < m, -gamma (n - m) for n > m; alpha in their place where m or n is 0.

  Args:
    q_positions: ``[..., T]``, m, and k_positions: ``[..., S]``, n, of one rank and dtype.
    alpha, beta, gamma: ``[N]``.
    first: "linear": a pair with position 0 gets -alpha |m - n|; "constant": -alpha. The pair (0, 0)
      gets 0.

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 slopes.

  Raises:
    TypeError: positions or slopes that are no such numbers.
    ValueError: slopes that are not ``[N]`` each, an unknown ``first``.

  Example:
    >>> at = jnp.array([0, 1, 3])
    >>> littlebird_bias(at, at, *(jnp.array([s]) for s in (4.0, 2.0, 1.0)))[0].tolist()
    [[-0.0, -4.0, -12.0], [-4.0, -0.0, -2.0], [-12.0, -4.0, -0.0]]
  """
  _errors.check_choice("first", first, FIRST)
  alpha = jnp.asarray(_checks.floats("alpha", alpha, "[N]", _MEND))
  beta, gamma = (jnp.asarray(_checks.floats(name, x, "[N]", _MEND, sizes={"N": alpha.shape[0]}))
                 for name, x in (("beta", beta), ("gamma", gamma)))
  dtype = _numerics.wide(alpha, beta, gamma)
  d = jnp.asarray(distance(q_positions, k_positions))[..., None, :, :]
  zero = lambda p: jnp.asarray(p) == 0
  cls = (zero(q_positions)[..., :, None] | zero(k_positions)[..., None, :])[..., None, :, :]
  a, b, c = (x.astype(dtype).reshape((1,) * (d.ndim - 3) + (-1, 1, 1))
             for x in (alpha, beta, gamma))
  far = jnp.abs(d).astype(dtype)
  near = far if first == "linear" else (d != 0).astype(dtype)
  return -jnp.where(cls, a * near, jnp.where(d > 0, b, c) * far)


@encoding
class LittleBird(Encoding):
  """Adds ``littlebird_bias``. It needs true positions, counted from 0 at the first token (CLS).

  Args:
    alpha, beta, gamma: ``[N]``, parameters: slopes of pairs with position 0, of keys before the
      query and of keys after it.
    first: static; see ``littlebird_bias``.

  Raises:
    TypeError, ValueError: no slopes ``[N]``, an unknown ``first``.

  Example:
    >>> LittleBird.init(jax.random.key(0), num_heads=2)
    LittleBird(alpha=f32[2], beta=f32[2], gamma=f32[2])
  """

  alpha: jax.Array = parameter()
  beta: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check
  gamma: jax.Array = parameter(None)
  first: str = static(default="linear")

  def __post_init__(self):
    _errors.check_choice("first", self.first, FIRST)
    for name in ("alpha", "beta", "gamma"):
      _checks.floats(name, getattr(self, name), "[N]", _MEND, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int, *, first: str = "linear") -> "LittleBird":
    """Draws all slopes from U(0, 1)."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    alpha, beta, gamma = jax.random.uniform(_checks.key(key), (3, num_heads), jnp.float32)
    return cls(alpha, beta, gamma, first)

  def bias(self, tile):
    return littlebird_bias(tile.q_positions, tile.k_positions, self.alpha, self.beta, self.gamma,
                           first=self.first)
