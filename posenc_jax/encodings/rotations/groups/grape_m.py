# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-M in coordinate planes: RoPE of learned frequencies, then a norm of q and k (hook ``qk``).

Zhang et al. 2025, "Group Representational Position Encoding", arXiv 2512.07805, and its released
code: frequencies are exp(l / 16) with l learned, pairs turn the other way than RoPE's, and an RMS
norm with learned gains follows the rotation, so that scores depend on absolute positions once the
gains differ within a pair. ``norm=False`` leaves it out, which makes scores relative.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.groups import _blocks
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate


def grape_frequencies(log_frequencies: jax.Array, scale: float = 16.0) -> jax.Array:
  """exp(l / scale): the learned frequencies, always positive.

  Args:
    log_frequencies: l ``[H / 2]``.
    scale: a larger one learns faster for the same steps of l.

  Returns:
    Radians per position, ``[H / 2]``, at least float32.

  Example:
    >>> grape_frequencies(jnp.zeros(2)).tolist()
    [1.0, 1.0]

  References:
    Zhang et al. 2025, arXiv 2512.07805.
  """
  l = jnp.asarray(_checks.floats("log_frequencies", log_frequencies, "[H / 2]",
                                 "Build them with GrapeM.init(head_dim)"))
  return jnp.exp(l.astype(_numerics.wide(l)) / scale)


def log_frequencies(head_dim: int, base: Any, scale: float) -> jax.Array:
  """scale times the logarithm of RoPE's frequencies: where learning starts.

  Args:
    head_dim: H, even.
    base: positive.
    scale: as in ``grape_frequencies``.

  Returns:
    float32 ``[H / 2]``.

  Example:
    >>> log_frequencies(4, 100.0, 1.0).round(4).tolist()
    [0.0, -2.3026]
  """
  _errors.check_positive("scale", scale, "The released code takes 16.0")
  start = rotary_frequencies(head_dim, base=base)
  return scale * jnp.log(jnp.asarray(getattr(start, "radians", start), jnp.float32))


@encoding
class GrapeM(Encoding):
  """Learned frequencies, opposite sign, RMS norm of q and k after the rotation.

  Args:
    log_frequencies: l ``[H / 2]``, a parameter shared by the heads.
    q_gain, k_gain: ``[H]``, parameters of the norms, or None for no norms.
    scale: static; frequencies are exp(l / scale). 1.0 gives the first release of the code.
    sign: static; -1 turns as the released code does, 1 as RoPE.
    pairing: static; as in ``Rotary``.
    eps: static; of the norms.

  Raises:
    ValueError: shapes that do not fit, one gain without the other.

  Example:
    >>> e = GrapeM.init(4, norm=False)
    >>> x = jnp.ones((2, 1, 4)); at = jnp.arange(2)
    >>> e.qk(x, x, at, at)[0].shape, e.relative
    ((2, 1, 4), True)
  """

  log_frequencies: jax.Array = parameter()
  q_gain: jax.Array | None = parameter(None)
  k_gain: jax.Array | None = parameter(None)
  scale: float = static(default=16.0)
  sign: int = static(default=-1)
  pairing: str = static(default="half")
  eps: float = static(default=1e-5)

  @property
  def relative(self) -> bool:  # type: ignore[override]
    return self.q_gain is None

  def __post_init__(self):
    _errors.check_choice("pairing", self.pairing, PAIRINGS)
    if self.sign not in (1, -1):
      raise _errors.value_error("sign", self.sign, "1 or -1", "-1 is the released code's")
    _errors.check_positive("scale", self.scale, "The released code takes 16.0")
    mend = "Build it with GrapeM.init(head_dim)"
    l = _checks.floats("log_frequencies", self.log_frequencies, "[H / 2]", mend, stacked=True)
    if (self.q_gain is None) != (self.k_gain is None):
      raise _errors.value_error("q_gain, k_gain", "one of them", "both or none", mend)
    for name in ("q_gain", "k_gain") if self.q_gain is not None else ():
      _checks.floats(name, getattr(self, name), "[H]", mend, stacked=True,
                     sizes={"H": 2 * l.shape[-1]})

  @classmethod
  def init(cls, head_dim: int, *, base: Any = 10_000.0, norm: bool = True, scale: float = 16.0,
           sign: int = -1, pairing: str = "half", eps: float = 1e-5) -> "GrapeM":
    """Starts at RoPE's frequencies, with gains of 1."""
    norm = _errors.check_bool("norm", norm, "The released code has the norms")
    gain = jnp.ones((head_dim,), jnp.float32) if norm else None
    return cls(log_frequencies(head_dim, base, scale), gain, gain, scale, sign, pairing, eps)

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.log_frequencies.shape[-1], "head_dim")
    theta = self.sign * grape_frequencies(self.log_frequencies, self.scale)
    q = rotate(q, q_positions, theta, pairing=self.pairing)
    k = rotate(k, k_positions, theta, pairing=self.pairing)
    if self.q_gain is None:
      return q, k
    return (_blocks.root_mean_square(q, self.q_gain, self.eps),
            _blocks.root_mean_square(k, self.k_gain, self.eps))
