# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""RoPE++: some heads score by the imaginary part of q_m R(m - n) k_n (hook ``qk``).

"RoPE++", arXiv 2512.07525. The model gives every projection of q to two heads; one is ordinary
rotary, and the other is turned by a further quarter of a turn, so that keys are shared. Heads with
projections of their own learn nothing new by this: the quarter turn is then a part of the
projection.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate, rotate_by

_LAYOUTS = ("alternate", "halves")


def quarter_turn(x: jax.Array, dim: int, *, pairing: str = "half") -> jax.Array:
  """Turns the pairs of the first ``dim`` dims by -90 degrees: (a, b) becomes (b, -a), exactly.

  Args:
    x: ``[..., T, N, H]``.
    dim: r, even.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Example:
    >>> quarter_turn(jnp.array([[[1.0, 2.0]]]), 2).tolist()
    [[[2.0, -1.0]]]
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., T, N, H]", "Pass queries, heads before dims"))
  one = jnp.ones((1,) * (x.ndim - 1) + (dim // 2,), x.dtype)
  return rotate_by(x, 0 * one, -one, pairing=pairing)


@encoding
class RotaryPlusPlus(Encoding):
  """Rotary, with every second query head turned back by a quarter.

  Args:
    dim: r, even.
    base: positive; a known base is exact.
    pairing: "half" or "interleaved".
    layout: which heads are imaginary: "alternate" (1, 3, ..), "halves" (the second half), where
      query heads 2j and 2j + 1, or j and j + N / 2, come from one projection.

  Raises:
    ValueError: an odd dim, an unknown layout; in a call, an odd number of query heads.

  Example:
    >>> e = RotaryPlusPlus(2)
    >>> q = jnp.ones((1, 2, 2)); at = jnp.zeros(1, jnp.int32)
    >>> e.qk(q, q, at, at)[0].tolist()
    [[[1.0, 1.0], [1.0, -1.0]]]
  """

  frequencies: phases.Frequencies | jax.Array
  pairing: str = static(default="half")
  layout: str = static(default="alternate")

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, pairing: str = "half",
               layout: str = "alternate"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    _errors.check_choice("layout", layout, _LAYOUTS)
    self.set_fields(frequencies=rotary_frequencies(dim, base=base), pairing=pairing, layout=layout)

  def _repr_fields(self):
    return _bases.shown(self.frequencies) | {
        n: v for n, v in super()._repr_fields().items() if n != "frequencies"}

  def qk(self, q, k, q_positions, k_positions):
    heads, pairs = q.shape[-2], self.frequencies.shape[-1]
    _checks.fits(q, pairs, "dim")
    if heads % 2:
      raise _errors.value_error("q", f"{heads} heads", "an even number of query heads",
                                "Each projection of q makes a real and an imaginary head")
    q, k = (rotate(x, at, self.frequencies, pairing=self.pairing)
            for x, at in ((q, q_positions), (k, k_positions)))
    h = jnp.arange(heads)[:, None]
    imaginary = h % 2 == 1 if self.layout == "alternate" else h >= heads // 2
    return jnp.where(imaginary.reshape((1,) * (q.ndim - 2) + imaginary.shape),
                     quarter_turn(q, 2 * pairs, pairing=self.pairing), q), k
