# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING with a Cayley basis: RoPE over several axes in a learned orthogonal basis (hook ``qk``).

Schenck et al. 2025, "Learning the RoPEs: Better 2D and 3D Position Encodings with STRING", arXiv
2502.02562: R(r) = RoPE(r) P with P = (I - S)(I + S)^-1, S skew, P first. Not the STRING of arXiv
2410.18745, which shifts distances.
Differs from the paper: frequencies are drawn with a random direction for each pair and the sizes of
RoPE with base 100.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks, _skew
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate_by


def cayley(raw: jax.Array) -> jax.Array:
  """(I - S)(I + S)^-1, orthogonal, with S the skew matrix of the upper triangle of raw.

  Args:
    raw: ``[..., H, H]``; entries on and below the diagonal are not read.

  Returns:
    Like raw, at least float32.

  Example:
    >>> cayley(jnp.array([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[0.0, -1.0], [1.0, 0.0]]

  References:
    Schenck et al. 2025, arXiv 2502.02562.
  """
  raw = jnp.asarray(_checks.floats("raw", raw, "[..., H, H]", "Zeros give the identity"))
  s = _skew.upper_skew(raw.astype(_numerics.wide(raw)))
  one = jnp.broadcast_to(jnp.eye(s.shape[-1], dtype=s.dtype), s.shape)
  # (I - S) and (I + S)^-1 commute, so this solve is the product.
  return jnp.linalg.solve(one + s, one - s)


@encoding
class StringCayley(Encoding):
  """RoPE of learned frequencies over P axes, after one learned orthogonal matrix a head.

  Positions are ``[..., T, P]``, or ``[..., T]`` for P = 1.

  Args:
    frequencies: ``[P, K, H / 2]`` radians per position, a parameter; K key heads, or 1 for all.
    raw: ``[K, H, H]``, a parameter, of which the upper triangle is read.
    pairing: static; as in ``Rotary``.

  Raises:
    ValueError: shapes that do not fit; in a call, heads that do not fit them.

  Example:
    >>> e = StringCayley.init(jax.random.key(0), head_dim=8)
    >>> x = jnp.ones((3, 1, 8)); at = jnp.zeros((3, 2), jnp.int32)
    >>> e.qk(x, x, at, at)[0].shape
    (3, 1, 8)
  """

  frequencies: jax.Array = parameter()
  raw: jax.Array = parameter(None)
  pairing: str = static(default="half")

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _blocks.axes_of(self.frequencies.shape[-3])

  def __post_init__(self):
    _errors.check_choice("pairing", self.pairing, PAIRINGS)
    mend = "Build them with StringCayley.init(key, head_dim)"
    f = _checks.floats("frequencies", self.frequencies, "[P, K, H / 2]", mend, stacked=True)
    _checks.floats("raw", self.raw, "[K, H, H']", mend, stacked=True,
                   sizes={"K": f.shape[-2], "H": 2 * f.shape[-1], "H'": 2 * f.shape[-1]})

  @classmethod
  def init(cls, key, head_dim: int, *, axes: int = 2, num_heads: int = 1, base: Any = 100.0,
           stddev: float = 0.02, pairing: str = "half") -> "StringCayley":
    """Frequencies of random direction and of RoPE's sizes; S near zero, so that P is near I."""
    sizes = rotary_frequencies(head_dim, base=base)
    axes = _checks.size("axes", axes, "A grid has 2")
    heads = _checks.size("num_heads", num_heads, "1 shares them")
    one, two = jax.random.split(_checks.key(key))
    towards = jax.random.normal(one, (axes, heads, head_dim // 2), jnp.float32)
    towards = towards / jnp.linalg.norm(towards, axis=0, keepdims=True)
    radians = jnp.asarray(getattr(sizes, "radians", sizes), jnp.float32)
    raw = stddev * jax.random.normal(two, (heads, head_dim, head_dim), jnp.float32)
    return cls(towards * radians[None, None], raw, pairing)

  def qk(self, q, k, q_positions, k_positions):
    axes, heads, pairs = self.frequencies.shape
    _blocks.check_key_heads(k, heads, "raw")
    _blocks.check_width(q, 2 * pairs, "raw")

    def turn(x, at):
      dtype = _numerics.wide(x)
      y = _blocks.key_groups(x.astype(dtype), heads, "raw")
      basis = cayley(self.raw.astype(dtype))
      y = jnp.einsum("kij,...kmj->...kmi", basis, y, precision=jax.lax.Precision.HIGHEST)
      at = _blocks.aligned(x, at, axes)
      unit = _blocks.unit(at, self.frequencies.astype(dtype).reshape(axes, -1), dtype)
      cos, sin = (u.reshape(*at.shape[:-1], heads, pairs) for u in unit)
      repeat = lambda u: jnp.repeat(u, x.shape[-2] // heads, axis=-2)
      y = rotate_by(y.reshape(x.shape), repeat(cos), repeat(sin), pairing=self.pairing)
      return y.astype(x.dtype)

    return turn(q, q_positions), turn(k, k_positions)
