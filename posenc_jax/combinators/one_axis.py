# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One position axis of several."""

import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, Tile, encoding, static
from posenc_jax.combinators.wrapper import Wrapper, check_inner


def along(axis: int, e: Encoding) -> Encoding:
  """``e`` reads one axis of positions ``[..., T, P]``.

  Args:
    axis: which of the P axes, from 0.
    e: an encoding of one number a token.

  Returns:
    An encoding of positions ``[..., T, P]`` with P > axis.

  Raises:
    TypeError: not an encoding, or not an int.
    ValueError: a negative axis; an encoding that reads no positions or several axes.

  Example:
    >>> import posenc_jax as px
    >>> rows = px.chain(px.MRotary((1, 1)), along(0, px.Alibi(2)))
    >>> q = jnp.ones((4, 2, 4)); at = px.positions.grid(2, 2)
    >>> px.attend(q, q, q, rows, q_positions=at, k_positions=at).shape
    (4, 2, 4)
  """
  axis = _errors.check_int("axis", axis, "an int, at least 0", "Axes are counted from 0", least=0)
  return Along(check_inner("along", e), axis)


@encoding
class Along(Wrapper):
  """One axis of several; build it with ``along``."""

  inner: Encoding
  axis: int = static()

  @property
  def position_axes(self) -> int:
    return self.axis + 1

  @property
  def one_axis(self) -> bool:
    return True

  def has(self, hook):
    return hook != "bias_columns" and self.inner.has(hook)

  def align(self, positions, batch, length, argument="positions"):
    return self.align_tokens(positions, batch, length, argument)

  def align_tokens(self, positions, batch, length, argument="positions"):
    positions = _align.align_array(positions, batch, length, 1, argument)
    if positions.shape[-1] <= self.axis:
      raise _errors.value_error(argument, f"{positions.shape[-1]} axes",
                                f"more than {self.axis} of them: [..., T, P]",
                                f"along({self.axis}, ..) reads the axis of that index")
    return positions

  def _pick(self, positions):
    return positions[..., self.axis]

  def positions(self, positions, *, key=None):
    changed = self.inner.positions(self._pick(positions), key=key)
    rest = [positions[..., i] if i != self.axis else changed for i in range(positions.shape[-1])]
    return jnp.stack([jnp.asarray(p, jnp.asarray(changed).dtype) for p in rest], axis=-1)

  def inputs(self, x, positions):
    return self.inner.inputs(x, self._pick(positions))

  def layer(self, x, positions, *, carry=None, segments=None):
    x, _, carry = self.inner.layer(x, self._pick(positions), carry=carry, segments=segments)
    return x, positions, carry

  def qk(self, q, k, q_positions, k_positions):
    return self.inner.qk(q, k, self._pick(q_positions), self._pick(k_positions))

  def values(self, v, k_positions):
    return self.inner.values(v, self._pick(k_positions))

  def expand(self, q, k, q_positions, k_positions):
    return self.inner.expand(q, k, self._pick(q_positions), self._pick(k_positions))

  def _tile(self, tile: Tile) -> Tile:
    return tile._replace(q_positions=self._pick(tile.q_positions),
                         k_positions=self._pick(tile.k_positions))

  def visible(self, tile):
    return self.inner.visible(self._tile(tile))

  def bias(self, tile):
    return self.inner.bias(self._tile(tile))

  def distance_bias(self, distance):
    return self.inner.distance_bias(distance[..., self.axis])

  def scores(self, scores, tile):
    return self.inner.scores(scores, self._tile(tile))

  def weights(self, scores, tile):
    return self.inner.weights(scores, self._tile(tile))

  def value_bias(self, weights, tile):
    return self.inner.value_bias(weights, self._tile(tile))

  def outputs(self, out, q_positions):
    return self.inner.outputs(out, self._pick(q_positions))
