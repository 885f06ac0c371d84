# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""V-JEPA 2's rotary of time, height and width (hook ``qk``).

Assran et al. 2025, "V-JEPA 2", arXiv 2506.09985: three blocks of 2 floor(floor(H / 3) / 2) dims.
Differs from the released code, which pairs dims 2i and 2i + 1 but lays angles out half and half, so
that it turns nothing and scores depend on absolute positions; ``compat="released-code"`` keeps that
for checkpoints.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.m_rotary import mrotate
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def vjepa2_turn(x: jax.Array, positions: Any, frequencies: Any, *, compat: str = "paper"
                ) -> jax.Array:
  """Turns block a of the dims by positions[..., a], interleaved pairs.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, 3]``.
    frequencies: ``[n]`` of each block of 2n dims.
    compat: "released-code" gives dim c of a block the angle of frequency c mod n.

  Returns:
    Like x.

  Raises:
    ValueError: more dims than x has, an unknown compat.

  Example:
    >>> x = jnp.ones((1, 1, 6))
    >>> vjepa2_turn(x, jnp.array([[1, 0, 0]]), [jnp.pi]).round(3).tolist()
    [[[-1.0, -1.0, 1.0, 1.0, 1.0, 1.0]]]
  """
  _checks.compat(compat)
  frequencies = phases.as_frequencies(frequencies, single=True)
  n = frequencies.shape[0]
  three = jax.tree.map(lambda f: jnp.tile(jnp.asarray(f), 3), frequencies)
  axes = tuple(a for a in range(3) for _ in range(n))
  if compat == "paper":
    return mrotate(x, positions, three, axes, pairing="interleaved")
  x = jnp.asarray(_checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys"))
  at = _align.align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions", sizes=(3,))
  dtype = _numerics.wide(x)
  waves = phases.cos_sin(jnp.asarray(at), frequencies, dtype=dtype)  # [..., T, 3, n]
  cos, sin = (jnp.tile(w, 2).reshape(*w.shape[:-2], 1, 6 * n) for w in waves)
  y, rest = x[..., :6 * n].astype(dtype), x[..., 6 * n:]
  pairs = y.reshape(*y.shape[:-1], 3 * n, 2)
  other = jnp.stack([-pairs[..., 1], pairs[..., 0]], axis=-1).reshape(y.shape)
  return jnp.concatenate([(y * cos + other * sin).astype(x.dtype), rest], axis=-1)


@encoding
class VJepa2Rotary(Encoding):
  """Axial rotary of three blocks of each head.

  Args:
    head_dim: H, at least 6; dims beyond the blocks pass unchanged.
    base: positive; a known base is exact.
    compat: static, "paper" or "released-code"; see the module's text.

  Raises:
    ValueError: a smaller head_dim, an unknown compat.

  Example:
    >>> VJepa2Rotary(64, compat="released-code").frequencies.shape
    (10,)
  """

  frequencies: phases.Frequencies | jax.Array
  compat: str = static(default="paper")

  position_axes = 3

  @property
  def relative(self) -> bool:  # type: ignore[override]
    return self.compat == "paper"

  def __init__(self, head_dim: int, *, base: Any = 10_000.0, compat: str = "paper"):
    _checks.compat(compat)
    head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H, at least 6", least=6)
    self.set_fields(frequencies=rotary_frequencies(head_dim // 3 // 2 * 2, base=base),
                    compat=compat)

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, 3 * self.frequencies.shape[-1], "head_dim")
    turn = lambda x, at: vjepa2_turn(x, at, self.frequencies, compat=self.compat)
    return turn(q, q_positions), turn(k, k_positions)
