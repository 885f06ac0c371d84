# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""RoPE that turns raw keys when they are read (hook ``expand``).

The same scores as ``Rotary``. A cache holds keys as projected, so frequencies may change while a
sequence grows (dynamic NTK, dynamic YaRN, LongRoPE's two lists), and positions may be those of the
cache's slots (StreamingLLM). The price is to turn all cached keys at every step.
"""

from typing import Any, Self

import jax

from posenc_jax import _kinds, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import Rotary, rotate


@encoding
class RotaryOnRead(Encoding):
  """``Rotary`` with raw keys in the cache.

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``; so is ``from_frequencies``.

  Frequencies are a leaf. Pin those of the longest length for a sequence, and generating a token at
  a time equals one full forward. Or pass those of the present length at each step, and each step
  equals the last row of a full forward of that length; the program is not traced again.

  Raises:
    TypeError, ValueError: as ``Rotary``.

  Example:
    >>> import jax.numpy as jnp
    >>> e = RotaryOnRead(4)
    >>> k = jnp.ones((2, 1, 4))
    >>> e.qk(k, k, jnp.arange(2), jnp.arange(2))[1] is k  # what a cache holds
    True
    >>> e.expand(k, k, jnp.arange(2), jnp.arange(2))[1].shape
    (2, 1, 4)
  """

  frequencies: phases.Frequencies | jax.Array
  attention_scaling: jax.Array
  pairing: str = static(default="half")

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, attention_scaling: Any = 1.0,
               pairing: str = "half"):
    rotary = Rotary(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(frequencies=rotary.frequencies, pairing=rotary.pairing,
                    attention_scaling=rotary.attention_scaling)

  @classmethod
  def from_frequencies(cls, frequencies: Any, *, attention_scaling: Any = 1.0,
                       pairing: str = "half", learned: bool | None = None,
                       **settings: Any) -> Self:
    """As ``Rotary.from_frequencies``; ``settings`` are those that a class of this kind adds."""
    turned = Rotary.from_frequencies(frequencies, learned=learned)
    self = cls(2, attention_scaling=attention_scaling, pairing=pairing, **settings)
    self = self.replace(frequencies=turned.frequencies)
    return _kinds.learn(self, "frequencies") if turned._kinds else self

  def _repr_fields(self):
    plain = {"attention_scaling": _bases.is_one(self.attention_scaling),
             "pairing": self.pairing == "half"}
    own = {name: getattr(self, name) for name in ("attention_scaling", *self._static_fields)}
    return _bases.shown(self.frequencies) | {
        name: x for name, x in own.items() if not plain.get(name, x is None)}

  def _turn(self, x, positions, *, scaling=None):
    return rotate(x, positions, self.frequencies, pairing=self.pairing, scaling=scaling)

  def expand(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.frequencies.shape[-1], "dim")
    return (self._turn(q, q_positions, scaling=self.attention_scaling),
            self._turn(k, k_positions, scaling=self.attention_scaling))
