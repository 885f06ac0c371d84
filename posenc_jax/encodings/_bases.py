# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frequencies that are powers of a base: made from it, and shown by it."""

import fractions
from typing import Any

import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics, phases


def powers(base: Any, exponents: list[fractions.Fraction]) -> Any:
  """base^(-e): exact for a known base, a float32 ``jax.Array`` for a traced one.

  Args:
    base: positive, ``[...]``.
    exponents: n numbers.

  Returns:
    ``Frequencies`` or a ``jax.Array``, ``[..., n]``.

  Example:
    >>> powers(100.0, [fractions.Fraction(1, 2)]).tolist()
    [0.1]
  """
  _errors.check_positive("base", base, "The paper's value is 10000.0")
  known = _numerics.known(base)
  if known is not None:
    if len(set(exponents)) > 1 and (known == 1).any():
      _errors.warn("base", "1.0", "another number than 1", "All pairs turn alike with it")
    return phases.geometric_frequencies(known, exponents)
  e = jnp.asarray([float(x) for x in exponents], jnp.float32)
  logs = jnp.log(jnp.asarray(base, jnp.float32))[..., None]
  return jnp.exp(-logs * e.reshape((1,) * (logs.ndim - 1) + e.shape))


def shown(frequencies: Any) -> dict[str, Any]:
  """What the repr of a rotary encoding says of them: dim and base if they are geometric."""
  shape = getattr(frequencies, "shape", ())
  pairs = shape[-1] if shape else 0
  base = base_of(frequencies, [fractions.Fraction(i, pairs) for i in range(pairs)])
  return {"frequencies": frequencies} if base is None else {"dim": 2 * pairs, "base": base}


def base_of(frequencies: Any, exponents: list[fractions.Fraction]) -> float | None:
  """The base whose powers base^(-e) the frequencies are, or None if there is none or it is unknown.

  Args:
    frequencies: ``Frequencies`` ``[n]``, or anything else, for which the answer is None.
    exponents: n numbers, ascending from 0.

  Returns:
    The base in as few digits as it needs; 10000.0 for a single frequency of 1, which any base has.

  Example:
    >>> base_of(phases.frequencies([1.0, 0.01]), [fractions.Fraction(0), fractions.Fraction(1, 2)])
    10000.0
  """
  if not isinstance(frequencies, phases.Frequencies) or not frequencies.known:
    return None
  if frequencies.shape != (len(exponents),) or not exponents or (frequencies.radians <= 0).any():
    return None
  radians, e = frequencies.radians, np.asarray([float(x) for x in exponents])
  same = lambda base: np.allclose(base ** -e, radians, rtol=1e-12, atol=0)
  if not e[-1]:
    return 10_000.0 if same(10_000.0) else None
  exact = radians[-1] ** (-1 / e[-1])
  return next((b for b in (float(f"{exact:.{n}g}") for n in (6, 12, 17)) if same(b)), None)


def is_one(x: Any) -> bool:
  """Whether x is an array without axes, known to hold 1."""
  known = _numerics.known(x) if _numerics.is_float(x) else None
  return known is not None and known.ndim == 0 and float(known) == 1
