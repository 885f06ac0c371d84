# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Selective RoPE: angles summed up from a short convolution of the input (hooks ``layer``, ``qk``).

Movahedi et al. 2025, "Selective Rotary Position Embedding", arXiv 2511.17388, and its released
code: the input, L2-normalised in one slice for each head, through a low-rank map and a causal
convolution of four taps, gives w_t for each pair; pair i of token m is turned by
theta_i sum_(t <= m) w_ti.
Differs from the released code: maps belong to key heads; the bias and the full-rank map are left
out, which are off by default.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks, _convolution
from posenc_jax.encodings.rotations.driven import _turns
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies


def sliced_norm(x: jax.Array, slices: int, eps: float = 1e-6) -> jax.Array:
  """Each of some equal slices of the last axis, divided by sqrt(|slice|^2 + eps).

  Args:
    x: ``[..., D]``.
    slices: how many; they divide D.
    eps: keeps zeros zero.

  Returns:
    Like x, at least float32.

  Raises:
    ValueError: slices that do not divide D.

  Example:
    >>> sliced_norm(jnp.array([3.0, 4.0, 0.0, 2.0]), 2).round(3).tolist()
    [0.6, 0.8, 0.0, 1.0]
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., D]", "Pass a layer's input"))
  if x.shape[-1] % slices:
    raise _errors.value_error("x", f"width {x.shape[-1]}", f"a multiple of {slices} slices",
                              "Build it with num_heads that divide the model width D")
  y = x.astype(_numerics.wide(x)).reshape(*x.shape[:-1], slices, -1)
  y = y * jax.lax.rsqrt(jnp.sum(y * y, axis=-1, keepdims=True) + eps)
  return y.reshape(x.shape)


@encoding
class SelectiveRotary(Encoding):
  """RoPE whose steps the input chooses for each pair; token indices play no part.

  A layer calls ``layer`` on its input, uses the positions that it returns, H / 2 turns a key head,
  and caches them beside the keys. ``carry`` holds the convolution's last inputs and the sums.

  Args:
    down: ``[D, r]``, up: ``[r, K, H / 2]``, kernel: ``[taps, K, H / 2]``, parameters; row 0 of the
      kernel weighs the token itself.
    gate: None, or ``[D, K]``, with gate_bias ``[K]``: parameters of sigmoid gates of the steps.
    base: positive; the authors take 500000. Its frequencies are float32, as the steps are.
    pairing: static; as in ``Rotary``.

  Raises:
    TypeError: arrays that are no floats.
    ValueError: shapes that do not fit together.

  Example:
    >>> e = SelectiveRotary.init(jax.random.key(0), d_model=6, head_dim=4)
    >>> e.layer(jnp.ones((5, 6)), jnp.arange(5))[1].shape
    (5, 1, 2)
  """

  down: jax.Array = parameter()
  up: jax.Array = parameter()
  kernel: jax.Array = parameter()
  gate: jax.Array | None = parameter()
  gate_bias: jax.Array | None = parameter()
  frequencies: jax.Array
  pairing: str = static(default="half")

  relative = True
  layer_axes = 2

  def __init__(self, down, up, kernel, gate=None, gate_bias=None, *, base: Any = 500_000.0,
               pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    mend = "Build them with SelectiveRotary.init(key, d_model, head_dim)"
    floats = lambda name, x, letters, **sizes: _checks.floats(name, x, letters, mend,
                                                              sizes=sizes, stacked=True)
    width, rank = floats("down", down, "[D, r]").shape[-2:]
    heads, pairs = floats("up", up, "[r, K, n]", r=rank).shape[-2:]
    floats("kernel", kernel, "[taps, K, n]", K=heads, n=pairs)
    if (gate is None) != (gate_bias is None):
      raise _errors.value_error("gate, gate_bias", "one of them", "both or none", mend)
    if gate is not None:
      floats("gate", gate, "[D, K]", D=width, K=heads)
      floats("gate_bias", gate_bias, "[K]", K=heads)
    f = rotary_frequencies(2 * pairs, base=base)
    f = f.float32() if isinstance(f, phases.Frequencies) else f
    self.set_fields(down=down, up=up, kernel=kernel, gate=gate, gate_bias=gate_bias,
                    frequencies=f, pairing=pairing)

  @classmethod
  def init(cls, key, d_model: int, head_dim: int, *, num_heads: int = 1, rank: int = 16,
           taps: int = 4, gated: bool = False, base: Any = 500_000.0, pairing: str = "half"
           ) -> "SelectiveRotary":
    """Draws each map from U(-1 / sqrt(inputs), 1 / sqrt(inputs)), a linear layer's default."""
    pairs = _checks.size("head_dim", head_dim, "Pass the head dim H", least=2) // 2
    mend = "The released code takes rank 16 and 4 taps"
    sizes = [_checks.size(n, v, mend) for n, v in (("num_heads", num_heads), ("rank", rank),
                                                   ("taps", taps), ("d_model", d_model))]
    heads, rank, taps, width = sizes
    draw = lambda k, shape, inputs: jax.random.uniform(k, shape, jnp.float32, -1, 1) * inputs**-0.5
    keys = jax.random.split(_checks.key(key), 4)
    gate = draw(keys[3], (width, heads), width) if gated else None
    return cls(draw(keys[0], (width, rank), width), draw(keys[1], (rank, heads, pairs), rank),
               draw(keys[2], (taps, heads, pairs), taps), gate,
               jnp.zeros((heads,), jnp.float32) if gated else None, base=base, pairing=pairing)

  def _repr_fields(self):
    return {"down": self.down, "up": self.up, "kernel": self.kernel,
            "frequencies": self.frequencies}

  def align(self, positions, batch, length, argument="positions"):
    _turns.check_driven(argument, positions, self.up.shape[1:])
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    heads, pairs = self.up.shape[1:]
    rows, sums = (None, None) if carry is None else carry
    normal = sliced_norm(x, heads)
    steps = _turns.project(_turns.project(normal, self.down),
                           self.up.reshape(self.up.shape[0], -1))
    steps, rows = _convolution.convolve(steps, self.kernel.reshape(self.kernel.shape[0], -1),
                                        positions, rows, segments)
    steps = steps.reshape(*steps.shape[:-1], heads, pairs)
    if self.gate is not None:
      steps = steps * jax.nn.sigmoid(_turns.project(normal, self.gate, self.gate_bias))[..., None]
    theta = jnp.asarray(self.frequencies).astype(steps.dtype)
    steps = steps * (theta / (2 * math.pi)).reshape((1,) * (steps.ndim - 1) + (-1,))
    turns, sums = _turns.cumulated(steps, sums, segments)
    return x, turns, (rows, sums)

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.up.shape[-1], "head_dim")
    return _turns.both_turned(q, k, q_positions, k_positions, self.pairing)
