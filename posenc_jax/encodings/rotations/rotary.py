# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary position embedding: pairs of q and k dims turn with the position (hook ``qk``).

Su et al. 2021, "RoFormer", arXiv 2104.09864, equations 12 to 16 and 34.
Differs from the paper: ``pairing="half"``, the default of most trained models, pairs dim i with
dim i + r/2 where the paper pairs 2i with 2i + 1; see ``interop`` for converting weights.
"""

import fractions

import chex
import jax
import jax.numpy as jnp

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, align_array, encoding, static

PAIRINGS = ("half", "interleaved")


def rotary_turns(dim: int, *, base: float = 10_000.0):
  """Frequencies base^(-2i/dim) as exact ``Turns`` if the base is known, else float32 radians."""
  if dim < 2 or dim % 2:
    raise _errors.value_error("dim", dim, "an even rotary dimension",
                              f"Rotate {max(dim - dim % 2, 2)} dims and let the rest pass")
  exponents = [fractions.Fraction(2 * i, dim) for i in range(dim // 2)]
  known = _errors.concrete(base)
  if known is not None:
    return phases.geometric_turns(known, exponents)
  e = jnp.asarray([float(x) for x in exponents], jnp.float32)
  return jnp.exp(-jnp.log(jnp.asarray(base, jnp.float32))[..., None] * e)


def rotary_frequencies(dim: int, *, base: float = 10_000.0):
  """theta_i = base^(-2i/dim), in radians per position.

  Args:
    dim: r, the number of rotated dims, even.
    base: positive.

  Returns:
    ``[dim // 2]``: float64 NumPy for a known base, float32 ``jax.Array`` for a traced one.

  Raises:
    ValueError: dim is odd or below 2, base is not positive.

  Example:
    >>> rotary_frequencies(4).tolist()
    [1.0, 0.01]

  References:
    Su et al. 2021, arXiv 2104.09864, section 3.2.2.
  """
  t = rotary_turns(dim, base=base)
  return t.radians if isinstance(t, phases.Turns) else t


def rotate(x: jax.Array, positions: jax.Array, frequencies, *, pairing: str = "half",
           scaling: float | jax.Array | None = None) -> jax.Array:
  """Turns pair i of each head by position * theta_i; dims beyond the pairs pass unchanged.

  (a, b) -> (a cos - b sin, b cos + a sin), in float32 (float64 for float64 x), cast last.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]`` int32 or float32; missing leading axes broadcast.
    frequencies: ``[r // 2]`` radians per position, or ``Turns``; r <= H.
    pairing: "half" pairs i with i + r/2, "interleaved" pairs 2i with 2i + 1.
    scaling: multiplies cos and sin (YaRN's attention factor); None for 1.

  Returns:
    Like x.

  Raises:
    ValueError: more pairs than dims, positions that do not fit x, an unknown pairing.
    TypeError: positions in a 16-bit float.

  Example:
    >>> x = jnp.ones((3, 1, 2))
    >>> rotate(x, jnp.arange(3), [jnp.pi / 2]).round(3)[:, 0].tolist()
    [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]]

  References:
    Su et al. 2021, arXiv 2104.09864, equation 34.
  """
  positions = align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
  dtype = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
  cos, sin = phases.cos_sin(positions, frequencies, dtype=dtype)
  if scaling is not None:
    scaling = jnp.asarray(scaling).astype(dtype)
    cos, sin = cos * scaling, sin * scaling
  return rotate_by(x, cos[..., None, :], sin[..., None, :], pairing=pairing)


def rotate_by(x: jax.Array, cos: jax.Array, sin: jax.Array, *, pairing: str = "half") -> jax.Array:
  """Turns pairs of x by given cosines and sines.

  Args:
    x: ``[..., T, N, H]``.
    cos, sin: ``[..., T, 1 or N, r // 2]``.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: r > H, an unknown pairing.

  Example:
    >>> rotate_by(jnp.ones((1, 1, 2)), jnp.zeros((1, 1, 1)), jnp.ones((1, 1, 1))).tolist()
    [[[-1.0, 1.0]]]
  """
  _errors.check_choice("pairing", pairing, PAIRINGS)
  r = 2 * cos.shape[-1]
  if r > x.shape[-1]:
    raise _errors.value_error("frequencies", f"{r // 2} pairs", f"at most {x.shape[-1] // 2} "
                              f"for head dim {x.shape[-1]}", "Build them for the head dim, not D")
  chex.assert_equal_shape([cos, sin])
  y, rest = x[..., :r].astype(cos.dtype), x[..., r:]
  # Pairs get an axis of their own: halves joined on the last axis cost CPUs a pass of their own.
  axis, pairs = (-2, (2, r // 2)) if pairing == "half" else (-1, (r // 2, 2))
  a, b = (jax.lax.index_in_dim(y.reshape(*y.shape[:-1], *pairs), i, axis, keepdims=False)
          for i in (0, 1))
  y = jnp.stack([a * cos - b * sin, b * cos + a * sin], axis=axis).reshape(*y.shape)
  y = y.astype(x.dtype)
  return jnp.concatenate([y, rest], axis=-1) if rest.shape[-1] else y


@encoding
class Rotary(Encoding):
  """RoPE on q and k; scores depend on relative positions only.

  Args:
    dim: r, how many dims of each head turn (the head dim, or fewer for partial RoPE); even.
    base: positive. Known bases, also an array of them to be swept by vmap, are exact, through
      ``jit`` as well; a base that is traced where the encoding is built rounds to float32.
    attention_scaling: multiplies cos and sin, so scores by its square (YaRN).
    pairing: "half" or "interleaved".

  Raises:
    ValueError: an odd dim, a base that is not positive.

  Example:
    >>> e = Rotary(4)
    >>> q, k = e.qk(jnp.ones((2, 1, 4)), jnp.ones((2, 1, 4)), jnp.arange(2), jnp.arange(2))
    >>> q.shape
    (2, 1, 4)
  """

  turns: phases.Turns | jax.Array
  attention_scaling: jax.Array
  pairing: str = static()

  relative = True

  def __init__(self, dim: int, *, base=10_000.0, attention_scaling=1.0, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    self.set_fields(turns=rotary_turns(dim, base=base), attention_scaling=attention_scaling,
                    pairing=pairing)

  @classmethod
  def from_frequencies(cls, frequencies, *, attention_scaling=1.0, pairing="half") -> "Rotary":
    """A rotary encoding of any frequencies ``[r // 2]`` in radians per position, or ``Turns``.

    Known values are kept exactly; a ``jax.Array`` stays a float32 leaf, which can be learned.
    """
    exact = not isinstance(frequencies, jax.Array | phases.Turns)
    self = cls(2, attention_scaling=attention_scaling, pairing=pairing)
    return self.replace(turns=phases.turns(frequencies) if exact else frequencies)

  @property
  def frequencies(self):
    """``[r // 2]`` radians per position: float64 NumPy where known, float32 under a trace."""
    return self.turns.radians if isinstance(self.turns, phases.Turns) else self.turns

  def qk(self, q, k, q_positions, k_positions):
    q = rotate(q, q_positions, self.turns, pairing=self.pairing, scaling=self.attention_scaling)
    k = rotate(k, k_positions, self.turns, pairing=self.pairing, scaling=self.attention_scaling)
    return q, k
