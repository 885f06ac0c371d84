# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cosines for scores, with a learned temperature a head (hook ``qk``).

Liu et al. 2021, "Swin Transformer V2", arXiv 2111.09883, scaled cosine attention; without its limit
also the query-key normalisation of Henry et al. 2020, arXiv 2010.04245.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks

_MEND = "Build it with CosineScores.init(key, num_heads)"


def unit_vectors(x: Any, eps: float = 1e-12) -> jax.Array:
  """x / max(|x|, eps) along the last axis; the gradient at 0 is finite.

  Args:
    x: ``[..., H]``.
    eps: the least length.

  Returns:
    Like x.

  Raises:
    TypeError: x without floats.

  Example:
    >>> unit_vectors(jnp.array([3.0, -4.0])).round(3).tolist()
    [0.6, -0.8]
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., H]", "Pass queries or keys"))
  y = x.astype(_numerics.wide(x))
  squares = jnp.sum(jnp.square(y), axis=-1, keepdims=True)
  return (y * jax.lax.rsqrt(jnp.maximum(squares, eps**2))).astype(x.dtype)


@encoding
class CosineScores(Encoding):
  """Scores become cos(q, k) exp(min(t_h, log 100)); caches hold unit keys.

  Args:
    t: ``[N]``, a parameter.
    limit: static; the largest t, log 100 in the paper, or None.
    scale: static; that of the attention call, which q undoes; None for the default, 1 / sqrt(H).

  Raises:
    TypeError, ValueError: no ``[N]``; a scale that is not positive; in a call, other heads than N.

  Example:
    >>> e = CosineScores.init(jax.random.key(0), num_heads=1)
    >>> q, k = e.qk(jnp.array([[[3.0, 4.0]]]), jnp.array([[[0.0, 2.0]]]), (), ())
    >>> (jnp.sum(q * k) / 2**0.5).round(3).tolist()
    8.0
  """

  t: jax.Array = parameter()
  limit: float | None = static(default=math.log(100))
  scale: float | None = static(default=None)

  position_axes = None
  relative = True

  def __post_init__(self):
    _checks.floats("t", self.t, "[N]", _MEND, stacked=True)
    if self.scale is not None:
      _errors.check_positive("scale", self.scale, "That of the attention call")

  @classmethod
  def init(cls, key, num_heads: int, *, t: float = math.log(10),
           limit: float | None = math.log(100), scale: float | None = None) -> "CosineScores":
    """t = log 10 for every head; ``key`` is not used."""
    _checks.key(key)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    return cls(jnp.full((num_heads,), t, jnp.float32), limit, scale)

  def qk(self, q, k, q_positions, k_positions):
    del q_positions, k_positions
    t = jnp.asarray(_checks.floats("t", self.t, "[N]", _MEND, sizes={"N": q.shape[-2]}))
    t = t.astype(_numerics.wide(q, t))
    t = t if self.limit is None else jnp.minimum(t, self.limit)
    undone = q.shape[-1] ** 0.5 if self.scale is None else 1 / self.scale
    factor = (jnp.exp(t) * undone).reshape((1,) * (q.ndim - 2) + (-1, 1))
    return (unit_vectors(q).astype(factor.dtype) * factor).astype(q.dtype), unit_vectors(k)
