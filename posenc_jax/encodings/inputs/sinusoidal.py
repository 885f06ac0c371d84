# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinusoidal absolute positions, added to the embeddings (hook ``inputs``).

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762, section 3.5.
Differs from the paper: nothing by default; ``layout="halves"`` and ``divisor="last"`` are the
other tables in circulation, which are not interchangeable with the paper's.
"""

import fractions
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, encoding, static

LAYOUTS = ("interleaved", "halves")
DIVISORS = ("dim", "last")


def sinusoidal_exponents(dim: int, divisor: str = "dim") -> list[fractions.Fraction]:
  """Exponents e of the n = ceil(d/2) frequencies base^(-e): 2i/d ("dim") or i/(n-1) ("last")."""
  count = -(-dim // 2)
  below = fractions.Fraction(dim, 2) if divisor == "dim" else max(count - 1, 1)
  return [fractions.Fraction(i) / below for i in range(count)]


def sinusoidal(positions: jax.Array, dim: int, *, base: float = 10_000.0,
               layout: str = "interleaved", divisor: str = "dim") -> jax.Array:
  """PE(p, 2i) = sin(p / base^(2i/d)), PE(p, 2i+1) = cos of the same, exact at any position.

  Args:
    positions: ``[...]`` int32, or float32 for real-valued positions; any values, negative too.
    dim: D, the width of the table. An odd width drops the last cosine.
    base: positive. A known base gives exact angles; a traced one keeps float32 frequencies.
    layout: "interleaved" puts sine and cosine in neighbouring columns, as the paper; "halves"
      puts all sines first (tensor2tensor and its descendants).
    divisor: "dim" is the paper's exponent 2i/d; "last" is i/(n-1) with n = d/2 frequencies, so
      that the slowest frequency is exactly 1/base (tensor2tensor).

  Returns:
    float32 ``[..., dim]``.

  Raises:
    ValueError: dim < 1, base <= 0, an unknown layout or divisor.
    TypeError: positions in a 16-bit float.

  Example:
    >>> sinusoidal(jnp.arange(2), 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 0.9999]]

  References:
    Vaswani et al. 2017, arXiv 1706.03762, section 3.5.
  """
  check_position_dtype(positions)
  _errors.check_choice("layout", layout, LAYOUTS)
  return _table(positions, sinusoidal_frequencies(dim, base=base, divisor=divisor), dim, layout)


def _table(positions, frequencies, dim, layout):
  known = isinstance(frequencies, phases.Turns)
  if known and not jnp.issubdtype(jnp.result_type(positions), jnp.floating):
    # One sine for each column, a quarter of a turn ahead for a cosine: nothing to be joined.
    columns, count = np.arange(dim), (dim + 1) // 2
    index, ahead = np.divmod(columns, 2) if layout == "interleaved" else (
        columns % count, columns // count)
    turns = jax.tree.map(lambda x: jnp.asarray(x)[..., index], frequencies)
    phase = phases.phase(positions, turns)
    ahead = jnp.broadcast_to(jnp.asarray(ahead << 30, jnp.uint32), phase.shape)
    table = phases.sin_of_phase(phase + ahead)
  else:
    cos, sin = phases.cos_sin(positions, frequencies)
    if layout == "interleaved":
      table = jnp.stack([sin, cos], axis=-1).reshape(*cos.shape[:-1], -1)[..., :dim]
    else:
      table = jnp.concatenate([sin, cos[..., :dim // 2]], axis=-1)
  chex.assert_shape(table, (*jnp.shape(positions), dim))
  return table


def sinusoidal_frequencies(dim: int, *, base: float = 10_000.0, divisor: str = "dim"):
  """Frequencies of ``sinusoidal`` in ``ceil(dim/2)`` columns: ``Turns``, or float32 if traced."""
  if dim < 1:
    raise _errors.value_error("dim", dim, "at least 1", "Pass the model width")
  _errors.check_choice("divisor", divisor, DIVISORS)
  exponents = sinusoidal_exponents(dim, divisor)
  if _errors.concrete(base) is not None:
    return phases.geometric_turns(_errors.concrete(base), exponents)
  e = jnp.asarray([float(x) for x in exponents], jnp.float32)
  return jnp.exp(-jnp.log(jnp.asarray(base, jnp.float32))[..., None] * e)


def check_position_dtype(positions) -> None:
  """Refuses positions in 16-bit floats, which cannot count."""
  dtype = jnp.result_type(positions)
  if jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4:
    raise _errors.type_error("positions", dtype.name, "int32, or float32 for real-valued positions",
                             f"{dtype.name} cannot hold every integer above "
                             f"{256 if dtype.name == 'bfloat16' else 2048}; pass int32 positions")


def tutorial_growing_angle(length: int, dim: int) -> jax.Array:
  """PE[i, j] = sin(i * 10000^(j/d)) / 10^(j/d), a formula that circulates in tutorials.

  Differs from the paper: the angle is multiplied by 10000^(j/d) where the paper divides, there is
  no cosine, and later columns are scaled down to a tenth. What it costs: neighbouring positions
  are up to 10000 radians apart, so columns look like noise that no linear map can relate
  (PE(p + k) is not a linear function of PE(p) without the cosine), and sines of such angles need
  exact arithmetic, which tutorials do not use; this function does.

  Args:
    length: T.
    dim: D.

  Returns:
    float32 ``[T, D]``.

  Example:
    >>> tutorial_growing_angle(2, 2).round(4).tolist()
    [[0.0, 0.0], [0.8415, -0.1601]]
  """
  positions = jnp.arange(length, dtype=jnp.int32)
  frequencies = phases.geometric_turns(10_000.0, [fractions.Fraction(-j, dim) for j in range(dim)])
  _, sin = phases.cos_sin(positions, frequencies)
  decay = jnp.asarray([10.0 ** (-j / dim) for j in range(dim)], jnp.float32)
  return sin * decay[None, :]


def tutorial_doubled_exponent(length: int, dim: int) -> jax.Array:
  """sin and cos of p / 10000^(2i/d) with i already even, a slip that circulates in tutorials.

  Differs from the paper: the loop variable i runs over 0, 2, 4, .. and is doubled once more, so
  column 2j uses the exponent 4j/d in place of 2j/d. What it costs: frequencies fall twice as fast
  on a log scale, to 1e-8: from column d/2 on they are below 1e-4, columns hardly change within
  10000 positions, and half of the table is spent on a constant.

  Args:
    length: T.
    dim: D, even.

  Returns:
    float32 ``[T, D]``, interleaved.

  Raises:
    ValueError: dim is odd.

  Example:
    >>> tutorial_doubled_exponent(2, 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0001, 1.0]]
  """
  if dim % 2:
    raise _errors.value_error("dim", dim, "an even width", f"Use {dim + 1}, or sinusoidal()")
  exponents = [fractions.Fraction(4 * j, dim) for j in range(dim // 2)]
  cos, sin = phases.cos_sin(jnp.arange(length, dtype=jnp.int32),
                            phases.geometric_turns(10_000.0, exponents))
  return jnp.stack([sin, cos], axis=-1).reshape(length, dim)


def tutorial_one_frequency(x: jax.Array, amplitude: float | jax.Array) -> jax.Array:
  """X_abs = X + E(t) + E(t+T) with E(t) = P sin(2 pi t / 10000), E(t+T) = P cos(2 pi t / 10000).

  Differs from the paper: one frequency for all columns in place of d/2, and sine and cosine are
  added to the same columns. What it costs: their sum is sqrt(2) P sin(2 pi t / 10000 + pi/4), so a
  position is a single number on one direction, it repeats each value twice a period, and the first
  positions differ by 6e-4 P: a model can hardly tell neighbours apart.

  Args:
    x: ``[..., T, D]`` embeddings.
    amplitude: P, a number or ``[D]``.

  Returns:
    Like x.

  Example:
    >>> tutorial_one_frequency(jnp.zeros((2, 1)), 1.0).round(6).tolist()
    [[1.0], [1.000628]]
  """
  t = jnp.arange(x.shape[-2], dtype=jnp.int32)
  cos, sin = phases.cos_sin(t, [2 * math.pi / 10_000.0])
  p = jnp.broadcast_to(jnp.asarray(amplitude, jnp.float32), x.shape[-1:])
  added = p[None, :] * sin + p[None, :] * cos
  return (x + added.reshape((1,) * (x.ndim - 2) + added.shape).astype(x.dtype)).astype(x.dtype)


@encoding
class Sinusoidal(Encoding):
  """Adds ``scale * sinusoidal(positions, D)`` to the embeddings.

  Args:
    dim: D, the width of the embeddings.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    scale: multiplies the table; a learned scale is the "scaled sinusoid".
    layout, divisor: as in ``sinusoidal``.

  Example:
    >>> Sinusoidal(4).inputs(jnp.zeros((1, 2, 4)), jnp.arange(2)[None]).shape
    (1, 2, 4)
  """

  turns: phases.Turns | jax.Array
  scale: jax.Array
  dim: int = static()
  layout: str = static()

  def __init__(self, dim: int, *, base=10_000.0, scale=1.0, layout="interleaved", divisor="dim"):
    _errors.check_choice("layout", layout, LAYOUTS)
    self.set_fields(turns=sinusoidal_frequencies(dim, base=base, divisor=divisor), scale=scale,
                    dim=dim, layout=layout)

  @property
  def frequencies(self):
    """Radians per position: float64 NumPy where known, float32 under a trace or when swept."""
    return self.turns.radians if isinstance(self.turns, phases.Turns) else self.turns

  def inputs(self, x, positions):
    if x.shape[-1] != self.dim:
      raise _errors.value_error("x", f"width {x.shape[-1]}", f"the width {self.dim} of the table",
                                "Build Sinusoidal with the model's width")
    table = _table(positions, self.turns, self.dim, self.layout)
    return x + (self.scale * table.astype(self.scale.dtype)).astype(x.dtype)
