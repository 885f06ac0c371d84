# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary values: values turn by their position and outputs stay as they are (hook ``values``).

An option of RoFormer's code and of AXLearn. Outputs depend on absolute positions; ``VORotary``
turns them back and is relative.
"""

from typing import Any

import jax

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate


@encoding
class RotaryValues(Encoding):
  """RoPE on values. ``chain(Rotary(H), RotaryValues(H))`` turns q and k as well.

  Args:
    dim: r, how many dims of each value head turn; even, at most the values' head dim.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    pairing: "half" or "interleaved".

  Raises:
    TypeError: dim is not an int, base is not a number.
    ValueError: an odd dim, a base that is not positive, an unknown pairing.

  Example:
    >>> import jax.numpy as jnp
    >>> RotaryValues(2).values(jnp.ones((2, 1, 2)), jnp.arange(2)).round(2)[1, 0].tolist()
    [-0.3, 1.38]
  """

  frequencies: phases.Frequencies | jax.Array
  pairing: str = static(default="half")

  def __init__(self, dim: int, *, base: Any = 10_000.0, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    self.set_fields(frequencies=rotary_frequencies(dim, base=base), pairing=pairing)

  def _repr_fields(self):
    pairing = {} if self.pairing == "half" else {"pairing": self.pairing}
    return _bases.shown(self.frequencies) | pairing

  def values(self, v, k_positions):
    _checks.fits(v, self.frequencies.shape[-1], "dim")
    return rotate(v, k_positions, self.frequencies, pairing=self.pairing)
