# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PoPE: q and k give magnitudes, positions give phases (hooks ``qk`` and ``expand``).

Gopalakrishnan et al. 2025, "Decoupling the What and Where with Polar Coordinate Positional
Embeddings", arXiv 2509.10534.
Differs from the paper: delta is subtracted from the query's phase rather than added to the key's,
which is the same score and gives every query head its own delta under grouped heads. delta is not
clamped to [-2 pi, 0] unless asked: that is one full turn, so nothing is lost, and a clamp stops the
gradient of each entry that steps outside it. A cache holds the magnitudes (H numbers a head), not
the doubled form.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def polar_magnitudes(x: jax.Array) -> jax.Array:
  """softplus(x) = log(1 + e^x), in float32 (float64 for float64 x), cast last.

  Args:
    x: ``[...]``.

  Returns:
    Like x.

  Example:
    >>> polar_magnitudes(jnp.zeros(1)).round(4).tolist()
    [0.6931]
  """
  x = jnp.asarray(_checks.floats("x", x, "[...]", "Pass queries or keys"))
  return jax.nn.softplus(x.astype(_numerics.wide(x))).astype(x.dtype)


def polar_expand(magnitudes: jax.Array, positions: Any, frequencies: Any,
                 delta: jax.Array | None = None) -> jax.Array:
  """[mu cos(p theta - delta), mu sin(p theta - delta)]: the real form of mu e^(i(p theta - delta)).

  Args:
    magnitudes: ``[..., T, N, H]``.
    positions: ``[..., T]``; missing leading axes broadcast.
    frequencies: ``[H]`` radians per position, or ``Frequencies``.
    delta: ``[N, H]`` radians, or None for zeros.

  Returns:
    ``[..., T, N, 2H]`` of the magnitudes' dtype; the angles are exact, in float32 or float64.

  Raises:
    ValueError: frequencies, positions or delta that do not fit the magnitudes.
    TypeError: positions in a 16-bit float.

  Example:
    >>> polar_expand(jnp.ones((1, 1, 1)), jnp.array([1]), [jnp.pi / 2]).round(3).tolist()
    [[[0.0, 1.0]]]
  """
  magnitudes = _checks.floats("magnitudes", magnitudes, "[..., T, N, H]",
                              "Pass what polar_magnitudes returned")
  dtype = _numerics.wide(magnitudes)
  positions = _align.align_array(positions, magnitudes.ndim - 3, magnitudes.shape[-3], 0,
                                 "positions")
  frequencies = phases.as_frequencies(frequencies, single=True)
  if frequencies.shape[0] != magnitudes.shape[-1]:
    raise _errors.value_error("frequencies", f"{frequencies.shape[0]} numbers",
                              f"one for each of the {magnitudes.shape[-1]} dims of a head",
                              "px.rotary_frequencies(2 * H) has H of them")
  c, s = (x[..., None, :] for x in phases.cos_sin(positions, frequencies, dtype=dtype))
  if delta is not None:
    n, h = magnitudes.shape[-2:]
    shift = jnp.asarray(_checks.floats("delta", delta, "[N, H]", "One shift for each head and dim",
                                       sizes={"N": n, "H": h}))
    # cos and sin of a difference: p theta keeps its exact phase, delta its float.
    turn = shift.astype(dtype).reshape((1,) * (c.ndim - 2) + shift.shape)
    cos_d, sin_d = jnp.cos(turn), jnp.sin(turn)
    c, s = c * cos_d + s * sin_d, s * cos_d - c * sin_d
  mu = magnitudes.astype(dtype)
  return jnp.concatenate([mu * c, mu * s], axis=-1).astype(magnitudes.dtype)


@encoding
class Pope(Encoding):
  """Scores sum_c softplus(q_c) softplus(k_c) cos((m - n) theta_c - delta_c).

  theta_c = base^(-c/H), c = 0 .. H - 1: a frequency for each dim, where RoPE has one for a pair.

  Args:
    delta: ``[N, H]`` radians, a parameter.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    clamp: static; whether delta is clamped to [-2 pi, 0] before use, as in the paper.

  Raises:
    ValueError: delta is not ``[N, H]``, or does not fit q; a base that is not positive.

  Example:
    >>> e = Pope.init(jax.random.key(0), num_heads=2, head_dim=4)
    >>> q, k = e.expand(jnp.ones((3, 2, 4)), jnp.ones((3, 1, 4)), jnp.arange(3), jnp.arange(3))
    >>> q.shape, k.shape
    ((3, 2, 8), (3, 1, 8))

  References:
    Gopalakrishnan et al. 2025, arXiv 2509.10534.
  """

  delta: jax.Array = parameter()
  frequencies: phases.Frequencies | jax.Array
  clamp: bool = static(default=False)

  relative = True

  def __init__(self, delta: Any, *, base: Any = 10_000.0, clamp: bool = False):
    delta = _checks.floats("delta", delta, "[N, H]",
                           "Build it with Pope.init(key, num_heads, head_dim)", stacked=True)
    clamp = _errors.check_bool("clamp", clamp, "The paper clamps delta")
    # base^(-2c/2H): the exponents of a rotary encoding of twice the width.
    self.set_fields(delta=delta, clamp=clamp,
                    frequencies=rotary_frequencies(2 * delta.shape[-1], base=base))

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, base=10_000.0, clamp: bool = False,
           uniform: bool = False) -> "Pope":
    """delta zero, as the paper's language models; or, ``uniform``, drawn from U(-2 pi, 0)."""
    mend = "Pass the query heads N and the head dim H"
    shape = (_checks.size("num_heads", num_heads, mend), _checks.size("head_dim", head_dim, mend))
    key = _checks.key(key)
    delta = (jax.random.uniform(key, shape, jnp.float32, -2 * math.pi, 0.0) if uniform
             else jnp.zeros(shape, jnp.float32))
    return cls(delta, base=base, clamp=clamp)

  def _repr_fields(self):
    shown = _bases.shown(self.frequencies)
    shown.pop("dim", None)
    return {"delta": self.delta} | shown | ({"clamp": True} if self.clamp else {})

  def qk(self, q, k, q_positions, k_positions):
    del q_positions, k_positions
    return polar_magnitudes(q), polar_magnitudes(k)

  def expand(self, q, k, q_positions, k_positions):
    if q.shape[-2:] != self.delta.shape:
      raise _errors.value_error("q", f"N, H = {q.shape[-2:]}", f"{self.delta.shape} as in delta",
                                "Build Pope with the query heads and the head dim")
    delta = jnp.clip(self.delta, -2 * math.pi, 0.0) if self.clamp else self.delta
    return (polar_expand(q, q_positions, self.frequencies, delta),
            polar_expand(k, k_positions, self.frequencies))
