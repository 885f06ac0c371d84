# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinusoidal absolute positions, added to the embeddings (hook ``inputs``).

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762, section 3.5.
Differs from the paper: nothing by default; ``layout="halves"`` and ``divisor="last"`` are the
other tables in circulation, which are not interchangeable with the paper's.
"""

import fractions
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks

LAYOUTS = ("interleaved", "halves")
DIVISORS = ("dim", "last")


def _exponents(d_model: int, divisor: str) -> list[fractions.Fraction]:
  """Exponents e of the n = ceil(d/2) frequencies base^(-e): 2i/d ("dim") or i/(n-1) ("last")."""
  count = -(-d_model // 2)
  below = fractions.Fraction(d_model, 2) if divisor == "dim" else max(count - 1, 1)
  return [fractions.Fraction(i) / below for i in range(count)]


def sinusoidal(positions: Any, d_model: int, *, base: Any = 10_000.0,
               layout: str = "interleaved", divisor: str = "dim") -> jax.Array:
  """PE(p, 2i) = sin(p / base^(2i/d)), PE(p, 2i+1) = cos of the same, exact at any position.

  Args:
    positions: ``[...]`` int32, or float32 for real-valued positions; any values, negative too. A
      plain Python int is refused, as it is a length more often than a position.
    d_model: D, the width of the table. An odd width drops the last cosine.
    base: positive. A known base gives exact angles; a traced one keeps float32 frequencies.
    layout: "interleaved" puts sine and cosine in neighbouring columns, as the paper; "halves"
      puts all sines first (tensor2tensor and its descendants).
    divisor: "dim" is the paper's exponent 2i/d; "last" is i/(n-1) with n = d/2 frequencies, so
      that the slowest frequency is exactly 1/base (tensor2tensor).

  Returns:
    float32 ``[..., d_model]``.

  Raises:
    ValueError: d_model < 1, base <= 0, an unknown layout or divisor.
    TypeError: a length in place of positions, positions in a 16-bit float, a traced d_model.

  Example:
    >>> sinusoidal(jnp.arange(2), 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 0.9999]]

  References:
    Vaswani et al. 2017, arXiv 1706.03762, section 3.5.
  """
  positions = _checks.positions(positions, real=True)
  _errors.check_choice("layout", layout, LAYOUTS)
  frequencies = sinusoidal_frequencies(d_model, base=base, divisor=divisor)
  return _table(positions, phases.as_frequencies(frequencies, single=True), int(d_model), layout)


def _table(positions, frequencies, d_model, layout, dtype=jnp.float32):
  exact = isinstance(frequencies, phases.Frequencies) and dtype == jnp.float32
  if exact and not jnp.issubdtype(positions.dtype, jnp.floating):
    # One sine for each column, a quarter of a turn ahead for a cosine: nothing to be joined.
    columns, count = np.arange(d_model), (d_model + 1) // 2
    index, ahead = np.divmod(columns, 2) if layout == "interleaved" else (
        columns % count, columns // count)
    phase = phases.phase(positions, jax.tree.map(lambda x: jnp.asarray(x)[index], frequencies))
    ahead = jnp.broadcast_to(jnp.asarray(ahead << 30, jnp.uint32), phase.shape)
    return phases.sin_of_phase(phase + ahead)
  cos, sin = phases.cos_sin(positions, frequencies, dtype=dtype)
  if layout == "interleaved":
    return jnp.stack([sin, cos], axis=-1).reshape(*cos.shape[:-1], -1)[..., :d_model]
  return jnp.concatenate([sin, cos[..., :d_model // 2]], axis=-1)


def sinusoidal_frequencies(d_model: int, *, base: Any = 10_000.0, divisor: str = "dim") -> Any:
  """The frequencies of ``sinusoidal``'s ``ceil(d_model/2)`` sines.

  Args:
    d_model: D.
    base: positive; or an array ``[...]`` of several, to be swept by vmap.
    divisor: as in ``sinusoidal``.

  Returns:
    ``[ceil(d_model/2)]``: exact ``Frequencies``, or a float32 ``jax.Array`` for a traced base.

  Raises:
    TypeError: d_model is not an int, or traced.
    ValueError: d_model < 1, base <= 0, an unknown divisor.

  Example:
    >>> sinusoidal_frequencies(3, base=8.0, divisor="last").tolist()
    [1.0, 0.125]
  """
  d_model = _checks.size("d_model", d_model, "Pass the model width")
  _errors.check_choice("divisor", divisor, DIVISORS)
  return _bases.powers(base, _exponents(d_model, divisor))


def tutorial_growing_angle(length: int, d_model: int) -> jax.Array:
  """PE[i, j] = sin(i * 10000^(j/d)) / 10^(j/d), a formula that circulates in tutorials.

  Differs from the paper: the angle is multiplied by 10000^(j/d) where the paper divides, there is
  no cosine, and later columns are scaled down to a tenth. What it costs: neighbouring positions
  are up to 10000 radians apart, so columns look like noise that no linear map can relate
  (PE(p + k) is not a linear function of PE(p) without the cosine), and sines of such angles need
  exact arithmetic, which tutorials do not use; this function does.

  Args:
    length: T.
    d_model: D.

  Returns:
    float32 ``[T, D]``.

  Example:
    >>> tutorial_growing_angle(2, 2).round(4).tolist()
    [[0.0, 0.0], [0.8415, -0.1601]]
  """
  length, d_model = _sizes(length, d_model)
  positions = jnp.arange(length, dtype=jnp.int32)
  frequencies = phases.geometric_frequencies(
      10_000.0, [fractions.Fraction(-j, d_model) for j in range(d_model)])
  _, sin = phases.cos_sin(positions, frequencies)
  decay = jnp.asarray([10.0 ** (-j / d_model) for j in range(d_model)], jnp.float32)
  return sin * decay[None, :]


def tutorial_doubled_exponent(length: int, d_model: int) -> jax.Array:
  """sin and cos of p / 10000^(2i/d) with i already even, a slip that circulates in tutorials.

  Differs from the paper: the loop variable i runs over 0, 2, 4, .. and is doubled once more, so
  column 2j uses the exponent 4j/d in place of 2j/d. What it costs: frequencies fall twice as fast
  on a log scale, to 1e-8: from column d/2 on they are below 1e-4, columns hardly change within
  10000 positions, and half of the table is spent on a constant.

  Args:
    length: T.
    d_model: D, even.

  Returns:
    float32 ``[T, D]``, interleaved.

  Raises:
    ValueError: d_model is odd.

  Example:
    >>> tutorial_doubled_exponent(2, 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0001, 1.0]]
  """
  length, d_model = _sizes(length, d_model)
  if d_model % 2:
    raise _errors.value_error("d_model", d_model, "an even width",
                              f"Use {d_model + 1}, or sinusoidal()")
  exponents = [fractions.Fraction(4 * j, d_model) for j in range(d_model // 2)]
  cos, sin = phases.cos_sin(jnp.arange(length, dtype=jnp.int32),
                            phases.geometric_frequencies(10_000.0, exponents))
  return jnp.stack([sin, cos], axis=-1).reshape(length, d_model)


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
  x = _checks.floats("x", x, "[..., T, D]", "Pass the embeddings")
  amplitude = _checks.floats("amplitude", amplitude, "[]" if not np.ndim(amplitude) else "[D]",
                             "One number, or one a column", sizes={"D": x.shape[-1]})
  t = jnp.arange(x.shape[-2], dtype=jnp.int32)
  cos, sin = phases.cos_sin(t, [2 * math.pi / 10_000.0])
  p = jnp.broadcast_to(jnp.asarray(amplitude, jnp.float32), x.shape[-1:])
  added = p[None, :] * sin + p[None, :] * cos
  return (x + added.reshape((1,) * (x.ndim - 2) + added.shape).astype(x.dtype)).astype(x.dtype)


def tutorial_halved_matrix(x: jax.Array) -> jax.Array:
  """X_abs = X + P sin(2 pi t / 10000) + P cos(2 pi t / 10000) with P made of sine and cosine too.

  P is built D x T: sin(2 pi t / 10000) stands in the first half of its rows, cos(2 pi t / 10000) in
  the second half, and both are then multiplied by the sine and by the cosine again. Transposed
  here, so rows of P are columns of x.

  Differs from the paper: one frequency in place of d/2, and a product in place of the pair. With
  a = 2 pi t / 10000, sin a (sin a + cos a) = (1 - cos 2a + sin 2a) / 2 is added to each column of
  the first half, and cos a (sin a + cos a) = (1 + cos 2a + sin 2a) / 2 to each of the second. What
  it costs: a position is two numbers, repeated D/2 times; the product doubles the angle, so the
  period is 5000, half of what was written; every embedding is moved by 1/2; and neighbours differ
  by at most 9e-4 in a column. It is better than ``tutorial_one_frequency`` in one respect: the two
  numbers lie on a circle, so positions of one period can be told apart.

  Args:
    x: ``[..., T, D]`` embeddings, D even.

  Returns:
    Like x.

  Raises:
    ValueError: D is odd.

  Example:
    >>> tutorial_halved_matrix(jnp.zeros((2, 2))).round(6).tolist()
    [[0.0, 1.0], [0.000629, 1.000628]]
  """
  x = _checks.floats("x", x, "[..., T, D]", "Pass the embeddings")
  length, d_model = x.shape[-2:]
  if d_model % 2:
    raise _errors.value_error("x", f"width {d_model}", "an even width, for two halves",
                              f"Use {d_model + 1}, or Sinusoidal")
  cos, sin = phases.cos_sin(jnp.arange(length, dtype=jnp.int32), [2 * math.pi / 10_000.0])
  half = (length, d_model // 2)
  p = jnp.concatenate([jnp.broadcast_to(sin, half), jnp.broadcast_to(cos, half)], axis=-1)
  added = p * sin + p * cos
  return (x + added.reshape((1,) * (x.ndim - 2) + added.shape).astype(x.dtype)).astype(x.dtype)


def _sizes(length, d_model):
  return (_checks.size("length", length, "Pass the number of positions, T"),
          _checks.size("d_model", d_model, "Pass the model width, D"))


@encoding
class Sinusoidal(Encoding):
  """Adds ``scale * sinusoidal(positions, D)`` to the embeddings.

  Args:
    d_model: D, the width of the embeddings.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    scale: multiplies the table; ``learn(e, "scale")`` makes it the learned "scaled sinusoid".
    layout, divisor: as in ``sinusoidal``.

  Raises:
    TypeError: d_model is not an int.
    ValueError: d_model < 1, base <= 0, an unknown layout or divisor; in a call, another width.

  Example:
    >>> Sinusoidal(4).inputs(jnp.zeros((1, 2, 4)), jnp.arange(2)[None]).shape
    (1, 2, 4)
  """

  frequencies: phases.Frequencies | jax.Array
  scale: jax.Array
  d_model: int = static()
  layout: str = static(default="interleaved")
  divisor: str = static(default="dim")

  _renamed_arguments: ClassVar[dict[str, str]] = {"dim": "d_model"}

  def __init__(self, d_model: int, *, base: Any = 10_000.0, scale: Any = 1.0,
               layout: str = "interleaved", divisor: str = "dim"):
    _errors.check_choice("layout", layout, LAYOUTS)
    scale = _checks.floats("scale", scale, "[]", "The paper has 1.0", stacked=True)
    self.set_fields(frequencies=sinusoidal_frequencies(d_model, base=base, divisor=divisor),
                    scale=scale, d_model=int(d_model), layout=layout, divisor=divisor)

  def _repr_fields(self):
    base = _bases.base_of(self.frequencies, _exponents(self.d_model, self.divisor))
    shown = {"frequencies": self.frequencies} if base is None else {"base": base}
    shown |= {} if self.divisor == "dim" else {"divisor": self.divisor}
    scale = {} if _bases.is_one(self.scale) else {"scale": self.scale}
    layout = {} if self.layout == "interleaved" else {"layout": self.layout}
    return {"d_model": self.d_model} | shown | scale | layout

  def inputs(self, x, positions):
    if x.shape[-1] != self.d_model:
      raise _errors.value_error(
        "x", f"width {x.shape[-1]}", f"the width {self.d_model} of the table",
        "Build Sinusoidal with the model's width")
    positions = _align.align_array(positions, x.ndim - 2, x.shape[-2], 0, "positions")
    mend = "An encoding with stacked leaves needs jax.vmap over the encoding"
    dtype = _numerics.wide(x)
    scale = jnp.asarray(_checks.factor("scale", self.scale, mend)).astype(dtype)
    frequencies = phases.as_frequencies(self.frequencies, single=True)
    table = _table(positions, frequencies, self.d_model, self.layout, dtype)
    return x + (scale * table).astype(x.dtype)
