# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""HD-RoPE: blocks of four dims turn by one skew matrix that mixes them all (hook ``qk``).

arXiv 2608.29715. The matrix was transcribed second-hand: its equation 13 and its algorithm 2
disagree, and no code is published. This matrix is skew with rows of length 1, so that
x cos f + G x sin f is a rotation. Frequencies are not stated in the paper; here
theta_i = base^(-4i/H).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import rotary_frequencies

G = np.array([[0, -1, 2, 2], [1, 0, -2, 2], [-2, 2, 0, 1], [-2, -2, -1, 0]]) / 3


def hd_rotate(x: jax.Array, positions: Any, frequencies: Any) -> jax.Array:
  """x cos(p theta_i) + G x sin(p theta_i) on the block of dims i, i + H/4, i + H/2, i + 3H/4.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T]``, integers or floats.
    frequencies: ``[H / 4]`` radians per position, or ``Frequencies``.

  Returns:
    Like x.

  Raises:
    TypeError: x without floats.
    ValueError: another number of frequencies than H / 4.

  Example:
    >>> x = jnp.array([3.0, 0.0, 0.0, 0.0])[None, None]
    >>> hd_rotate(x, jnp.array([1]), [jnp.pi / 2]).round(3).tolist()
    [[[0.0, 1.0, -2.0, -2.0]]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  frequencies = phases.as_frequencies(frequencies, single=True)
  n = frequencies.shape[0]
  if 4 * n != x.shape[-1]:
    raise _errors.value_error("frequencies", f"{n} numbers", f"a quarter of the {x.shape[-1]} dims "
                              "of a head", "px.rotary_frequencies(H // 2) has H / 4 of them")
  dtype = _numerics.wide(x)
  positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
  cos, sin = phases.cos_sin(positions, frequencies, dtype=dtype)
  y = x.astype(dtype).reshape(*x.shape[:-1], 4, n)
  turned = jnp.einsum("ij,...jn->...in", jnp.asarray(G, dtype), y,
                      precision=jax.lax.Precision.HIGHEST)
  y = y * cos[..., None, None, :] + turned * sin[..., None, None, :]
  return y.reshape(x.shape).astype(x.dtype)


@encoding
class HDRotary(Encoding):
  """Rotations of blocks of four dims.

  Args:
    dim: H, a multiple of 4.
    base: positive; a known base is exact.

  Raises:
    TypeError: dim is not an int.
    ValueError: dim is no multiple of 4, base is not positive.

  Example:
    >>> x = jnp.ones((3, 1, 8)); at = jnp.arange(3)
    >>> HDRotary(8).qk(x, x, at, at)[0].shape
    (3, 1, 8)
  """

  frequencies: phases.Frequencies | jax.Array

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0):
    dim = _errors.check_int("dim", dim, "a multiple of 4", "Pass the head dim H", least=4)
    if dim % 4:
      raise _errors.value_error("dim", dim, "a multiple of 4", "Wrap it: px.on_dims")
    self.set_fields(frequencies=rotary_frequencies(dim // 2, base=base))

  def _repr_fields(self):
    shown = _bases.shown(self.frequencies)
    return {**shown, "dim": 2 * shown["dim"]} if "dim" in shown else shown

  def qk(self, q, k, q_positions, k_positions):
    return (hd_rotate(q, q_positions, self.frequencies),
            hd_rotate(k, k_positions, self.frequencies))
