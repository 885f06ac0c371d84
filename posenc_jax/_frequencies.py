# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frequencies as fixed-point fractions of a turn, computed on the host in 60 decimal digits.

``phases`` multiplies them by positions; its public names include these.
"""

import decimal
import fractions
import math
from collections.abc import Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics, _tree

_PI = decimal.Decimal("3.141592653589793238462643383279502884197169399375105820974944592307816406")
_CONTEXT = decimal.Context(prec=60)


@_tree.register
class Frequencies(_tree.Tree):
  """Exact frequencies, as turns per position: (whole + hi / 2^32 + lo / 2^64), modulo 2^32 turns.

  A PyTree of three uint32 arrays ``[..., n]``, so that an encoding that goes through ``jit`` as an
  argument, or through ``vmap`` with stacked leaves, stays exact. Build it with ``frequencies``,
  ``geometric_frequencies`` or ``posenc_jax.rotary_frequencies``; read it with ``radians``.

  Example:
    >>> f = geometric_frequencies(10_000.0, [0, 0.5])
    >>> f
    Frequencies([1.0, 0.01])
    >>> f.shape, len(f), f.tolist()
    ((2,), 2, [1.0, 0.01])
  """

  whole: jax.Array | np.ndarray
  hi: jax.Array | np.ndarray = None  # type: ignore[assignment]
  lo: jax.Array | np.ndarray = None  # type: ignore[assignment]

  def __post_init__(self):
    if self.hi is None or self.lo is None:
      raise _errors.type_error("Frequencies", _errors.describe(self.whole), "three arrays of words",
                               "posenc_jax.phases.frequencies(radians) makes them of numbers")

  @property
  def radians(self) -> Any:
    """Radians per position: float64 NumPy where the words are known, float32 under a trace."""
    check_words(self)
    words = [_numerics.known(x) for x in (self.whole, self.hi, self.lo)]
    known = [x for x in words if x is not None]
    if len(known) < 3:
      return self.float32()
    words = [(int(w) << 64) + (int(h) << 32) + int(o)
             for w, h, o in zip(*(x.reshape(-1) for x in known), strict=True)]
    signed = [w - 2**96 if w >= 2**95 else w for w in words]
    with decimal.localcontext(_CONTEXT):
      values = [float(decimal.Decimal(w) / 2**64 * 2 * _PI) for w in signed]
    return np.asarray(values).reshape(known[0].shape)

  def float32(self) -> jax.Array:
    """Radians per position, rounded to float32; used for tangents and decay terms."""
    check_words(self)
    minus = jnp.asarray(self.whole) >= np.uint32(2**31)
    # The size of a negative frequency is read from the words of its opposite.
    whole, hi, lo = (jnp.where(minus, a, b) for a, b in zip(
        negated(self.whole, self.hi, self.lo), (self.whole, self.hi, self.lo), strict=True))
    small = hi.astype(jnp.float32) * np.float32(2.0**-32)
    small = small + lo.astype(jnp.float32) * np.float32(2.0**-64)
    size = (whole.astype(jnp.float32) + small) * np.float32(2 * math.pi)
    return jnp.where(minus, -size, size)

  @property
  def known(self) -> bool:
    """Whether the words are uint32 and known on the host, as ``radians`` needs for float64."""
    return all(getattr(x, "dtype", None) == np.uint32 and _numerics.known(x) is not None
               for x in (self.whole, self.hi, self.lo))

  @property
  def shape(self) -> tuple[int, ...]:
    """``[..., n]``."""
    return tuple(np.shape(self.hi))

  def __len__(self) -> int:
    return self.shape[0]

  def tolist(self) -> list:
    """``radians`` as Python floats; they must be known."""
    return self.radians.tolist()

  def __array__(self, *args, **kwargs) -> NoReturn:
    self._refuse()

  def _refuse(self, *args) -> NoReturn:
    raise _errors.type_error(
        "Frequencies", "an exact object where an array is needed",
        "f.radians (float64 NumPy) for arithmetic, f itself for rotate, cos_sin and Rotary",
        "An array would round silently: make changed radians exact again with "
        "posenc_jax.phases.frequencies(..), learn them by Rotary.from_frequencies(f, learned=True)")

  __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__ = __getitem__ = _refuse

  def __repr__(self) -> str:
    if not self.known:
      return super().__repr__()
    if len(self.shape) != 1:
      return f"Frequencies(shape={self.shape})"
    shown = [f"{x:.6g}" if x % 1 else f"{x:.1f}" for x in self.tolist()]
    if len(shown) > 5:
      shown = [*shown[:2], "..", shown[-1]]
      return f"Frequencies([{', '.join(shown)}], n={len(self)})"
    return f"Frequencies([{', '.join(shown)}])"


def check_words(t: Frequencies) -> None:
  """Refuses words that arithmetic meant for floats has changed."""
  for name in ("whole", "hi", "lo"):
    dtype = getattr(getattr(t, name), "dtype", None)
    if dtype != np.uint32:
      came = "None" if dtype is None else dtype.name
      raise _errors.type_error(
          "frequencies", f"words of {came}", "the uint32 words of exact frequencies",
          "Cast, average and optimise the parameters alone: parameters, rest = px.partition(tree), "
          "then px.combine(parameters, rest)")


def _words(values: list[decimal.Decimal], shape: tuple[int, ...]) -> Frequencies:
  scaled = [int(_CONTEXT.to_integral_value(v * 2**64)) % 2**96 for v in values]
  words = [[(s >> shift) & 0xFFFFFFFF for s in scaled] for shift in (64, 32, 0)]
  return Frequencies(*(np.asarray(w, np.uint32).reshape(shape) for w in words))


def frequencies(radians: Any) -> Frequencies:
  """Frequencies given in radians per position, exact to the float that was given.

  Args:
    radians: ``[..., n]`` known values (NumPy float64 keeps the most); negative ones turn the other
      way.

  Returns:
    Frequencies of the same shape.

  Raises:
    TypeError: no numbers, or values that are known only inside a trace.
    ValueError: a single number in place of n, NaN or infinity, 2^30 or more.

  Example:
    >>> frequencies(np.array([1.0, 0.01])).radians.tolist()
    [1.0, 0.01]
  """
  if isinstance(radians, Frequencies):
    return radians
  known = _check_radians(radians)
  if isinstance(known, jax.Array):
    known = _numerics.known(known)
  if known is None:
    raise _errors.type_error("radians", "values that are traced", "values known on the host",
                             "Pass the array itself to rotate or cos_sin, which then keep float32")
  with decimal.localcontext(_CONTEXT):
    values = [decimal.Decimal(float(f)) / (2 * _PI) for f in known.reshape(-1)]
    return _words(values, known.shape)


_exact = frequencies  # for functions with an argument of that name


def _check_radians(radians: Any, argument: str = "frequencies") -> Any:
  """``radians`` as NumPy or a ``jax.Array``, of floats where they are known."""
  wanted = "[r // 2] radians per position, or Frequencies"
  given = radians
  if not isinstance(radians, jax.Array):
    try:
      radians = np.asarray(radians)
    except ValueError:
      radians = np.asarray("ragged lists")
    if radians.dtype.kind not in "iuf" and radians.dtype.name != "bfloat16":
      raise _errors.type_error(argument, _errors.describe(given), wanted,
                               "Build them with px.rotary_frequencies(dim)")
  if not radians.ndim:
    came = given.item() if isinstance(given, np.generic) else _errors.describe(given)
    raise _errors.value_error(argument, came, wanted,
                              "For a rotary dimension: px.rotary_frequencies(dim)")
  known = None if isinstance(radians, jax.Array) else radians.astype(np.float64)
  if known is not None and not (np.abs(known) < 2.0**30).all():
    raise _errors.value_error(argument, "NaN, infinity or a number above 2^30", wanted,
                              "A base of 10000 gives frequencies from 1 downwards")
  return radians if known is None else known


def geometric_frequencies(base: Any, exponents: Sequence[float | fractions.Fraction]
                          ) -> Frequencies:
  """The frequencies base^(-e) radians per position, computed in 60 decimal digits.

  float64 frequencies are not enough: half an ulp of a frequency near 1 is 1e-7 rad at 2^31.

  Args:
    base: known, positive: a number, or an array ``[...]`` of several bases.
    exponents: n numbers, ``fractions.Fraction`` for exact ones.

  Returns:
    Frequencies ``[..., n]``.

  Raises:
    TypeError: a base that is no number.
    ValueError: a base that is not positive.

  Example:
    >>> round(float(geometric_frequencies(10_000.0, [0.5]).radians[0]), 12)
    0.01
  """
  _errors.check_positive("base", base, "The paper's value is 10000.0")
  bases = np.asarray(base, np.float64)
  with decimal.localcontext(_CONTEXT):
    ratios = [fractions.Fraction(e) for e in exponents]
    exact = [decimal.Decimal(f.numerator) / f.denominator for f in ratios]
    logs = [decimal.Decimal(float(b)).ln() for b in bases.reshape(-1)]
    values = [(-e * log).exp() / (2 * _PI) for log in logs for e in exact]
  return _words(values, (*bases.shape, len(exponents)))


def negated(whole, hi, lo):
  """Words of the opposite frequency: the 96-bit number, negated modulo 2^96."""
  one, none = np.uint32(1), np.uint32(0)
  whole, hi, lo = (~jnp.asarray(x) for x in (whole, hi, lo))
  lo = lo + one
  carry = (lo == none).astype(jnp.uint32)
  hi = hi + carry
  carry = carry * (hi == none).astype(jnp.uint32)
  return whole + carry, hi, lo


def as_frequencies(frequencies: Any, *, single: bool = False) -> Any:
  """``Frequencies`` for what is known, a float ``jax.Array`` of radians for what is not.

  Args:
    frequencies: as in ``cos_sin``.
    single: whether more axes than ``[n]`` are refused, as those of an encoding with stacked leaves
      would otherwise meet axes of the tokens.

  Returns:
    ``Frequencies`` or a ``jax.Array``.

  Raises:
    TypeError, ValueError: as ``cos_sin``.

  Example:
    >>> as_frequencies([1.0, 0.01])
    Frequencies([1.0, 0.01])
  """
  if isinstance(frequencies, Frequencies):
    check_words(frequencies)
    out = frequencies
  else:
    radians = _check_radians(frequencies)
    if isinstance(radians, jax.Array):
      out = radians if jnp.issubdtype(radians.dtype, jnp.floating) else radians.astype(jnp.float32)
    else:
      out = _exact(radians)
  if 0 in out.shape:
    raise _errors.value_error("frequencies", f"shape {tuple(out.shape)}", "one for each pair that "
                              "turns, at least one", "Leave the rotation out where nothing turns")
  if single and len(out.shape) != 1:
    raise _errors.value_error("frequencies", f"shape {tuple(out.shape)}", "[r // 2]",
                              "An encoding with stacked leaves needs jax.vmap over the encoding")
  return out
