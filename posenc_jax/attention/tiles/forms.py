# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The forms in which a bias meets a tile of scores, and in which its gradient leaves one.

Each form answers for one chunk of heads at a time: ``open`` prepares, ``bias`` gives the part of a
tile, ``back`` takes the gradient of that part into a running ``state``, ``close`` ends a chunk and
``result`` turns the state into the gradient of ``data``. All sums run in a fixed order.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.attention import answers
from posenc_jax.attention.tiles.work import put, take, zeros
from posenc_jax.base import Tile


def flat(x, at):
  """``[1 or batch, 1 or heads, ..]`` of a tile as ``[batch * heads, ..]``.

  The first axis is left out where it is 1, shared or not: compilers for CPUs make much better loops
  over two axes than over three.
  """
  if x.shape[:2] == (1, 1):
    return x[0, 0]
  x = jnp.broadcast_to(x, (at.batch, at.heads, *x.shape[2:]))
  return x.reshape(-1, *x.shape[2:])


def same_rank(x, y):
  """Gives what ``flat`` left without its first axis one of size 1, if the other has it."""
  return x[None] if x.ndim < y.ndim else x, y[None] if y.ndim < x.ndim else y


@dataclasses.dataclass(frozen=True)
class NoBias:
  """Scores as they are; ``data`` is ()."""

  def reaching(self, data, starts, rows, keys):
    """The form, and its data, for tiles of another size that hold no other visible pairs.

    starts is int ``[tiles, 3]``: the first row, the first key and ``At.last`` of each.
    """
    return self, data

  def open(self, data, at):
    """What a chunk of heads needs of ``data``."""
    return None

  def bias(self, context, data, at, qk, scale):
    """None, or ``[1 or batch, 1 or heads, rows, keys]`` of a tile, through ``flat``.

    qk are all of q and k, scale what multiplies q k^T.
    """
    return None

  def zeros(self, data, qk):
    """The state that no tile has added to."""
    return ()

  def begin(self, state, context):
    """The state at the begin of a chunk, which may hold something of the chunk's size."""
    return state

  def back(self, state, context, data, ds, at, qk, dq, scale):
    """Adds the gradient ds of a tile's bias, of the tile's shape, to state and dq."""
    return state, dq

  def close(self, state, at):
    """The state at the end of a chunk."""
    return state

  def result(self, state, data, dk):
    """The gradients of ``data`` and of k, and what the bias adds to that of the scale, or None."""
    return (), dk, None


@dataclasses.dataclass(frozen=True)
class Columns(NoBias):
  """sum_r a_ir b_jr; ``data`` is a ``[1|B, 1|T, 1|N, R]`` and b ``[1|B, S, 1|N, R]``.

  What is constant along a row does not matter to a softmax, so b is taken relative to the last key
  that a tile's rows see: under a causal mask that is near the diagonal, where the bias must be
  exact.

  Attributes:
    a_known, b_known: no gradient is wanted for a, for b.
  """

  a_known: bool
  b_known: bool

  def _parts(self, data, at):
    a, b = data
    a = take(a, {0: at.b, 1: at.row, 2: at.head}, {0: at.batch, 1: at.rows, 2: at.heads})
    of_keys = lambda start, n: take(b, {0: at.b, 1: start, 2: at.head},
                                    {0: at.batch, 1: n, 2: at.heads})
    beside = of_keys(at.key, at.keys) - of_keys(at.last, 1)
    return ([flat(x, at)[..., :, None] for x in jnp.transpose(a, (3, 0, 2, 1))],
            [flat(x, at)[..., None, :] for x in jnp.transpose(beside, (3, 0, 2, 1))])

  def bias(self, context, data, at, qk, scale):
    a, b = self._parts(data, at)
    products = [jnp.multiply(*same_rank(x, y)) for x, y in zip(a, b, strict=True)]
    return functools.reduce(jnp.add, products)

  def zeros(self, data, qk):
    return tuple(zeros(x.shape, _numerics.wide(qk[0]), qk[0]) for x in data)

  def back(self, state, context, data, ds, at, qk, dq, scale):
    a, b = self._parts(data, at)
    # The gradient of the key that the others are relative to is a row sum of ds, which is zero.
    def add(known, total, others, axis, start):
      if known:
        return total
      sums = [jnp.sum(jnp.multiply(*same_rank(ds, x.astype(ds.dtype))), axis=axis) for x in others]
      part = jnp.stack([x.reshape(at.batch, at.heads, -1) for x in sums], axis=-1)
      return put(total, jnp.swapaxes(part, 1, 2), {0: at.b, 1: start, 2: at.head}, add=True)

    return (add(self.a_known, state[0], b, -1, at.row),
            add(self.b_known, state[1], a, -2, at.key)), dq

  def result(self, state, data, dk):
    return tuple(g.astype(x.dtype) for g, x in zip(state, data, strict=True)), dk, None


