# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Going back: the states that an encoding's ``layer`` carried before each of the last tokens.

Keys and values of rejected tokens are hidden by ``Cache.crop``; what ``layer`` carries from token
to token has to be what it was, so a cache that shall be cut keeps the last few states.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align
from posenc_jax.base import Encoding


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class History:
  """The last R states of ``layer``.

  Attributes:
    carries: a PyTree like the carry, ``[..., R, *]``: entry j is what was carried when
      ``index - R + j`` slots were filled.
    oldest: int32, the fewest slots whose state is known.
  """

  carries: Any
  oldest: jax.Array

  @property
  def room(self) -> int:
    """R."""
    return jax.tree.leaves(self.carries)[0].shape[self._axis]

  # Batch axes lead every leaf; how many there are only the cache knows, so it is told by ``start``.
  _axis: int = dataclasses.field(default=0, metadata={"static": True})


def start(carry: Any, batch: int, room: int) -> History | None:
  """The history of an empty cache, whose state is zeros; None if nothing is carried or kept.

  Args:
    carry: the empty cache's.
    batch: how many batch axes it has.
    room: R.
  """
  if not room or not jax.tree.leaves(carry):
    return None
  lengthen = lambda x: jnp.zeros((*x.shape[:batch], room, *x.shape[batch:]), x.dtype)
  return History(jax.tree.map(lengthen, carry), jnp.int32(0), batch)


def run(encoding: Encoding, x: jax.Array, positions: Any, carry: Any, segments: Any,
        history: History):
  """``encoding.layer``, its last R tokens one by one: (x, positions, carry, states before each).

  The states are a PyTree ``[..., min(T, R), *]``.
  """
  batch, length = x.ndim - 2, x.shape[-2]
  if segments is not None:
    segments = _align.align_array(segments, batch, length, 0, "segments", real=False)
  cut = lambda tree, part: jax.tree.map(lambda a: a[(slice(None),) * batch + (part,)], tree)
  first = max(length - history.room, 0)
  starts = ([0] if first else []) + list(range(first, length))
  done, before = [], []
  for begin, end in zip(starts, [*starts[1:], length], strict=True):
    part = slice(begin, end)
    if begin >= first:
      before.append(carry)
    y, at, carry = encoding.layer(cut(x, part), cut(positions, part), carry=carry,
                                  segments=None if segments is None else cut(segments, part))
    done.append((y, at))
  x = jnp.concatenate([y for y, _ in done], axis=-2)
  if encoding.layer_axes is not None:  # else they are as they came, known ones still known
    positions = jax.tree.map(lambda *p: jnp.concatenate(p, axis=batch), *(at for _, at in done))
  return x, positions, carry, jax.tree.map(lambda *c: jnp.stack(c, axis=batch), *before)


def extend(history: History, before: Any, filled: jax.Array) -> History:
  """The history after a chunk: ``before`` from ``run``, ``filled`` slots are filled now."""
  axis, room = history._axis, history.room

  def push(old, new):
    joined = jnp.concatenate([old, new.astype(old.dtype)], axis=axis)
    return jax.lax.slice_in_dim(joined, joined.shape[axis] - room, None, axis=axis)

  oldest = jnp.maximum(history.oldest, filled - jnp.int32(room))
  return History(jax.tree.map(push, history.carries, before), oldest, axis)


def go_back(history: History, carry: Any, filled: jax.Array, counts: jax.Array):
  """(history, carry) when each row has ``counts`` tokens and as many slots as the longest row.

  Args:
    history, carry: of a cache of which ``filled`` slots are filled.
    counts: int32, of the batch's shape; between ``history.oldest`` and ``filled``.
  """
  axis, room = history._axis, history.room
  # Row by row, what was carried at each number of slots; beyond the row's end nothing changes.
  numbers = np.arange(room + 1, dtype=np.int32).reshape((1,) * counts.ndim + (-1,))
  slots = jnp.max(counts) - room + numbers
  at = jnp.minimum(slots, counts[..., None]) - (filled - room)
  at = jnp.clip(at, 0, room)  # what lies before ``oldest`` is never asked for

  def pick(old, last):
    states = jnp.concatenate([old, jnp.expand_dims(last, axis).astype(old.dtype)], axis=axis)
    return jnp.take_along_axis(states, at.reshape(at.shape + (1,) * (states.ndim - at.ndim)),
                               axis=axis)

  states = jax.tree.map(pick, history.carries, carry)
  part = lambda begin, end: jax.tree.map(
      lambda s: jax.lax.slice_in_dim(s, begin, end, axis=axis), states)
  carry = jax.tree.map(lambda s: jnp.squeeze(s, axis), part(room, room + 1))
  return History(part(0, room), history.oldest, axis), carry
