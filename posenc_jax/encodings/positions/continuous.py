# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Continuous random positions: token p stands at the p-th of sorted draws from [0, 1).

"Continuous random positions", arXiv 2602.14050 (hook ``positions``).
Differs from the paper: a draw has a fixed ``length`` and a shorter sequence takes its first
entries, so that one key gives the same positions at every step of decoding. The denominator of
evaluation, the longer of the trained and the present length, is pinned by ``longest``: cached keys
would otherwise go stale at every token.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks, _rows


def continuous_positions(positions: Any, key: jax.Array, *, length: int) -> jax.Array:
  """u[p] for every position p, u being ``length`` draws from [0, 1) in ascending order.

  Args:
    positions: int ``[..., T]``; each row has a draw of its own.
    key: a PRNG key. Row b draws with ``fold_in(key, b)``.
    length: how many are drawn; the trained length.

  Returns:
    float32 ``[..., T]``. A negative position (padding) becomes 0; p >= ``length`` becomes
    1 + (p - length) / length, where a model was never trained.

  Raises:
    TypeError: positions or a length that are no integers, no PRNG key.
    ValueError: length < 1.

  Example:
    >>> u = continuous_positions(jnp.arange(3), jax.random.key(0), length=3)
    >>> bool((u[1:] > u[:-1]).all())
    True

  References:
    arXiv 2602.14050.
  """
  length = _checks.size("length", length, "Pass the trained length")
  positions = _rows.with_rows(positions, real=False)

  def take(row_key, p):
    u = jnp.sort(jax.random.uniform(row_key, (length,), jnp.float32))
    beyond = 1 + (p - length).astype(jnp.float32) / length
    return jnp.where(p < length, u[jnp.clip(p, 0, length - 1)], beyond)

  out = _rows.each(take, _rows.keys(key, positions.shape[:-1]), positions)
  return jnp.where(positions < 0, 0, out)


def continuous_grid(positions: Any, *, length: int) -> jax.Array:
  """(2 p + 1) / (2 length), where the draws stand on average: the positions of evaluation.

  Args:
    positions: ``[..., T]``, counted from 0.
    length: the longer of the trained length and of what this request will reach.

  Returns:
    float32 ``[..., T]``.

  Example:
    >>> continuous_grid(jnp.arange(2), length=2).tolist()
    [0.25, 0.75]
  """
  length = _checks.size("length", length, "Pass the longest sequence of the request")
  positions = jnp.asarray(_checks.positions(positions, real=True))
  return (2 * positions.astype(jnp.float32) + 1) / (2 * length)


@encoding
class Continuous(Encoding):
  """Replaces positions 0, 1, .. by numbers of [0, 1): random with a key, evenly spaced without.

  Put it first in a chain, before an encoding of real positions.

  Args:
    length: static; how many positions are drawn, the trained length.
    longest: static; the denominator of evaluation, None for ``length``. Keep it for a whole
      request.

  Raises:
    TypeError: sizes that are not ints.
    ValueError: length < 1, a ``longest`` below length.

  Example:
    >>> Continuous(4).positions(jnp.arange(4)).tolist()
    [0.125, 0.375, 0.625, 0.875]
  """

  length: int = static()
  longest: int | None = static(default=None)

  def __post_init__(self):
    self.set_fields(length=_checks.size("length", self.length, "Pass the trained length"))
    if self.longest is not None:
      _errors.check_int("longest", self.longest, f"an int, at least length={self.length}",
                        "The shorter of the two is not used", least=self.length)

  def positions(self, positions, *, key=None):
    if key is None:
      return continuous_grid(positions, length=self.longest or self.length)
    return continuous_positions(positions, key, length=self.length)
