# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sandwich: what two sinusoidal rows say of each other, as a bias (hook ``bias``, by distance).

Chi et al. 2022, "Dissecting Transformer Length Extrapolation via the Lens of Receptive Field
Analysis", arXiv 2212.10356. Without parameters; it decays about like the logarithm of the distance.
"""

import fractions
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _bases, _checks

_MEND = "Sandwich(num_heads) has the paper's"


def sandwich_bias(distance: Any, frequencies: Any, gains: Any) -> jax.Array:
  """gain_h sum_i cos(d theta_i).

  Args:
    distance: ``[...]``, query position minus key position.
    frequencies: ``[n]``, ``Frequencies`` or radians per position; the paper's are
      10000^(-2i / 128), i = 0 .. 63.
    gains: ``[N]``; the paper's are N / 8h, h = 1 .. N.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 gains.

  Raises:
    TypeError: distances, frequencies or gains that are no such numbers.
    ValueError: gains of another rank.

  Example:
    >>> sandwich_bias(jnp.array([0, 1]), [np.pi, np.pi / 2], jnp.array([0.5])).round(3).tolist()
    [[1.0, -0.5]]
  """
  gains = jnp.asarray(_checks.floats("gains", gains, "[N]", _MEND))
  gains = gains.astype(_numerics.wide(gains))
  distance = _align.numbers(distance, "distance", real=True)
  cosines, _ = phases.cos_sin(distance, frequencies, dtype=gains.dtype)
  total = jnp.sum(cosines, axis=-1)
  return gains.reshape(gains.shape + (1,) * total.ndim) * total[None]


@encoding
class Sandwich(Encoding):
  """Adds (N / 8h) sum over i < dim / 2 of cos((q - k) base^(-2i / dim)) to head h = 1 .. N.

  Args:
    num_heads: N.
    dim: width of the sinusoids, even.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.

  Raises:
    TypeError: settings that are not ints, a base that is no number.
    ValueError: an odd dim, a base that is not positive.

  Example:
    >>> Sandwich(2).distance_bias(jnp.array(0)).tolist()
    [16.0, 8.0]
  """

  frequencies: phases.Frequencies | jax.Array
  gains: jax.Array

  relative = True

  def __init__(self, num_heads: int, *, dim: int = 128, base: Any = 10_000.0):
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    dim = _checks.size("dim", dim, "The paper's is 128", least=2)
    if dim % 2:
      raise _errors.value_error("dim", dim, "an even number", "The paper's is 128")
    exponents = [fractions.Fraction(2 * i, dim) for i in range(dim // 2)]
    gains = num_heads / (8.0 * np.arange(1, num_heads + 1))
    self.set_fields(frequencies=_bases.powers(base, exponents), gains=gains.astype(np.float32))

  def _repr_fields(self):
    return _bases.shown(self.frequencies) | {"gains": self.gains}

  def distance_bias(self, distance):
    return sandwich_bias(distance, self.frequencies, self.gains)
