# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE with a generator of rank 2: one learned plane of each head turns (hook ``qk``).

Zhang et al. 2025, "Group Representational Position Encoding", arXiv 2512.07805: with
L = a b^T - b a^T and s^2 = |a|^2 |b|^2 - (a.b)^2,
exp(p L) = I + sin(p s)/s L + (1 - cos(p s))/s^2 L^2.
Differs from the paper's README, whose s lacks the square root.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks


def plane_rotation(x: jax.Array, positions: Any, a: jax.Array, b: jax.Array) -> jax.Array:
  """exp(p (a b^T - b a^T)) x: the plane of a and b turns by p s, the rest stays.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]``, integers or floats.
    a, b: ``[K, H]``, for each of K key heads or K = 1.

  Returns:
    Like x.

  Raises:
    TypeError: a or b that are no floats.
    ValueError: shapes that do not fit.

  Example:
    >>> a, b = jnp.array([[1.0, 0.0, 0.0]]), jnp.array([[0.0, -jnp.pi / 2, 0.0]])
    >>> plane_rotation(jnp.ones((1, 1, 3)), jnp.array([1]), a, b).round(3).tolist()
    [[[-1.0, 1.0, 1.0]]]

  References:
    Zhang et al. 2025, arXiv 2512.07805.
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  a = jnp.asarray(_checks.floats("a", a, "[K, H]", "Build it with GrapePlane.init(key, head_dim)"))
  b = jnp.asarray(_checks.floats("b", b, "[K, H]", "It has the shape of a",
                                 sizes={"K": a.shape[0], "H": a.shape[1]}))
  _blocks.check_width(x, a.shape[1], "a, b")
  dtype = _numerics.wide(x)
  at = _blocks.aligned(x, positions, 1)
  a, b = a.astype(dtype), b.astype(dtype)
  dot = lambda u, v: jnp.sum(u * v, axis=-1)
  # A plane that has collapsed does not turn, and has no direction for a gradient.
  s2 = jnp.maximum(dot(a, a) * dot(b, b) - dot(a, b) ** 2, np.array(1e-12, dtype))
  s = jnp.sqrt(s2)
  cos, sin = _blocks.unit(at, s[None], dtype)
  y = _blocks.key_groups(x.astype(dtype), a.shape[0], "a, b")
  wide = lambda u: u[:, None].reshape((1,) * (y.ndim - 3) + (u.shape[0], 1, u.shape[1]))
  a, b = wide(a), wide(b)
  apply = lambda z: a * dot(b, z)[..., None] - b * dot(a, z)[..., None]
  each = lambda c: c[..., None, None]
  one = apply(y)
  s = s.reshape((1,) * (cos.ndim - 1) + s.shape)
  y = y + each(sin / s) * one + each((1 - cos) / (s * s)) * apply(one)
  return y.reshape(x.shape).astype(x.dtype)


@encoding
class GrapePlane(Encoding):
  """One learned plane a head turns by the position, at a learned speed.

  Args:
    a, b: ``[K, H]``, parameters that span the plane; K key heads, or 1 for all.

  Raises:
    ValueError: shapes that differ; in a call, heads that do not fit.

  Example:
    >>> e = GrapePlane.init(jax.random.key(0), head_dim=8)
    >>> x = jnp.ones((3, 1, 8)); at = jnp.arange(3)
    >>> e.qk(x, x, at, at)[0].shape
    (3, 1, 8)
  """

  a: jax.Array = parameter()
  b: jax.Array = parameter(None)

  relative = True

  def __post_init__(self):
    mend = "Build it with GrapePlane.init(key, head_dim)"
    a = _checks.floats("a", self.a, "[K, H]", mend, stacked=True)
    _checks.floats("b", self.b, "[K, H]", mend, stacked=True,
                   sizes={"K": a.shape[-2], "H": a.shape[-1]})

  @classmethod
  def init(cls, key, head_dim: int, *, num_heads: int = 1) -> "GrapePlane":
    """Draws a and b from N(0, 1 / H), so that the plane turns by about a radian a token."""
    shape = (2, _checks.size("num_heads", num_heads, "1 shares the plane"),
             _checks.size("head_dim", head_dim, "Pass the head dim H", least=2))
    drawn = jax.random.normal(_checks.key(key), shape, jnp.float32) * head_dim**-0.5
    return cls(drawn[0], drawn[1])

  def qk(self, q, k, q_positions, k_positions):
    _blocks.check_key_heads(k, self.a.shape[0], "a, b")
    turn = lambda x, at: plane_rotation(x, at, self.a, self.b)
    return turn(q, q_positions), turn(k, k_positions)
