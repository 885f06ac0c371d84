# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""RePo: the layer's input says at which real position a token stands (hooks ``layer`` and ``qk``).

Li et al. 2025, "RePo: Language Models with Context Re-Positioning", arXiv 2512.14391: for each head
the position is W_f (SiLU(W_g x) * W_c x), without biases and of width D / 8, and RoPE turns q and k
by it. The authors keep plain RoPE in the first layers: a model takes a list of encodings.
Differs from the paper: positions belong to key heads, so that grouped queries share their keys'.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.driven import _turns
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate_by


def content_positions(x: jax.Array, gate: jax.Array, content: jax.Array, out: jax.Array
                      ) -> jax.Array:
  """(SiLU(x W_g) * x W_c) W_f: a real position for each head.

  Args:
    x: ``[..., T, D]``, a layer's input.
    gate, content: W_g and W_c ``[D, W]``.
    out: W_f ``[W, K]``.

  Returns:
    ``[..., T, K]``, float32 (float64 for float64 x).

  Raises:
    TypeError: arrays that are no floats.
    ValueError: shapes that do not fit.

  Example:
    >>> content_positions(jnp.ones((1, 2)), jnp.ones((2, 1)), jnp.ones((2, 1)), jnp.ones((1, 1))
    ...                   ).round(3).tolist()
    [[3.523]]

  References:
    Li et al. 2025, arXiv 2512.14391.
  """
  mend = "Build them with RePo.init(key, d_model, head_dim)"
  gate = jnp.asarray(_checks.floats("gate", gate, "[D, W]", mend))
  width = gate.shape[1]
  content = jnp.asarray(_checks.floats("content", content, "[D, W]", mend, sizes={"W": width}))
  out = jnp.asarray(_checks.floats("out", out, "[W, K]", mend, sizes={"W": width}))
  return _turns.project(jax.nn.silu(_turns.project(x, gate)) * _turns.project(x, content), out)


@encoding
class RePo(Encoding):
  """RoPE at positions that the layer's input gives; token indices play no part.

  Args:
    gate, content: ``[D, W]``, out: ``[W, K]``, parameters; K key heads, or 1 for all.
    dim: how many dims of each head turn, even.
    base: positive; the authors take 500000. A known base is exact.
    pairing: static; as in ``Rotary``.

  Raises:
    TypeError: arrays that are no floats.
    ValueError: shapes that do not fit together.

  Example:
    >>> e = RePo.init(jax.random.key(0), d_model=16, head_dim=4)
    >>> e.layer(jnp.ones((5, 16)), None)[1].shape
    (5, 1)
  """

  gate: jax.Array = parameter()
  content: jax.Array = parameter()
  out: jax.Array = parameter()
  frequencies: phases.Frequencies | jax.Array
  pairing: str = static(default="half")

  relative = True
  position_axes = None
  layer_axes = 1

  def __init__(self, gate, content, out, dim: int, *, base: Any = 500_000.0,
               pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    mend = "Build them with RePo.init(key, d_model, head_dim)"
    d, w = _checks.floats("gate", gate, "[D, W]", mend, stacked=True).shape[-2:]
    _checks.floats("content", content, "[D, W]", mend, stacked=True, sizes={"D": d, "W": w})
    _checks.floats("out", out, "[W, K]", mend, stacked=True, sizes={"W": w})
    self.set_fields(gate=gate, content=content, out=out,
                    frequencies=rotary_frequencies(dim, base=base), pairing=pairing)

  @classmethod
  def init(cls, key, d_model: int, head_dim: int, *, num_heads: int = 1, width: int | None = None,
           stddev: float = 0.02, base: Any = 500_000.0, pairing: str = "half") -> "RePo":
    """Draws the maps from N(0, stddev^2); width None is D / 8."""
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    heads = _checks.size("num_heads", num_heads, "1 shares the positions")
    width = max(1, d_model // 8) if width is None else _checks.size("width", width, "D / 8")
    shapes = ((d_model, width), (d_model, width), (width, heads))
    gate, content, out = (
      stddev * jax.random.normal(k, shape, jnp.float32)
      for k, shape in zip(jax.random.split(_checks.key(key), 3), shapes, strict=True))
    return cls(gate, content, out, head_dim, base=base, pairing=pairing)

  def _repr_fields(self):
    return ({"gate": self.gate, "content": self.content, "out": self.out}
            | _bases.shown(self.frequencies))

  def align(self, positions, batch, length, argument="positions"):
    _turns.check_driven(argument, positions, (self.out.shape[-1],))
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions, segments
    return x, content_positions(x, self.gate, self.content, self.out), carry

  def qk(self, q, k, q_positions, k_positions):
    heads = self.out.shape[-1]
    _checks.fits(q, self.frequencies.shape[-1], "dim")
    if heads not in (1, k.shape[-2]):
      raise _errors.value_error("k", f"{k.shape[-2]} heads", f"the encoding's {heads}",
                                "Build it with num_heads of the key heads K")

    def turn(x, at):
      unit = phases.cos_sin(at, self.frequencies, dtype=_numerics.wide(x))
      cos, sin = (jnp.repeat(u, x.shape[-2] // heads, axis=-2) for u in unit)
      return rotate_by(x, cos, sin, pairing=self.pairing)

    return turn(q, q_positions), turn(k, k_positions)
