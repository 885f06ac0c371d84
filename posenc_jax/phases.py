# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact phases: a frequency is a fixed-point fraction of a turn, a phase is integer arithmetic.

``float32(position) * float32(frequency)`` is wrong by 6e-2 rad at a million tokens. A frequency
here is held in three 32-bit words (``Frequencies``), computed on the host; position times frequency
modulo one turn is then a few wrapping integer multiplications, bit for bit the same on every
platform, and sine and cosine see only an angle of at most an eighth of a turn.
"""

import functools
import math
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _numerics
from posenc_jax._frequencies import Frequencies as Frequencies
from posenc_jax._frequencies import as_frequencies as as_frequencies
from posenc_jax._frequencies import check_words, negated
from posenc_jax._frequencies import frequencies as frequencies
from posenc_jax._frequencies import geometric_frequencies as geometric_frequencies


def _times(positions: jax.Array, t: Frequencies) -> jax.Array:
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


def _fraction_times(fraction: jax.Array, t: Frequencies) -> jax.Array:
  """uint32 phase of positions in [0, 1) given in 2^-32 units."""
  hi = jnp.asarray(t.hi)
  sixteen, low = np.uint32(16), np.uint32(0xFFFF)
  high = (fraction >> sixteen) * (hi >> sixteen)
  high += ((fraction & low) * (hi >> sixteen)) >> sixteen
  high += ((fraction >> sixteen) * (hi & low)) >> sixteen
  return high + fraction * jnp.asarray(t.whole)


def phase(positions: Any, t: Frequencies) -> jax.Array:
  """Position times frequency, modulo one turn, as uint32 in units of 2^-32 turns.

  Args:
    positions: ``[...]`` integers in [-2^31, 2^31), or float32/float64 (resolved to 2^-32 of a
      position).
    t: exact frequencies, ``[n]`` or broadcastable ``[..., n]``.

  Returns:
    uint32 ``[..., n]``; within 3 units (5e-9 rad) of the exact product for integers.

  Example:
    >>> quarter = frequencies(np.array([1.58]))  # radians: a little more than a quarter of a turn
    >>> (phase(jnp.arange(4), quarter)[:, 0] >> 30).tolist()
    [0, 1, 2, 3]
  """
  check_words(t)
  positions = jnp.asarray(_align.numbers(positions, "positions", real=True))[..., None]
  t = Frequencies(*_ranked(positions.ndim, t.whole, t.hi, t.lo))
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


def _rounded(radians: jax.Array) -> Frequencies:
  """Words of frequencies known only inside the trace: relative error 1e-7, 1e-16 in float64.

  Words are taken of the size and then negated: 1 - f would lose the low bits of a small f.
  """
  dtype = _numerics.wide(radians)
  t = jnp.abs(radians.astype(dtype)) * np.array(1 / (2 * math.pi), dtype)
  whole = jnp.floor(t)
  scaled = (t - whole) * np.array(2.0**32, dtype)
  hi = jnp.floor(scaled)
  lo = (scaled - hi) * np.array(2.0**32, dtype)
  words = whole.astype(jnp.uint32), hi.astype(jnp.uint32), lo.astype(jnp.uint32)
  pairs = zip(negated(*words), words, strict=True)
  return Frequencies(*(jnp.where(radians < 0, minus, plus) for minus, plus in pairs))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cos_sin(dtype, positions, radians, t):
  c, s = cos_sin_of_phase(phase(positions, t), dtype)
  # Words of a phase hold no NaN: what is not finite would pass for a pair that stands still.
  finite = [jnp.isfinite(radians)]
  if jnp.issubdtype(positions.dtype, jnp.floating):
    finite.append(jnp.isfinite(positions)[..., None])
  for f in _ranked(c.ndim, *finite):
    c, s = (jnp.where(f, x, np.array(np.nan, dtype)) for x in (c, s))
  return c, s


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


def cos_sin(positions: Any, frequencies: Any, *, dtype: Any = jnp.float32
            ) -> tuple[jax.Array, jax.Array]:
  """cos and sin of position times frequency, exact to about 1e-7 at any position below 2^31.

  Args:
    positions: ``[...]`` integers, or float32/float64 for real-valued positions.
    frequencies: ``[n]`` or broadcastable ``[..., n]``: ``Frequencies``, or radians per position.
      Known values (NumPy) are taken exactly; a ``jax.Array`` (swept or learned) keeps its float32
      rounding, 6e-8 of the angle, and has a gradient.
    dtype: float32 or float64 of the result.

  Returns:
    (cos, sin), each ``[..., n]``; NaN where a learned frequency, or a position or frequency
    that is known only inside a trace, is not finite.

  Raises:
    TypeError: positions or frequencies that are no such numbers.
    ValueError: known positions outside int32, NaN or infinity; a single frequency without an axis.

  Example:
    >>> c, s = cos_sin(jnp.array([0, 1]), np.array([np.pi / 2]))
    >>> s[:, 0].tolist()
    [0.0, 1.0]
  """
  positions = jnp.asarray(_align.numbers(positions, "positions", real=True))
  t = as_frequencies(frequencies)
  if isinstance(t, Frequencies):
    if not jnp.issubdtype(positions.dtype, jnp.floating):
      return cos_sin_of_phase(phase(positions, t), dtype)
    radians = t.float32()
  else:
    radians = t
    t = jax.tree.map(jax.lax.stop_gradient, _rounded(jax.lax.stop_gradient(radians)))
  c, s = _cos_sin(_numerics.wide(dtype, positions), positions, radians, t)
  return c.astype(dtype), s.astype(dtype)


def _ranked(rank, *arrays):
  arrays = [jnp.asarray(a) for a in arrays]
  return [a.reshape((1,) * max(rank - a.ndim, 0) + a.shape) for a in arrays]
