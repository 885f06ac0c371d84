# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How the work of a call is cut: static facts, where a step stands, and the loops over steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _compat
from posenc_jax.attention.tiles.schedule import Group
from posenc_jax.attention.visibility import Rule, Side


class Cut(NamedTuple):
  """How one pass is cut.

  Attributes:
    groups: tiles of rows and keys.
    batch, heads: examples and key heads in one step.
  """

  groups: tuple[Group, ...]
  batch: int
  heads: int


class Work(NamedTuple):
  """What is known before any number is: how the work is cut, and the form of the bias.

  It is hashable: programs are kept by it.

  Attributes:
    whole: tiles of whole rows.
    forward, backward: those, or tiles of any rows and keys.
    rule: static facts about who sees whom.
    form: one of ``forms``.
    scale_known: no gradient is wanted for the scale.
  """

  whole: Cut
  forward: Cut
  backward: Cut
  rule: Rule
  form: Any
  scale_known: bool


class Masking(NamedTuple):
  """What hides pairs: arrays with one batch axis, and no gradient.

  Attributes:
    queries, keys: sides without x; with positions only if ``encoding`` is given.
    mask: None, or bool ``[..., 1 or N, T, S]``.
    encoding: None, or one that answers ``visible``.
  """

  queries: Side
  keys: Side
  mask: Any
  encoding: Any


class At(NamedTuple):
  """Where a step works: starts may be traced, sizes are static.

  Attributes:
    b, batch: examples [b, b + batch).
    head, heads: query heads.
    row, rows: query rows.
    key, keys: keys; the whole range for a chunk.
    chunk: counts chunks.
    last: the last key that the tile's rows can see, in the tile or not: they stand next to it.
  """

  b: Any
  batch: int
  head: Any
  heads: int
  row: Any = 0
  rows: int = 0
  key: Any = 0
  keys: int = 0
  chunk: Any = 0
  last: Any = 0

  @property
  def of_rows(self):
    """Starts and sizes of an array ``[B, N, T]``."""
    return ({0: self.b, 1: self.head, 2: self.row}, {0: self.batch, 1: self.heads, 2: self.rows})


def take(x, starts: dict, sizes: dict):
  """x[start : start + size] along some axes; an axis of size 1 is shared and stays whole."""
  shape = [sizes.get(a, n) if n != 1 else n for a, n in enumerate(x.shape)]
  if tuple(shape) == x.shape:
    return jnp.asarray(x)
  return jax.lax.dynamic_slice(jnp.asarray(x), _begin(x, starts), shape)


def put(x, part, starts: dict, *, add: bool = False):
  """x with ``part`` written, or added, at ``starts``; shared axes take the sum of the part."""
  at = _begin(x, starts)
  if add:
    shared = [a for a, n in enumerate(x.shape) if n == 1 and part.shape[a] != 1]
    part = jnp.sum(part, axis=shared, keepdims=True) if shared else part
    part = part.astype(x.dtype) + jax.lax.dynamic_slice(x, at, part.shape)
  return jax.lax.dynamic_update_slice(x, part.astype(x.dtype), at)


def _begin(x, starts):
  """All start indices, of one dtype: a loop counts in 64 bits where those are enabled."""
  return [jnp.asarray(starts.get(a, 0) if n != 1 else 0, jnp.int32) for a, n in enumerate(x.shape)]


def zeros(shape, dtype, like):
  """Zeros that differ between the devices of a mesh wherever ``like`` does: a loop's start."""
  return _compat.vary_as(jnp.zeros(shape, dtype), like)


def take_rows(x, at: At, groups: int):
  """Query-sided rows ``[B, T, N, H]`` of a step as ``[batch * K, G * rows, H]``."""
  x = take(x, {0: at.b, 1: at.row, 2: at.head}, {0: at.batch, 1: at.rows, 2: at.heads})
  b, t, n, h = x.shape
  x = x.reshape(b, t, n // groups, groups, h)
  return jnp.transpose(x, (0, 2, 3, 1, 4)).reshape(b * (n // groups), groups * t, h)


def as_rows(part, at: At, groups: int):
  """``[batch * K, G * rows, H]`` as ``[batch, rows, heads, H]``: undoes ``take_rows``."""
  part = part.reshape(at.batch, at.heads // groups, groups, at.rows, part.shape[-1])
  return jnp.transpose(part, (0, 3, 1, 2, 4)).reshape(at.batch, at.rows, at.heads, part.shape[-1])


def put_rows(x, part, at: At, groups: int, *, add: bool = False):
  """Writes, or adds to, what ``take_rows`` took."""
  return put(x, as_rows(part, at, groups), {0: at.b, 1: at.row, 2: at.head}, add=add)


def take_keys(x, at: At, groups: int):
  """Keys ``[B, S, K, H]`` of a chunk as ``[batch * K, S, H]``."""
  x = take(x, {0: at.b, 2: at.head // groups}, {0: at.batch, 2: at.heads // groups})
  x = jnp.moveaxis(x, 2, 1)
  return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def put_keys(x, part, at: At, groups: int):
  """Writes ``[batch * K, H, S]`` into ``[B, S, K, H]``."""
  part = part.reshape(at.batch, at.heads // groups, *part.shape[1:])
  return put(x, jnp.transpose(part, (0, 3, 1, 2)), {0: at.b, 2: at.head // groups})


def count_chunks(cut: Cut, q, k) -> tuple[int, int]:
  """How many chunks there are along examples and along heads."""
  return q.shape[0] // cut.batch, k.shape[2] // cut.heads


def over_chunks(cut: Cut, q, k, body, carry):
  """Runs ``body(at, carry)`` for every chunk of examples and heads."""
  groups = q.shape[2] // k.shape[2]
  along, across = count_chunks(cut, q, k)

  def step(i, carry):
    at = At(i // across * cut.batch, cut.batch, i % across * (cut.heads * groups),
            cut.heads * groups, chunk=i)
    return body(at, carry)

  return step(0, carry) if along * across == 1 else jax.lax.fori_loop(0, along * across, step,
                                                                      carry)


def over_tiles(cut: Cut, chunk: At, body, carry, parts):
  """Runs ``body(at, parts of these keys, carry)`` for every tile, one after the other."""
  for group in cut.groups:
    fixed = len(set(group.key_starts)) == 1
    part = lambda x, j, n=group.keys: take(x, {1: j}, {1: n})
    shared = [part(x, group.key_starts[0]) for x in parts] if fixed else None

    def step(i, carry, group=group, fixed=fixed, shared=shared, part=part):
      row = _start(group.row_starts, i)
      key = group.key_starts[0] if fixed else _start(group.key_starts, i)
      at = chunk._replace(row=row, rows=group.rows, key=key, keys=group.keys,
                          last=_start(group.lasts, i))
      return body(at, shared if fixed else [part(x, key) for x in parts], carry)

    # Make the trip count depend on a traced value: with a constant count XLA unrolls one-tile
    # loops, hoists the masks and keeps all of them in memory.
    count = len(group.row_starts) + jnp.minimum(chunk.chunk, 0)
    carry = jax.lax.fori_loop(0, count, step, carry)
  return carry


def _start(starts, i):
  """starts[i], by arithmetic where that is possible."""
  starts = np.asarray(starts, np.int32)
  step = starts[1] - starts[0] if len(starts) > 1 else 1
  if (np.diff(starts) == step).all():
    return starts[0] + i * step
  return jnp.asarray(starts)[i]
