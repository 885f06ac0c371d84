# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-M, contextual: tokens advance the phase by as much as a gate says (``layer``, ``qk``).

Zhang et al. 2025, "Group Representational Position Encoding", arXiv 2512.07805: each token has
w = softplus(x W + b), and token m is turned by theta_i sum_(t < m) w_t, its own w left out;
frequencies, sign and norms are those of ``GrapeM``.
Differs from the paper: ``compat="released-code"`` takes w = sigmoid((x W + b) / 16), which is 0.39
rather than 0.001 at first.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.driven import _turns
from posenc_jax.encodings.rotations.groups import _blocks
from posenc_jax.encodings.rotations.groups.grape_m import GrapeM, grape_frequencies


def grape_gates(x: jax.Array, weight: jax.Array, bias: jax.Array, *, compat: str = "paper"
                ) -> jax.Array:
  """softplus(x W + b), or sigmoid((x W + b) / 16): how far each token advances.

  Args:
    x: ``[..., T, D]``, a layer's input.
    weight: ``[D, K]``.
    bias: ``[K]``.
    compat: "paper" or "released-code".

  Returns:
    ``[..., T, K]``, positive, float32 (float64 for float64 x).

  Raises:
    TypeError: arrays that are no floats.
    ValueError: shapes that do not fit, an unknown compat.

  Example:
    >>> grape_gates(jnp.zeros((1, 3)), jnp.zeros((3, 1)), jnp.zeros(1)).round(4).tolist()
    [[0.6931]]

  References:
    Zhang et al. 2025, arXiv 2512.07805, contextual form.
  """
  _checks.compat(compat)
  mend = "Build them with GrapeContextual.init(d_model, head_dim)"
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, K]", mend))
  bias = jnp.asarray(_checks.floats("bias", bias, "[K]", mend, sizes={"K": weight.shape[1]}))
  z = _turns.project(x, weight, bias)
  return jax.nn.softplus(z) if compat == "paper" else jax.nn.sigmoid(z / 16)


@encoding
class GrapeContextual(Encoding):
  """Phases that content advances, learned frequencies, RMS norms after the rotation.

  Args:
    gate_weight: ``[D, K]`` and gate_bias ``[K]``, parameters; K key heads, or 1 for all.
    planes: a ``GrapeM`` with the frequencies, the sign, the pairing and the norms.
    compat: static; "paper" or "released-code".

  Raises:
    TypeError, ValueError: as ``grape_gates``; planes that are no ``GrapeM``.

  Example:
    >>> e = GrapeContextual.init(6, 4)
    >>> e.layer(jnp.ones((5, 6)), None)[1].shape
    (5, 1, 2)
  """

  gate_weight: jax.Array = parameter()
  gate_bias: jax.Array = parameter(None)
  planes: GrapeM = None  # type: ignore[assignment]
  compat: str = static(default="paper")

  relative = True
  position_axes = None
  layer_axes = 2

  def __post_init__(self):
    _checks.compat(self.compat)
    mend = "Build it with GrapeContextual.init(d_model, head_dim)"
    w = _checks.floats("gate_weight", self.gate_weight, "[D, K]", mend, stacked=True)
    _checks.floats("gate_bias", self.gate_bias, "[K]", mend, stacked=True,
                   sizes={"K": w.shape[-1]})
    if not isinstance(self.planes, GrapeM):
      raise _errors.type_error("planes", _errors.describe(self.planes), "a GrapeM", mend)

  @classmethod
  def init(cls, d_model: int, head_dim: int, *, num_heads: int = 1, start: float = 1e-3,
           compat: str = "paper", base: Any = 10_000.0, norm: bool = True, scale: float = 16.0,
           sign: int = -1, pairing: str = "half") -> "GrapeContextual":
    """Weights of zero and a bias of softplus^-1(start), as the authors' code."""
    _errors.check_positive("start", start, "The authors take 1e-3")
    shape = (_checks.size("d_model", d_model, "Pass the model width D"),
             _checks.size("num_heads", num_heads, "1 shares the gate"))
    bias = jnp.full(shape[1:], math.log(math.expm1(start)), jnp.float32)
    planes = GrapeM.init(head_dim, base=base, norm=norm, scale=scale, sign=sign, pairing=pairing)
    return cls(jnp.zeros(shape, jnp.float32), bias, planes, compat)

  def align(self, positions, batch, length, argument="positions"):
    shape = (self.gate_weight.shape[-1], self.planes.log_frequencies.shape[-1])
    _turns.check_driven(argument, positions, shape)
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions
    gates = grape_gates(x, self.gate_weight, self.gate_bias, compat=self.compat)[..., None]
    theta = grape_frequencies(self.planes.log_frequencies, self.planes.scale).astype(gates.dtype)
    steps = gates * (theta / (2 * math.pi)).reshape((1,) * (gates.ndim - 1) + (-1,))
    turns, carry = _turns.cumulated(steps, carry, segments, exclusive=True)
    return x, turns, carry

  def qk(self, q, k, q_positions, k_positions):
    p = self.planes
    _checks.fits(q, p.log_frequencies.shape[-1], "head_dim")
    q, k = _turns.both_turned(q, k, q_positions, k_positions, p.pairing, p.sign)
    if p.q_gain is None:
      return q, k
    return (_blocks.root_mean_square(q, p.q_gain, p.eps),
            _blocks.root_mean_square(k, p.k_gain, p.eps))
