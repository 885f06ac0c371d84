# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Randomized positions: token p stands at the p-th of a sorted random subset (hook ``positions``).

Ruoss et al. 2023, "Randomized Positional Encodings Boost Length Generalization of Transformers",
arXiv 2305.16843, section 3.
Differs from the paper: a draw has a fixed ``length`` and a sequence of T tokens takes its first T
ids, where the paper draws T of them; so one key gives the same ids at every step of decoding, and
padding or packing change nothing. With ``length=T`` the two are the same. Each row of positions has
a draw of its own; the authors' code shares one by the batch, and redraws in each rotary layer.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.positions import sorted_subset


def randomized_positions(positions: Any, key: jax.Array, *, length: int,
                         maximum: int = 2048) -> jax.Array:
  """ids[p] for every position p, ids being ``length`` sorted integers drawn from [0, maximum).

  Args:
    positions: int ``[..., T]``. Each row has its own draw: one row ``[T]`` or ``[1, T]`` shares
      one by the whole batch.
    key: a PRNG key. Row b draws with ``fold_in(key, b)``, whatever the number of rows.
    length: how many ids are drawn; the longest sequence.
    maximum: L_max of the paper.

  Returns:
    int32 ``[..., T]``, ascending where positions are. A negative position (padding) stays as it
    is. A position p >= length that is only known inside a trace becomes maximum + p - length: ids
    go on ascending without repetition, where the model was never trained.

  Raises:
    ValueError: a known position that is not below length; length < 1 or length > maximum.
    TypeError: positions, length or maximum are not integers; no PRNG key.

  Example:
    >>> randomized_positions(jnp.arange(3), jax.random.key(0), length=3, maximum=3).tolist()
    [0, 1, 2]

  References:
    Ruoss et al. 2023, arXiv 2305.16843, section 3.
  """
  length, maximum = _check_sizes(length, maximum)
  key = _checks.key(key)
  positions = jnp.asarray(_check_positions(positions, length))
  p = positions.reshape(-1, positions.shape[-1]).astype(jnp.int32)
  row = jnp.arange(math.prod(positions.shape[:-1]), dtype=jnp.int32)
  draw = lambda b: sorted_subset(jax.random.fold_in(key, b), length, maximum)
  ids = jnp.take_along_axis(jax.vmap(draw)(row), jnp.clip(p, 0, length - 1), axis=1)
  ids = jnp.where(p < length, ids, maximum + p - length)
  return jnp.where(p < 0, p, ids).reshape(positions.shape)


def _check_sizes(length, maximum):
  mend = "length is the longest sequence, maximum is L_max of the paper"
  length = _checks.size("length", length, mend)
  maximum = _checks.size("maximum", maximum, mend)
  if length > maximum:
    raise _errors.value_error("length", length, f"at most maximum={maximum}",
                              "Raise maximum: ids are drawn without repetition")
  return length, maximum


def _check_positions(positions, length):
  positions = _checks.positions(positions)
  if not positions.ndim:
    raise _errors.value_error("positions", "shape ()", "[..., T]", "Add an axis for the tokens")
  known = _numerics.known(positions)
  if known is not None and known.size and known.max() >= length:
    raise _errors.value_error("positions", int(known.max()), f"positions below length={length}",
                              f"Use length={int(known.max()) + 1} or more: it has no parameters, "
                              "so a trained model can be run with another length")
  return positions


@encoding
class Randomized(Encoding):
  """Replaces positions 0, 1, .. by random ascending ids, for all layers at once.

  Put it first in a chain with the encoding that uses the ids. There is nothing to learn, so train
  with ``length`` the training length and evaluate with a longer one.

  Args:
    length: static; how many ids are drawn, the longest sequence.
    maximum: static; ids are below it.

  Raises:
    TypeError: sizes that are not ints.
    ValueError: sizes that do not fit; at the call, no key or a position that is not below length.

  Example:
    >>> from posenc_jax import Rotary, chain
    >>> e = chain(Randomized(8, maximum=64), Rotary(4))
    >>> ids = e.positions(jnp.arange(8), key=jax.random.key(0))
    >>> bool((ids[1:] > ids[:-1]).all()), bool(ids[-1] < 64)
    (True, True)
  """

  length: int = static()
  maximum: int = static(default=2048)

  def __post_init__(self):
    length, maximum = _check_sizes(self.length, self.maximum)
    self.set_fields(length=length, maximum=maximum)

  def positions(self, positions, *, key=None):
    if key is None:
      raise _errors.value_error("key", None, "a PRNG key: randomized positions are drawn anew",
                                "Pass key=jax.random.key(seed), a new one each training step and "
                                "the same one at every step of decoding")
    return randomized_positions(positions, key, length=self.length, maximum=self.maximum)
