# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A learned temperature, affine in the logarithm of the position (hook ``qk``).

Mistral Large 4 (2026): the query of head h at position m is multiplied by s_h log(m + 1) + b_h, a
form of scalable softmax (Nakanishi 2025, arXiv 2501.19399) that counts positions, not keys.
Differs from the released code: nothing in the numbers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks, _queries

_MEND = "Build it with AffineTemperature.init(key, num_heads)"


def affine_temperature(positions: Any, s: jax.Array, b: jax.Array) -> jax.Array:
  """s_h log(m + 1) + b_h.

  Args:
    positions: ``[...]``, m; those before 0 (padding) count as 0.
    s, b: ``[N]``.

  Returns:
    ``[..., N]``, float32, or float64 for float64 s.

  Raises:
    TypeError: s or b without floats, a length in place of positions.
    ValueError: s and b of two lengths.

  Example:
    >>> affine_temperature(jnp.array([0, 1]), jnp.array([1.0]), jnp.array([2.0])).round(3).tolist()
    [[2.0], [2.693]]
  """
  s = jnp.asarray(_checks.floats("s", s, "[N]", _MEND))
  b = jnp.asarray(_checks.floats("b", b, "[N]", _MEND, sizes={"N": s.shape[0]}))
  dtype = _numerics.wide(s)
  m = jnp.asarray(_checks.positions(positions, real=True)).astype(dtype)
  row = lambda x: x.astype(dtype).reshape((1,) * m.ndim + (-1,))
  return row(s) * jnp.log1p(jnp.maximum(m, 0))[..., None] + row(b)


@encoding
class AffineTemperature(Encoding):
  """Multiplies the query of head h at position m by s_h log(m + 1) + b_h.

  Args:
    s, b: ``[N]``, parameters. Needs true positions, counted from 0 in each document.

  Raises:
    ValueError: s and b that are not of one length.

  Example:
    >>> AffineTemperature.init(jax.random.key(0), 2)
    AffineTemperature(s=f32[2], b=f32[2])
  """

  s: jax.Array = parameter()
  b: jax.Array = parameter(None)  # None, so that a missing one gets the message below

  def __post_init__(self):
    shapes = [np.shape(x) for x in (self.s, self.b)]
    if shapes[0] != shapes[1] or not shapes[0]:
      raise _errors.value_error("s, b", f"shapes {shapes[0]} and {shapes[1]}", "[N] each", _MEND)

  @classmethod
  def init(cls, key, num_heads: int, *, s: float = 0.0, b: float = 1.0) -> "AffineTemperature":
    """s = 0 and b = 1, the released model's start, for every head. ``key`` is not used."""
    _checks.key(key)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    return cls(jnp.full((num_heads,), s, jnp.float32), jnp.full((num_heads,), b, jnp.float32))

  def qk(self, q, k, q_positions, k_positions):
    del k_positions
    if np.shape(self.s)[-1:] != (q.shape[-2],):
      raise _errors.value_error("s", f"{np.shape(self.s)[-1]} heads", f"the {q.shape[-2]} of q",
                                _MEND)
    factor = affine_temperature(_queries.positions_of(q, q_positions), self.s, self.b)
    return _queries.times(q, factor), k