@dataclasses.dataclass(frozen=True)
class Strip(NoBias):
  """w[n, (j - i) - base + rows - 1]; ``data`` is w ``[1 or N, width + rows - 1]``.

  For each head, w is skewed once to a strip ``[rows, width]`` of which every tile is a rectangle,
  as row r of it is w shifted by r. The gradient is summed in such a strip, and its diagonals once.

  Attributes:
    base: smallest start of keys - start of rows among all tiles.
    rows: of the tallest tile.
    width: so many keys does a tile reach over at most, counted from ``base``.
  """

  base: int
  rows: int
  width: int

  def reaching(self, data, starts, rows, keys):
    ahead = starts[:, 1] - starts[:, 0]
    base, end = int(ahead.min()), int(ahead.max()) + keys
    more = base - rows - (self.base - self.rows), self.base + self.width - end
    # Distances that no visible pair has are zero, not asked for.
    data = jax.lax.pad(data, jnp.zeros((), data.dtype), [(0, 0, 0), (-more[0], -more[1], 0)])
    return Strip(base, rows, end - base), data

  def open(self, data, at):
    w = take(data, {0: at.head}, {0: at.heads})
    shift = jnp.arange(self.rows - 1, -1, -1, dtype=jnp.int32)[:, None]
    index = shift + jnp.arange(self.width, dtype=jnp.int32)[None]
    return w.at[:, index].get(mode="promise_in_bounds")

  def _column(self, at):
    return at.key - at.row - self.base

  def bias(self, context, data, at, qk, scale):
    sizes = {1: at.rows, 2: at.keys}
    return flat(take(context, {2: self._column(at)}, sizes)[None], at)

  def zeros(self, data, qk):
    return zeros(data.shape, _numerics.wide(qk[0]), qk[0]), None

  def begin(self, state, context):
    return state[0], zeros(context.shape, state[0].dtype, state[0])

  def back(self, state, context, data, ds, at, qk, dq, scale):
    ds = jnp.sum(ds.reshape(at.batch, at.heads, at.rows, at.keys), axis=0)
    strip = put(state[1], ds, {2: self._column(at)}, add=True)
    return (state[0], strip), dq

  def close(self, state, at):
    total, strip = state
    # Row r of the flipped strip belongs r places further right; rows that are one shorter do that.
    strip = jnp.pad(strip[:, ::-1], ((0, 0), (0, 0), (0, self.rows)))
    length = self.width + self.rows - 1
    flat = strip.reshape(strip.shape[0], -1)[:, :self.rows * length]
    sums = jnp.sum(flat.reshape(-1, self.rows, length), axis=1)
    return put(total, sums, {0: at.head}, add=True), None

  def result(self, state, data, dk):
    return state[0].astype(data.dtype), dk, None


@dataclasses.dataclass(frozen=True)
class General(NoBias):
  """Whatever ``encoding.bias`` gives for a tile of all heads.

  ``data`` is (encoding, q_positions, k_positions), with one batch axis. Gradients come from the
  vjp of the tile: to every float leaf, to float positions, to q and k, and to the scale.
  """

  def _arguments(self, data, at, qk, scale):
    """(encoding, tile): what the bias of a tile is computed from."""
    rows = lambda x: take(x, {0: at.b, 1: at.row}, {0: at.batch, 1: at.rows})
    keys = lambda x: take(x, {0: at.b, 1: at.key}, {0: at.batch, 1: at.keys})
    return data[0], Tile(rows(qk[0]), keys(qk[1]), jax.tree.map(rows, data[1]),
                         jax.tree.map(keys, data[2]), scale)

  def bias(self, context, data, at, qk, scale):
    encoding, tile = self._arguments(data, at, qk, scale)
    bias = answers.bias(encoding, encoding.bias(tile), (at.batch, at.heads, at.rows, at.keys))
    return None if bias is None else flat(bias, at)

  def zeros(self, data, qk):
    acc = _numerics.wide(qk[0])
    empty = lambda x: zeros(jnp.shape(x), acc, qk[0])
    return jax.tree.map(empty, _numerics.split_floats(data)[0]), empty(qk[1]), empty(0.0)

  def back(self, state, context, data, ds, at, qk, dq, scale):
    floats, rest = _numerics.split_floats(self._arguments(data, at, qk, scale))

    def of_floats(floats):
      encoding, tile = _numerics.join(floats, rest)
      return encoding.bias(tile)

    bias, pull = jax.vjp(of_floats, floats)
    if bias is None:
      return state, dq
    (de, tile), = pull(_as_given(ds.reshape(at.batch, at.heads, at.rows, at.keys), bias))
    (es, qs, ks), dk, d_scale = state
    row, key = {0: at.b, 1: at.row}, {0: at.b, 1: at.key}
    new = (jax.tree.map(lambda x, d: x + d.astype(x.dtype), es, de),
           jax.tree.map(lambda x, d: put(x, d, row, add=True), qs, tile.q_positions),
           jax.tree.map(lambda x, d: put(x, d, key, add=True), ks, tile.k_positions))
    d_scale = d_scale + tile.scale.astype(d_scale.dtype)
    return (new, put(dk, tile.k, key, add=True), d_scale), put(dq, tile.q, row, add=True)

  def result(self, state, data, dk):
    found, more, d_scale = state
    floats, _ = _numerics.split_floats(data)
    gradients = jax.tree.map(lambda g, x: g.astype(jnp.result_type(x)), found, floats)
    return gradients, (dk.astype(more.dtype) + more).astype(dk.dtype), d_scale


def _as_given(ds, bias):
  """The gradient of scores as one of the bias, summed over axes that the bias shares."""
  shared = [i for i in range(4) if bias.shape[i] == 1 and ds.shape[i] != 1]
  return jnp.sum(ds, axis=shared, keepdims=True).astype(bias.dtype)
