# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""VO-RoPE: values turn by their position, outputs turn back (hooks ``values`` and ``outputs``).

Su, blog post kexue.fm/archives/10862: o_m = R(-m) sum_n a_mn R(n) v_n, so that a value arrives
turned by n - m.
Not the same as "rotary values", which turn v and leave the output: those outputs depend on absolute
positions. ``chain(Rotary(H), VORotary(H))`` turns q and k as well.
"""

from typing import Any

import jax

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import (
    PAIRINGS,
    rotary_frequencies,
    rotate,
    rotate_by,
)


def unrotate(x: jax.Array, positions: Any, frequencies: Any, *,
             pairing: str = "half") -> jax.Array:
  """The inverse of ``rotate``: turns pair i of each head by -position * theta_i.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]`` int32 or float32; missing leading axes broadcast.
    frequencies: ``[r // 2]`` radians per position, or ``Frequencies``; r <= H.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: more pairs than dims, positions that do not fit x, an unknown pairing.
    TypeError: positions in a 16-bit float.

  Example:
    >>> import jax.numpy as jnp
    >>> unrotate(jnp.ones((1, 1, 2)), jnp.array([1]), [jnp.pi / 2]).round(3).tolist()
    [[[1.0, -1.0]]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass values or outputs, heads before dims")
  positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
  frequencies = phases.as_frequencies(frequencies, single=True)
  cos, sin = phases.cos_sin(positions, frequencies, dtype=_numerics.wide(x))
  return rotate_by(x, cos[..., None, :], -sin[..., None, :], pairing=pairing)


@encoding
class VORotary(Encoding):
  """RoPE on values, undone on outputs: the output sees values at relative positions only.

  Args:
    dim: r, how many dims of each value head turn; even, at most the values' head dim.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    pairing: "half" or "interleaved".

  Raises:
    TypeError: dim is not an int, base is not a number.
    ValueError: an odd dim, a base that is not positive, an unknown pairing; in a call, more dims
      than a value head has.

  Example:
    >>> import jax.numpy as jnp
    >>> from posenc_jax import attend
    >>> x = jnp.ones((3, 1, 4))
    >>> attend(x, x, x, VORotary(4), causal=True)[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
  """

  frequencies: phases.Frequencies | jax.Array
  pairing: str = static(default="half")

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    self.set_fields(frequencies=rotary_frequencies(dim, base=base), pairing=pairing)

  def _repr_fields(self):
    pairing = {} if self.pairing == "half" else {"pairing": self.pairing}
    return _bases.shown(self.frequencies) | pairing

  def values(self, v, k_positions):
    _checks.fits(v, self.frequencies.shape[-1], "dim")
    return rotate(v, k_positions, self.frequencies, pairing=self.pairing)

  def outputs(self, out, q_positions):
    return unrotate(out, q_positions, self.frequencies, pairing=self.pairing)
