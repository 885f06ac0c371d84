# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Inkling's bias: each token mixes learned curves of the distance (hooks ``layer``, ``bias``).

Inkling (2026): r_m = x_m W has R numbers for each head, and the bias is r_m . P[:, m - n] for
0 <= m - n < E, else 0. Its full layers multiply q and the bias by
1 + alpha log(max((m + 1) / floor, 1)); q and k are normalised, and scores divided by H.
Differs from the released code: nothing in the numbers; norm and scale (``scale=1 / H``) are the
model's.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks, _queries
from posenc_jax.encodings.content import _tables

_MEND = "Build it with Inkling.init(key, d_model, num_heads)"
_WORD = 4096  # A position is two floats, its multiples of this and the rest: exact to 2^31.


def inkling_positions(x: jax.Array, positions: Any, weight: jax.Array) -> jax.Array:
  """What a token's queries and keys know: r = x W, and its position in two exact floats.

  Args:
    x: ``[..., T, D]``, a layer's input.
    positions: ``[..., T]``; missing leading axes broadcast.
    weight: W, ``[D, N, R]``.

  Returns:
    ``[..., T, N R + 2]``, float32, or float64 for float64 x.

  Raises:
    TypeError: x or weight without floats.
    ValueError: the width of x is not D, positions of another length.

  Example:
    >>> inkling_positions(jnp.ones((1, 3)), jnp.array([4097]), jnp.ones((3, 1, 1))).tolist()
    [[3.0, 1.0, 1.0]]
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., T, D]", "Pass a layer's input"))
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, N, R]", _MEND,
                                      sizes={"D": x.shape[-1]}))
  dtype = _numerics.wide(x)
  r = jnp.einsum("...td,dnr->...tnr", x.astype(dtype), weight.astype(dtype))
  at = jnp.asarray(_align.align_array(positions, x.ndim - 2, x.shape[-2], 0, "positions"))
  words = jnp.floor_divide(at, _WORD)
  both = jnp.stack([words, at - words * _WORD], axis=-1).astype(dtype)
  both = jnp.broadcast_to(both, (*x.shape[:-1], 2))
  return jnp.concatenate([r.reshape(*x.shape[:-1], -1), both], axis=-1)


def inkling_bias(q_positions: jax.Array, k_positions: jax.Array, profiles: jax.Array) -> jax.Array:
  """r_m . P[:, m - n] for 0 <= m - n < E, else 0.

  Args:
    q_positions: ``[..., T, N R + 2]`` and k_positions: ``[..., S, N R + 2]``, of
      ``inkling_positions``.
    profiles: P, ``[R, E]``, shared by the heads.

  Returns:
    ``[..., N, T, S]`` of the positions' dtype.

  Raises:
    TypeError: profiles without floats.
    ValueError: positions that ``inkling_positions`` did not make.

  Example:
    >>> at = inkling_positions(jnp.ones((3, 1)), jnp.arange(3), jnp.ones((1, 1, 1)))
    >>> inkling_bias(at, at, jnp.array([[5.0, 7.0]])).tolist()
    [[[5.0, 0.0, 0.0], [7.0, 5.0, 0.0], [0.0, 7.0, 5.0]]]
  """
  profiles = jnp.asarray(_checks.floats("profiles", profiles, "[R, E]", _MEND))
  mixed, extent = profiles.shape
  if np.shape(q_positions)[-1] % mixed != 2 % mixed:
    raise _errors.value_error("q_positions", f"shape {np.shape(q_positions)}",
                              f"driven positions [..., T, N {mixed} + 2]",
                              "Pass what inkling_positions or Inkling.layer returned")
  r = q_positions[..., :-2]
  r = r.reshape(*r.shape[:-1], -1, mixed)
  curves = jnp.einsum("...tnr,re->...nte", r, profiles.astype(r.dtype))
  apart = q_positions[..., :, None, -2:] - k_positions[..., None, :, -2:]
  behind = apart[..., 0] * _WORD + apart[..., 1]
  index = jnp.clip(behind, 0, extent - 1).astype(jnp.int32)
  found = _tables.look_up(curves, _tables.with_heads(index, curves.ndim))
  return jnp.where(((behind >= 0) & (behind < extent))[..., None, :, :], found, 0)


@encoding
class Inkling(Encoding):
  """Adds r_m . P[:, m - n] to the scores inside the extent; multiplies q and it by a temperature.

  A layer calls ``layer`` on its input, uses the positions that it returns as this layer's, and
  caches them beside the keys.

  Args:
    weight: W, ``[D, N, R]``, a parameter.
    profiles: P, ``[R, E]``, a parameter.
    alpha, floor: of the temperature, plain fields; None for both on layers with a window.

  Raises:
    TypeError: no float arrays.
    ValueError: shapes that do not fit; alpha without floor.

  Example:
    >>> e = Inkling.init(jax.random.key(0), d_model=6, num_heads=2, extent=4)
    >>> e.layer(jnp.ones((5, 6)), jnp.arange(5))[1].shape
    (5, 34)
  """

  weight: jax.Array = parameter()
  profiles: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  alpha: jax.typing.ArrayLike | None = None
  floor: jax.typing.ArrayLike | None = None

  layer_axes = 1

  @property
  def relative(self):
    return self.floor is None

  def __post_init__(self):
    _checks.floats("weight", self.weight, "[D, N, R]", _MEND, stacked=True)
    _checks.floats("profiles", self.profiles, "[R, E]", _MEND, stacked=True,
                   sizes={"R": np.shape(self.weight)[-1]})
    if (self.alpha is None) != (self.floor is None):
      raise _errors.value_error("alpha, floor", "one of them", "both or none",
                                "Released full layers have alpha = 0.1")

  @classmethod
  def init(cls, key, d_model: int, num_heads: int, *, mixed: int = 16, extent: int = 1024,
           alpha: float | None = None, floor: float | None = None, stddev: float = 0.02
           ) -> "Inkling":
    """Draws W and P from N(0, stddev^2); ``mixed`` is R and ``extent`` E."""
    sizes = [_checks.size(n, x, "Pass sizes as ints") for n, x in (
        ("d_model", d_model), ("num_heads", num_heads), ("mixed", mixed), ("extent", extent))]
    first, second = jax.random.split(_checks.key(key))
    draw = lambda k, *shape: jax.random.normal(k, shape, jnp.float32) * stddev
    return cls(draw(first, *sizes[:3]), draw(second, *sizes[2:]), alpha, floor)

  def align(self, positions, batch, length, argument="positions"):
    width, shape = np.prod(np.shape(self.weight)[-2:]) + 2, np.shape(positions)
    if len(shape) < 2 or shape[-1] != width:
      raise _errors.value_error(argument, f"shape {shape}", f"driven positions [..., T, {width}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del segments
    return x, inkling_positions(x, positions, self.weight), carry

  def _temperature(self, positions):
    """``[..., T]``, or None."""
    if self.floor is None:
      return None
    count = positions[..., -2] * _WORD + positions[..., -1] + 1
    alpha, floor = (jnp.asarray(a).astype(count.dtype) for a in (self.alpha, self.floor))
    return 1 + alpha * jnp.log(jnp.maximum(count / floor, 1))

  def qk(self, q, k, q_positions, k_positions):
    del k_positions
    factor = self._temperature(q_positions)
    return (q if factor is None else _queries.times(q, factor[..., None])), k

  def bias(self, tile):
    found = inkling_bias(tile.q_positions, tile.k_positions, self.profiles)
    factor = self._temperature(tile.q_positions)
    return found if factor is None else found * factor[..., None, :, None]
