# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary of learned frequencies: free ones, and LeRoPE's factors (hook ``qk``).

"LeRoPE", arXiv 2607.10134: theta_i exp(alpha_i), alpha shared by layers and heads, 0 at first, no
weight decay. Mistral Large 4 ships it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import (
    PAIRINGS,
    Rotary,
    rotary_frequencies,
    rotate_by,
)


def learned_rotary(dim: int, *, base: Any = 10_000.0, pairing: str = "half") -> Rotary:
  """Rotary whose frequencies are a float32 parameter that starts at base^(-2i/dim).

  Args:
    dim, base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Example:
    >>> learned_rotary(4)
    Rotary(frequencies=f32[2], learned: frequencies)
  """
  return Rotary.from_frequencies(rotary_frequencies(dim, base=base), pairing=pairing, learned=True)


def lerope_rotate(x: jax.Array, positions: Any, frequencies: Any, alpha: jax.Array, *,
                  pairing: str = "half") -> jax.Array:
  """Turns pair i of each head by position * theta_i * exp(alpha_i).

  The turn by theta_i is exact and the rest, theta_i (exp(alpha_i) - 1), is added to it, so that
  alpha = 0 is plain rotary at any position.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]`` int32 or float32.
    frequencies: theta, ``[r // 2]`` radians per position, or ``Frequencies``.
    alpha: ``[r // 2]``.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: alpha of another length, more pairs than dims.

  Example:
    >>> lerope_rotate(jnp.ones((1, 1, 2)), jnp.array([1]), [jnp.pi], jnp.zeros(1)).round(3).tolist()
    [[[-1.0, -1.0]]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  frequencies = phases.as_frequencies(frequencies, single=True)
  alpha = jnp.asarray(_checks.floats("alpha", alpha, "[n]", "One number for each pair",
                                     sizes={"n": frequencies.shape[0]}))
  positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
  dtype = _numerics.wide(x)
  theta = (frequencies.float32() if isinstance(frequencies, phases.Frequencies) else frequencies)
  rest = theta.astype(dtype) * jnp.expm1(alpha.astype(dtype))
  (c, s), (cr, sr) = (phases.cos_sin(positions, f, dtype=dtype) for f in (frequencies, rest))
  cos, sin = c * cr - s * sr, s * cr + c * sr
  return rotate_by(x, cos[..., None, :], sin[..., None, :], pairing=pairing)


@encoding
class LeRotary(Encoding):
  """LeRoPE: rotary of frequencies theta_i exp(alpha_i), alpha learned.

  Args:
    dim: r, even.
    base: positive; a known base is exact.
    alpha: ``[r // 2]``, a parameter; None for zeros. One object serves all layers and heads.
    pairing: "half" or "interleaved".

  Raises:
    ValueError: an odd dim, alpha of another length.

  Example:
    >>> LeRotary(4)
    LeRotary(dim=4, base=10000.0, alpha=f32[2])
  """

  frequencies: phases.Frequencies | jax.Array
  alpha: jax.Array = parameter()
  pairing: str = static(default="half")

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, alpha: Any = None, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    frequencies = rotary_frequencies(dim, base=base)
    pairs = frequencies.shape[-1]
    alpha = jnp.zeros(pairs, jnp.float32) if alpha is None else _checks.floats(
        "alpha", alpha, "[n]", "One number for each pair", sizes={"n": pairs}, stacked=True)
    self.set_fields(frequencies=frequencies, alpha=alpha, pairing=pairing)

  def _repr_fields(self):
    pairing = {} if self.pairing == "half" else {"pairing": self.pairing}
    return _bases.shown(self.frequencies) | {"alpha": self.alpha} | pairing

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.alpha.shape[-1], "dim")
    turn = lambda x, at: lerope_rotate(x, at, self.frequencies, self.alpha, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)
