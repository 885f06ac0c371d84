# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Several encodings as one: hooks run one after the other, biases add, masks join."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax._heads import check_distance_bias, check_heads
from posenc_jax.base import (
    READS_WIDENED,
    Each,
    Encoding,
    Tile,
    encoding,
)


def chain(*encodings: Encoding) -> Encoding:
  """Composes encodings; hooks run in the given order (``outputs`` in reverse), biases add.

  Members may read different position axes: one that reads none goes with all, one that reads a
  single axis of several is wrapped in ``along``.

  Args:
    *encodings: encodings; none of them may be None. A chain of one is that one.

  Returns:
    An encoding.

  Raises:
    TypeError: a member is not an encoding.
    ValueError: members read different numbers of position axes, or two give the weights.

  Example:
    >>> from posenc_jax import Alibi, Rotary
    >>> chain(Rotary(8), Alibi(2))
    Chain(Rotary(dim=8, base=10000.0), Alibi(slopes=f32[2]))
  """
  for i, e in enumerate(encodings):
    if not isinstance(e, Encoding):
      raise _errors.type_error(f"chain argument {i}", _errors.describe(e), "an encoding",
                               "Leave out members that are None")
  if len(encodings) == 1:
    return encodings[0]
  return Chain(tuple(encodings))


@encoding
class Chain(Encoding):
  """Several encodings, one after the other; build it with ``chain(a, b)``."""

  members: tuple[Encoding, ...]

  def __post_init__(self):
    axes = [(type(m).__name__, m.position_axes) for m in self.members
            if m.position_axes is not None and not getattr(m, "one_axis", False)]
    if len({count for _, count in axes}) > 1:
      raise _errors.value_error(
          "chain", "members of different position axes: "
          + ", ".join(f"{n} {a}" for n, a in axes), "one number of axes",
          "To let a member read one of several axes, wrap it: px.along(axis, encoding)")
    weighing = [type(m).__name__ for m in self.members if m.has("weights")]
    if len(weighing) > 1:
      raise _errors.value_error("chain", f"{' and '.join(weighing)}, which both give the weights",
                                "one at most", "Two softmaxes cannot both have the last word")
    _check_widening(self.members)

  def __repr__(self):
    return f"Chain({', '.join(map(repr, self.members))})"

  # Claims are asked of the members.
  @property
  def relative(self) -> bool:
    return all(m.relative for m in self.members)

  @property
  def position_axes(self) -> int | None:
    return max((m.position_axes for m in self.members if m.position_axes is not None),
               default=None)

  @property
  def one_axis(self) -> bool:
    """Whether any number of axes from ``position_axes`` on will do: see ``along``."""
    return all(getattr(m, "one_axis", False) for m in self.members if m.position_axes is not None)

  @property
  def cut_dims(self) -> Any:
    """(0, None) if a member cuts dims out of each head, which ones is its affair; else None."""
    cuts = any(getattr(m, "cut_dims", None) is not None for m in self.members)
    return (0, None) if cuts else None

  @property
  def layer_axes(self) -> int | None:
    return max((m.layer_axes for m in self.members if m.layer_axes is not None), default=None)

  @property
  def shared_heads(self) -> bool:
    return all(m.shared_heads for m in self.members if m.has("bias"))

  @property
  def one_way(self) -> bool:
    return any(m.one_way for m in self.members)

  def has(self, hook):
    if hook in ("distance_bias", "bias_columns"):
      biased = [m for m in self.members if m.has("bias")]
      return bool(biased) and all(m.has(hook) for m in biased)
    return any(m.has(hook) for m in self.members)

  def parts(self, q_positions=(), k_positions=()):
    for m, a, b in self._with(q_positions, k_positions):
      yield from m.parts(a, b)

  def align(self, positions, batch, length, argument="positions"):
    if isinstance(positions, Each):
      self._check_count(positions, argument)
      pairs = zip(self.members, positions.members, strict=True)
      return Each(tuple(m.align(p, batch, length, argument) for m, p in pairs))
    if self.layer_axes is not None:  # a member that drives says what it wants
      return Each(tuple(m.align(positions, batch, length, argument) for m in self.members))
    return self.align_tokens(positions, batch, length, argument)

  def align_tokens(self, positions, batch, length, argument="positions"):
    for m in self.members:
      if m.position_axes == self.position_axes:
        return m.align_tokens(positions, batch, length, argument)
    return super().align_tokens(positions, batch, length, argument)

  def positions(self, positions, *, key=None):
    for i, m in enumerate(self.members):
      if m.has("positions"):
        positions = m.positions(positions, key=None if key is None else jax.random.fold_in(key, i))
    return positions

  def inputs(self, x, positions):
    for m, p, _ in self._with(positions, (), "inputs"):
      x = m.inputs(x, p)
    return x

  def layer(self, x, positions, *, carry=None, segments=None):
    if not self.has("layer"):
      return x, positions, carry
    carries = carry or (None,) * len(self.members)
    after, kept = [], []
    for m, p, c in zip(self.members, self._each(positions), carries, strict=True):
      x, new, c = m.layer(x, p, carry=c, segments=segments)
      after.append(new)
      kept.append(c)
    shared = all(new is positions for new in after)
    return x, positions if shared else Each(tuple(after)), tuple(kept)

  def qk(self, q, k, q_positions, k_positions):
    for m, a, b in self._with(q_positions, k_positions, "qk"):
      q, k = m.qk(q, k, a, b)
    return q, k

  def values(self, v, k_positions):
    for m, _, b in self._with((), k_positions, "values"):
      v = m.values(v, b)
    return v

  def expand(self, q, k, q_positions, k_positions):
    for m, a, b in self._with(q_positions, k_positions, "expand"):
      q, k = m.expand(q, k, a, b)
    return q, k

  def visible(self, tile: Tile):
    seen = [m.visible(at) for m, at in self._tiles(tile, "visible")]
    return _reduce(jnp.logical_and, seen)

  def bias(self, tile: Tile):
    found = [(m, m.bias(at)) for m, at in self._tiles(tile, "bias")]
    return _add_biases(found, -3, None if tile.q is None else tile.q.shape[-2])

  def distance_bias(self, distance):
    axes = self.position_axes or 0
    return _add_biases([(m, check_distance_bias(m, m.distance_bias(distance), distance, axes))
                        for m in self.members if m.has("bias")], 0)

  def bias_columns(self, q_positions, k_positions):
    found = [m.bias_columns(a, b) for m, a, b in self._with(q_positions, k_positions, "bias")]
    if any(f is None for f in found):
      return None
    return tuple(_join_columns(side) for side in zip(*found, strict=True))

  def scores(self, scores, tile: Tile):
    for m, at in self._tiles(tile, "scores"):
      scores = m.scores(scores, at)
    return scores

  def weights(self, scores, tile: Tile):
    for m, at in self._tiles(tile, "weights"):
      return m.weights(scores, at)
    return super().weights(scores, tile)

  def value_bias(self, weights, tile: Tile):
    return _reduce(_add_wide, [m.value_bias(weights, at)
                               for m, at in self._tiles(tile, "value_bias")])

  def outputs(self, out, q_positions):
    for m, a, _ in reversed(self._with(q_positions, (), "outputs")):
      out = m.outputs(out, a)
    return out

  def _check_count(self, positions, argument):
    if len(positions.members) != len(self.members):
      raise _errors.value_error(argument, f"positions of {len(positions.members)} members",
                                f"of the chain's {len(self.members)}",
                                "Pass what layer(x, positions) of this very chain returned")

  def _each(self, positions) -> tuple:
    if isinstance(positions, Each):
      return positions.members
    return (positions,) * len(self.members)

  def _with(self, q_positions, k_positions, hook=None):
    """(member, its q_positions, its k_positions) of the members that answer a hook, or of all."""
    each = zip(self.members, self._each(q_positions), self._each(k_positions), strict=True)
    return [one for one in each if hook is None or one[0].has(hook)]

  def _tiles(self, tile: Tile, hook: str):
    """(member, its tile) of the members that answer a hook."""
    return [(m, tile._replace(q_positions=a, k_positions=b))
            for m, a, b in self._with(tile.q_positions, tile.k_positions, hook)]


