# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary position embedding: pairs of q and k dims turn with the position (hook ``qk``).

Su et al. 2021, "RoFormer", arXiv 2104.09864, equations 12 to 16 and 34.
Differs from the paper: ``pairing="half"``, the default of most trained models, pairs dim i with
dim i + r/2 where the paper pairs 2i with 2i + 1.
"""

import fractions
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors, _kinds, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks

PAIRINGS = ("half", "interleaved")


def rotary_frequencies(dim: int, *, base: Any = 10_000.0) -> Any:
  """theta_i = base^(-2i/dim), in radians per position.

  Args:
    dim: r, the number of rotated dims, even.
    base: positive; or an array ``[...]`` of several, to be swept by vmap.

  Returns:
    ``[dim // 2]``: exact ``Frequencies`` for a known base (``.radians`` is float64 NumPy), a
    float32 ``jax.Array`` for a traced one.

  Raises:
    TypeError: dim is not an int, base is not a number.
    ValueError: dim is odd or below 2, base is not positive.

  Example:
    >>> rotary_frequencies(4).tolist()
    [1.0, 0.01]

  References:
    Su et al. 2021, arXiv 2104.09864, section 3.2.2.
  """
  dim = _errors.check_int("dim", dim, "an even rotary dimension", "Pass an int, such as 64")
  if dim < 2 or dim % 2:
    raise _errors.value_error("dim", dim, "an even rotary dimension",
                              f"Rotate {max(dim - dim % 2, 2)} dims and let the rest pass")
  return _bases.powers(base, [fractions.Fraction(2 * i, dim) for i in range(dim // 2)])


def rotate(x: jax.Array, positions: Any, frequencies: Any, *, pairing: str = "half",
           scaling: Any = None) -> jax.Array:
  """Turns pair i of each head by position * theta_i; dims beyond the pairs pass unchanged.

  (a, b) -> (a cos - b sin, b cos + a sin), in float32 (float64 for float64 x), cast last.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]`` int32 or float32; missing leading axes broadcast.
    frequencies: ``[r // 2]``, r <= H: ``Frequencies``, exact also as an argument of ``jit``, or
      radians per position (a ``jax.Array`` keeps its float32 rounding, 6e-8 of the angle).
    pairing: "half" pairs i with i + r/2, "interleaved" pairs 2i with 2i + 1.
    scaling: multiplies cos and sin (YaRN's attention factor); None for 1.

  Returns:
    Like x.

  Raises:
    ValueError: more pairs than dims, no frequency at all, positions that do not fit x, an unknown
      pairing, a single number in place of frequencies.
    TypeError: positions in a 16-bit float, x without floats.

  Example:
    >>> x = jnp.ones((3, 1, 2))
    >>> rotate(x, jnp.arange(3), [jnp.pi / 2]).round(3)[:, 0].tolist()
    [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]]

  References:
    Su et al. 2021, arXiv 2104.09864, equation 34.
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
  dtype = _numerics.wide(x)
  cos, sin = phases.cos_sin(positions, phases.as_frequencies(frequencies, single=True), dtype=dtype)
  if scaling is not None:
    mend = "An encoding with stacked leaves needs jax.vmap over the encoding"
    scaling = jnp.asarray(_checks.factor("scaling", scaling, mend)).astype(dtype)
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
    ValueError: r > H or no pair at all, cos and sin of two shapes, an unknown pairing.

  Example:
    >>> rotate_by(jnp.ones((1, 1, 2)), jnp.zeros((1, 1, 1)), jnp.ones((1, 1, 1))).tolist()
    [[[-1.0, 1.0]]]
  """
  _errors.check_choice("pairing", pairing, PAIRINGS)
  if cos.shape != sin.shape:
    raise _errors.value_error("cos, sin", f"shapes {cos.shape} and {sin.shape}", "one shape",
                              "Pass what cos_sin returned for the same positions")
  r = 2 * cos.shape[-1]
  if not r:
    raise _errors.value_error("cos, sin", f"shapes {cos.shape}, so no pair", "at least one pair",
                              "Leave the rotation out where nothing turns")
  if r > x.shape[-1]:
    raise _errors.value_error("frequencies", f"{r // 2} pairs", f"at most {x.shape[-1] // 2} "
                              f"for head dim {x.shape[-1]}", "Build them for the head dim, not D")
  part = x if x.shape[-1] % r == 0 else x[..., :r]
  # Of blocks of r dims the first turns: one pass, where joining it to the rest may take several.
  blocks = (part.shape[-1] // r,) if part.shape[-1] > r else ()
  # Pairs get an axis of their own: halves joined on the last axis cost CPUs a pass of their own.
  axis, pairs = (-2, (2, r // 2)) if pairing == "half" else (-1, (r // 2, 2))
  y, rest = part.astype(cos.dtype), x[..., r:]
  shape = *x.shape[:-1], *blocks, *pairs
  a, b = (jax.lax.index_in_dim(y.reshape(shape), i, axis, keepdims=False) for i in (0, 1))
  cos, sin = (x[..., None, :] if blocks else x for x in (cos, sin))
  turned = a * cos - b * sin, b * cos + a * sin
  if blocks:
    first = jax.lax.broadcasted_iota(jnp.int32, a.shape, a.ndim - 2) == 0
    turned = tuple(jnp.where(first, new, old) for new, old in zip(turned, (a, b), strict=True))
  y = jnp.stack(turned, axis=axis).reshape(part.shape).astype(x.dtype)
  return y if part is x else jnp.concatenate([y, rest], axis=-1)


@encoding
class Rotary(Encoding):
  """RoPE on q and k; scores depend on relative positions only.

  Args:
    dim: r, how many dims of each head turn (the head dim, or fewer for partial RoPE); even.
    base: positive. Known bases, also an array of them to be swept by vmap, are exact, through
      ``jit`` as well; a base that is traced where the encoding is built rounds to float32.
    attention_scaling: multiplies cos and sin, so scores by its square (YaRN).
    pairing: "half" or "interleaved".

  Attributes:
    frequencies: ``[r // 2]``: ``Frequencies`` (``.radians`` is float64), or a float32 array where
      they are learned or were traced.

  Raises:
    TypeError: dim is not an int, base is not a number.
    ValueError: an odd dim, a base that is not positive; in a call, more dims than a head has.

  Example:
    >>> e = Rotary(4)
    >>> q, k = e.qk(jnp.ones((2, 1, 4)), jnp.ones((2, 1, 4)), jnp.arange(2), jnp.arange(2))
    >>> q.shape, e
    ((2, 1, 4), Rotary(dim=4, base=10000.0))
  """

  frequencies: phases.Frequencies | jax.Array
  attention_scaling: jax.Array
  pairing: str = static(default="half")

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, attention_scaling: Any = 1.0,
               pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    _errors.check_positive("attention_scaling", attention_scaling, "Without YaRN it is 1.0")
    self.set_fields(frequencies=rotary_frequencies(dim, base=base),
                    attention_scaling=attention_scaling, pairing=pairing)

  @classmethod
  def from_frequencies(cls, frequencies: Any, *, attention_scaling: Any = 1.0,
                       pairing: str = "half", learned: bool | None = None) -> "Rotary":
    """A rotary encoding of any frequencies ``[r // 2]``, radians per position or ``Frequencies``.

    Args:
      frequencies: known values (NumPy, lists, ``Frequencies``) are kept exactly, a ``jax.Array``
        stays a float leaf.
      attention_scaling, pairing: as in ``Rotary``.
      learned: whether the frequencies are a parameter, a float leaf that ``nn`` and
        ``px.partition`` train. None means True exactly when a ``jax.Array`` came.

    Returns:
      The encoding.

    Example:
      >>> Rotary.from_frequencies([1.0, 0.3, 0.2])
      Rotary(frequencies=Frequencies([1.0, 0.3, 0.2]))
      >>> Rotary.from_frequencies(jnp.array([1.0, 0.3]))
      Rotary(frequencies=f32[2], learned: frequencies)
    """
    self = cls(2, attention_scaling=attention_scaling, pairing=pairing)
    learned = isinstance(frequencies, jax.Array) if learned is None else _errors.check_bool(
        "learned", learned, "None decides by the type of the frequencies")
    exact = phases.as_frequencies(frequencies)
    if not learned:
      return self.replace(frequencies=exact)
    if isinstance(exact, phases.Frequencies):
      exact = jnp.asarray(exact.radians, jnp.float32)
    return _kinds.learn(self.replace(frequencies=exact), "frequencies")

  def _repr_fields(self):
    scaling = self.attention_scaling
    return (_bases.shown(self.frequencies)
            | ({} if _bases.is_one(scaling) else {"attention_scaling": scaling})
            | ({} if self.pairing == "half" else {"pairing": self.pairing}))

  def qk(self, q, k, q_positions, k_positions):
    turn = lambda x, at: rotate(x, at, self.frequencies, pairing=self.pairing,
                                scaling=self.attention_scaling)
    _checks.fits(q, self.frequencies.shape[-1], "dim")
    return turn(q, q_positions), turn(k, k_positions)
