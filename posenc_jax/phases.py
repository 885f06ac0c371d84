# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact phases: a frequency is a fixed-point fraction of a turn, a phase is integer arithmetic.

``float32(position) * float32(frequency)`` is wrong by 6e-2 rad at a million tokens. A frequency
here is held in two 32-bit limbs (``Turns``), computed on the host; position times frequency modulo
one turn is then a few wrapping integer multiplications, bit for bit the same on every platform, and
sine and cosine see only an angle of at most an eighth of a turn.
"""

import decimal
import fractions
import functools
import math
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding

_PI = decimal.Decimal("3.141592653589793238462643383279502884197169399375105820974944592307816406")
_CONTEXT = decimal.Context(prec=60)


@encoding
class Turns(Encoding):
  """Frequencies as turns per position: (whole + hi / 2^32 + lo / 2^64), modulo 2^32 turns.

  A PyTree of three uint32 arrays ``[..., n]``, so that an encoding that goes through ``jit`` as an
  argument, or through ``vmap`` with stacked leaves, stays exact. Build it with ``turns`` or
  ``geometric_turns``.
  """

  whole: jax.Array
  hi: jax.Array
  lo: jax.Array

  @property
  def radians(self) -> np.ndarray | jax.Array:
    """Radians per position: float64 NumPy where the limbs are known, float32 under a trace."""
    known = [_errors.concrete(x) for x in (self.whole, self.hi, self.lo)]
    if any(x is None for x in known):
      return self.float32()
    words = [(int(w) << 64) + (int(h) << 32) + int(o)
             for w, h, o in zip(*(x.reshape(-1) for x in known), strict=True)]
    with decimal.localcontext(_CONTEXT):
      values = [float(decimal.Decimal(w) / 2**64 * 2 * _PI) for w in words]
    return np.asarray(values).reshape(known[0].shape)

  def float32(self) -> jax.Array:
    """Radians per position, rounded to float32; used for tangents and decay terms."""
    hi = jnp.asarray(self.hi).astype(jnp.float32) * np.float32(2.0**-32)
    return (jnp.asarray(self.whole).astype(jnp.float32) + hi) * np.float32(2 * math.pi)


def _limbs(values: list[decimal.Decimal], shape: tuple[int, ...]) -> Turns:
  scaled = [int(_CONTEXT.to_integral_value(v * 2**64)) % 2**96 for v in values]
  words = [[(s >> shift) & 0xFFFFFFFF for s in scaled] for shift in (64, 32, 0)]
  return Turns(*(np.asarray(w, np.uint32).reshape(shape) for w in words))


def turns(radians: np.ndarray) -> Turns:
  """Turns of frequencies given in radians per position, exact to the float that was given.

  Args:
    radians: ``[..., n]`` known values (NumPy float64 keeps the most).

  Returns:
    Turns of the same shape.

  Example:
    >>> turns(np.array([1.0, 0.01])).radians.tolist()
    [1.0, 0.01]
  """
  known = _errors.concrete(radians)
  with decimal.localcontext(_CONTEXT):
    values = [decimal.Decimal(float(f)) / (2 * _PI) for f in known.reshape(-1)]
    return _limbs(values, known.shape)


def geometric_turns(base: float | np.ndarray,
                    exponents: Sequence[float | fractions.Fraction]) -> Turns:
  """Turns of the frequencies base^(-e) radians per position, computed in 60 decimal digits.

  float64 frequencies are not enough: half an ulp of a frequency near 1 is 1e-7 rad at 2^31.

  Args:
    base: known, positive: a number, or an array ``[...]`` of several bases.
    exponents: n numbers, ``fractions.Fraction`` for exact ones.

  Returns:
    Turns ``[..., n]``.

  Raises:
    ValueError: a base that is not positive.

  Example:
    >>> round(float(geometric_turns(10_000.0, [0.5]).radians[0]), 12)
    0.01
  """
  _errors.check_positive("base", base, "The paper's value is 10000.0")
  bases = np.asarray(base, np.float64)
  with decimal.localcontext(_CONTEXT):
    ratios = [fractions.Fraction(e) for e in exponents]
    exact = [decimal.Decimal(f.numerator) / f.denominator for f in ratios]
    logs = [decimal.Decimal(float(b)).ln() for b in bases.reshape(-1)]
    values = [(-e * log).exp() / (2 * _PI) for log in logs for e in exact]
  return _limbs(values, (*bases.shape, len(exponents)))


def _times(positions: jax.Array, t: Turns) -> jax.Array:
  """uint32 phase, in 2^-32 turns, of int32 positions; within 3 units of the exact product."""
  p = positions.astype(jnp.uint32)
  hi, lo = jnp.asarray(t.hi), jnp.asarray(t.lo)
  sixteen, low = np.uint32(16), np.uint32(0xFFFF)
  # The upper word of p * lo from 16-bit halves; the lowest partial product is below one unit.
  high = (p >> sixteen) * (lo >> sixteen)
  high += ((p & low) * (lo >> sixteen)) >> sixteen
  high += ((p >> sixteen) * (lo & low)) >> sixteen
  # A negative position arrived as p + 2^32, which adds 2^32 * lo / 2^32 = lo to the product.
  return p * hi + high - jnp.where(positions < 0, lo, np.uint32(0))


def _fraction_times(fraction: jax.Array, t: Turns) -> jax.Array:
  """uint32 phase of positions in [0, 1) given in 2^-32 units."""
  hi = jnp.asarray(t.hi)
  sixteen, low = np.uint32(16), np.uint32(0xFFFF)
  high = (fraction >> sixteen) * (hi >> sixteen)
  high += ((fraction & low) * (hi >> sixteen)) >> sixteen
  high += ((fraction >> sixteen) * (hi & low)) >> sixteen
  return high + fraction * jnp.asarray(t.whole)


def phase(positions: jax.Array, t: Turns) -> jax.Array:
  """Position times frequency, modulo one turn, as uint32 in units of 2^-32 turns.

  Args:
    positions: ``[...]`` integers in [-2^31, 2^31), or float32/float64 (resolved to 2^-32 of a
      position).
    t: the frequencies, ``[n]`` or broadcastable ``[..., n]``.

  Returns:
    uint32 ``[..., n]``; within 3 units (5e-9 rad) of the exact product for integers.

  Example:
    >>> quarter = turns(np.array([1.58]))  # radians: a little more than a quarter of a turn
    >>> (phase(jnp.arange(4), quarter)[:, 0] >> 30).tolist()
    [0, 1, 2, 3]
  """
  positions = jnp.asarray(positions)[..., None]
  t = Turns(*_ranked(positions.ndim, t.whole, t.hi, t.lo))
  if jnp.issubdtype(positions.dtype, jnp.integer):
    return _times(positions.astype(jnp.int32), t)
  whole = jnp.floor(positions)
  fraction = ((positions - whole) * np.array(2.0**32, positions.dtype)).astype(jnp.uint32)
  return _times(whole.astype(jnp.int32), t) + _fraction_times(fraction, t)


def cos_sin_of_phase(u: jax.Array, dtype: jnp.dtype = jnp.float32) -> tuple[jax.Array, jax.Array]:
  """Cosine and sine of a uint32 phase; error at most 1.2e-7 in float32.

  The nearest quarter of a turn is split off, polynomials see |x| <= pi/4, and the quarter swaps
  and negates them.

  Args:
    u: uint32 ``[...]``, units of 2^-32 turns.
    dtype: float32 or float64.

  Returns:
    (cos, sin), each ``[...]`` of ``dtype``.

  Example:
    >>> c, s = cos_sin_of_phase(jnp.array([0, 2**30], jnp.uint32))
    >>> c.tolist(), s.tolist()
    ([1.0, 0.0], [0.0, 1.0])
  """
  chex.assert_type(u, jnp.uint32)
  quarter = (u + np.uint32(1 << 29)) >> np.uint32(30)
  rest = jax.lax.bitcast_convert_type(u - (quarter << np.uint32(30)), jnp.int32)
  x = rest.astype(dtype) * np.array(2 * math.pi / 2.0**32, dtype)
  if dtype == jnp.float64:
    cos, sin = jnp.cos(x), jnp.sin(x)
  else:
    x2 = x * x
    sin = x + x * x2 * (np.float32(-1.6666654611e-1)
                        + x2 * (np.float32(8.3321608736e-3) + x2 * np.float32(-1.9515295891e-4)))
    cos = np.float32(1) + x2 * (np.float32(-0.5) + x2 * (
        np.float32(4.166664568298827e-2)
        + x2 * (np.float32(-1.388731625493765e-3) + x2 * np.float32(2.443315711809948e-5))))
  odd = (quarter & np.uint32(1)) == np.uint32(1)
  c, s = jnp.where(odd, sin, cos), jnp.where(odd, cos, sin)
  # cos is negative in quarters 1 and 2, sin in quarters 2 and 3.
  minus_c = ((quarter + np.uint32(1)) & np.uint32(2)) == np.uint32(2)
  minus_s = (quarter & np.uint32(2)) == np.uint32(2)
  return jnp.where(minus_c, -c, c), jnp.where(minus_s, -s, s)


def sin_of_phase(u: jax.Array) -> jax.Array:
  """Sine of a uint32 phase; error at most 1.4e-7.

  The half turn around a quarter and three quarters is mirrored, so one polynomial serves all.

  Args:
    u: uint32 ``[...]``, units of 2^-32 turns.

  Returns:
    float32 ``[...]``.

  Example:
    >>> sin_of_phase(jnp.array([0, 2**30, 3 * 2**30], jnp.uint32)).tolist()
    [0.0, 1.0, -1.0]
  """
  chex.assert_type(u, jnp.uint32)
  x = jax.lax.bitcast_convert_type(u, jnp.int32)
  half, quarter = np.int32(-2**31), np.int32(2**30)
  x = jnp.where((x > quarter) | (x < -quarter), half - x, x).astype(jnp.float32)
  x = x * np.float32(2 * math.pi / 2.0**32)
  x2 = x * x
  return x + x * x2 * (np.float32(-1.6666657096e-1) + x2 * (
      np.float32(8.3330172907e-3)
      + x2 * (np.float32(-1.9806615151e-4) + x2 * np.float32(2.6000546729e-6))))


def _rounded_turns(radians: jax.Array) -> Turns:
  """Turns of a frequency known only inside the trace: relative error 1e-7, 1e-16 in float64."""
  dtype = jnp.float64 if radians.dtype == jnp.float64 else jnp.float32
  t = radians.astype(dtype) * np.array(1 / (2 * math.pi), dtype)
  whole = jnp.floor(t)
  scaled = (t - whole) * np.array(2.0**32, dtype)
  hi = jnp.floor(scaled)
  lo = (scaled - hi) * np.array(2.0**32, dtype)
  return Turns(whole.astype(jnp.int32).astype(jnp.uint32), hi.astype(jnp.uint32),
               lo.astype(jnp.uint32))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cos_sin(dtype, positions, radians, t):
  del radians
  return cos_sin_of_phase(phase(positions, t), dtype)


@_cos_sin.defjvp
def _cos_sin_jvp(dtype, primals, tangents):
  positions, radians, _ = primals
  c, s = out = _cos_sin(dtype, *primals)
  angle = jnp.zeros_like(c)
  for dp, df in ((tangents[0], radians), (positions, tangents[1])):
    if jax.dtypes.float0 not in (dp.dtype, df.dtype):
      df, = _ranked(c.ndim, df.astype(c.dtype))
      angle = angle + dp.astype(c.dtype)[..., None] * df
  return out, (-s * angle, c * angle)


def cos_sin(positions: jax.Array, frequencies: object, *, dtype: jnp.dtype = jnp.float32
            ) -> tuple[jax.Array, jax.Array]:
  """cos and sin of position times frequency, exact to about 1e-7 at any position below 2^31.

  Args:
    positions: ``[...]`` integers, or float32/float64 for real-valued positions.
    frequencies: ``[n]`` or broadcastable ``[..., n]``: ``Turns``, or radians per position. Known
      values (NumPy) are taken exactly; a float32 array that is only known inside a trace (swept or
      learned) keeps its float32 rounding, 6e-8 of the angle, and has a gradient.
    dtype: float32 or float64 of the result.

  Returns:
    (cos, sin), each ``[..., n]``.

  Example:
    >>> c, s = cos_sin(jnp.array([0, 1]), np.array([np.pi / 2]))
    >>> s[:, 0].tolist()
    [0.0, 1.0]
  """
  positions = jnp.asarray(positions)
  if isinstance(frequencies, Turns):
    t = frequencies
  elif _errors.concrete(frequencies) is not None and not isinstance(frequencies, jax.Array):
    t = turns(frequencies)
  else:
    t = None
  if t is not None and not jnp.issubdtype(positions.dtype, jnp.floating):
    return cos_sin_of_phase(phase(positions, t), dtype)
  radians = frequencies if t is None else t.float32()
  if t is None:
    t = jax.tree.map(jax.lax.stop_gradient, _rounded_turns(jax.lax.stop_gradient(radians)))
  wide = jnp.float64 in (dtype, positions.dtype)
  c, s = _cos_sin(jnp.float64 if wide else jnp.float32, positions, radians, t)
  return c.astype(dtype), s.astype(dtype)


def _ranked(rank, *arrays):
  arrays = [jnp.asarray(a) for a in arrays]
  return [a.reshape((1,) * max(rank - a.ndim, 0) + a.shape) for a in arrays]