def _check_widening(members) -> None:
  """Refuses a member that cuts dims out of each head after another one has moved them.

  ``expand`` puts more dims into a slice, so all dims behind it move. The slice of a later
  ``expand`` must lie in front; hooks of a tile see q and k after every ``expand``.
  """
  members = [part for m in members for part, _, _ in m.parts()]
  for j, m in enumerate(members):
    cut = getattr(m, "cut_dims", None)
    if cut is None:
      continue
    wide = [(i, w) for i, w in enumerate(members) if i != j and w.has("expand")]
    read = [hook for hook in READS_WIDENED if m.has(hook)]
    behind = [w for i, w in wide if i < j and m.has("expand") and not _in_front(
        cut, getattr(w, "cut_dims", None))]
    for w in [w for _, w in wide] if read else behind:
      raise _errors.value_error(
          "chain", f"{type(m).__name__} of dims {cut[0]} to {cut[1]} beside {type(w).__name__}, "
          "which widens q and k", "dims that have not moved when they are cut out",
          f"It reads {', '.join(read)} after the widening: leave out one of the two" if read else
          "Chain the member of the last dims first")


def _in_front(cut, other) -> bool:
  """Whether one slice of dims ends before another begins, by numbers that are known."""
  return (other is not None and cut[1] is not None and 0 <= cut[0] < cut[1] <= other[0])


def _reduce(join, parts) -> Any:
  """All of ``parts`` but None as one, or None."""
  parts = [p for p in parts if p is not None]
  return functools.reduce(join, parts) if parts else None


def _add_biases(found, axis: int, heads: int | None = None) -> Any:
  """The sum of the members' biases, none of which may have fewer heads without a word."""
  found = [(m, b) for m, b in found if b is not None]
  if heads is None:  # of a distance, which knows no queries: the members must agree
    heads = max((b.shape[axis] for _, b in found), default=1)
    several = {type(m).__name__: b.shape[axis] for m, b in found
               if b.shape[axis] != 1 or not m.shared_heads}
    if len(set(several.values())) > 1:
      raise _errors.value_error(
          "chain", "biases of " + ", ".join(f"{n} heads ({m})" for m, n in several.items()),
          "as many heads as q has in each", "Build every member with num_heads=N, or say that one "
          "head is for all: px.share_heads(encoding)")
  for m, b in found:
    check_heads(m, "bias", b.shape, axis, heads)
  return _reduce(_add_wide, [b for _, b in found])


def _add_wide(a, b):
  """a + b in the wider of their dtypes: the order of a chain must not decide the precision."""
  dtype = max(jnp.dtype(a.dtype), jnp.dtype(b.dtype), key=lambda d: (d.itemsize, d.name))
  return a.astype(dtype) + b.astype(dtype)


def _join_columns(parts):
  """Several ``[.., R]`` as one with R summed; other axes broadcast, dtypes are promoted."""
  if len(parts) == 1:
    return parts[0]
  lead = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
  dtype = max((jnp.dtype(p.dtype) for p in parts), key=lambda d: d.itemsize)
  whole = [jnp.broadcast_to(p, (*lead, p.shape[-1])).astype(dtype) for p in parts]
  return jnp.concatenate(whole, axis=-1)
