# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a decoder remembers of the tokens it has read, for one attention layer."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.nn import rollback
from posenc_jax.nn import rows as rows_lib

# The segment of padding and of slots not yet written. No query has it, so no query sees them.
PADDING_SEGMENT = np.iinfo(np.int32).min


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Cache:
  """Keys and values with the positions they were written at; a PyTree, so a scan may carry it.

  Slots are in the order of tokens: slot i holds the i-th token, padding included.

  Attributes:
    keys: ``[..., S, K, H]``, as ``encoding.qk`` left them.
    values: ``[..., S, K, H']``, as ``encoding.values`` left them.
    positions: the tokens' positions, or those that ``encoding.layer`` put in their place: a PyTree
      of arrays ``[..., S, *]``, () for an encoding that reads none.
    segments: int32 ``[..., S]``, ``PADDING_SEGMENT`` on padding and on empty slots; None where all
      slots are real.
    index: int32, how many slots are filled.
    carry: what ``encoding.layer`` continues from; zeros before the first token.
    history: None, or the last carries, so that the cache can be cut; see ``init_cache``.

  A model has one cache a layer: ``cache = tuple(c.crop(n) for c in cache)``.
  """

  keys: jax.Array
  values: jax.Array
  positions: Any
  segments: jax.Array | None
  index: jax.Array
  carry: Any
  history: rollback.History | None = None

  @property
  def length(self) -> int:
    """S, the number of slots."""
    return self.keys.shape[-3]

  @property
  def batch(self) -> tuple[int, ...]:
    """Sizes of the batch axes."""
    return self.keys.shape[:-3]

  def crop(self, n: Any) -> "Cache":
    """The cache as it was when it held n tokens, to go on from there: rejected tokens are gone.

    Args:
      n: how many slots stay, padding included: an int, or int32 of the batch's shape for rows of
        which not all keep as much. Shorter rows move to the right, as left padding is what every
        encoding takes as not there, and the arrays are copied. May be traced.

    Returns:
      A cache of the same shapes. A traced n that cannot be makes later outputs NaN.

    Raises:
      TypeError: n is no integer.
      ValueError: n beyond the tokens, or before those whose carry is kept; a memory; a cache of an
        encoding with a carry that was made without ``rollback``.

    Example:
      >>> import posenc_jax as px
      >>> from flax import nnx
      >>> from posenc_jax import nn
      >>> model = nn.TransformerLM(11, 16, 1, 2, encoding=px.Rotary(8), rngs=nnx.Rngs(0))
      >>> _, (cache,) = model(jnp.array([[1, 2, 3, 4]]), cache=model.init_cache(1, 6))
      >>> int(cache.crop(2).index), cache.crop(jnp.array([1])).segments[0, :2].tolist()
      (2, [0, -2147483648])
    """
    if self.segments is None:
      raise _errors.value_error("crop", "a memory", "the cache of a decoder's own tokens",
                                "A memory is read whole: make another with remember(memory)")
    counts, known = _check_counts(n, self)
    least = _check_going_back(self, known)
    bad = ((jnp.min(counts) < least) | (jnp.max(counts) > self.index)
           | (self.index > self.length))
    ragged, counts = counts.ndim > 0, jnp.broadcast_to(counts, self.batch)
    index = jnp.max(counts) if counts.size else self.index
    stays = slots(self) < counts[..., None]
    segments = jnp.where(stays, self.segments, jnp.int32(PADDING_SEGMENT))
    moved = dataclasses.replace(self, segments=segments)
    if ragged:
      moved = moved._end_at(index, counts)
    history, carry = self.history, self.carry
    if history is not None:
      history, carry = rollback.go_back(history, carry, self.index, counts)
    return dataclasses.replace(moved, carry=carry, history=history,
                               index=_poisoned(bad, index, self.length))

  def take(self, rows: Any) -> "Cache":
    """The cache of these rows of the batch: beams that go on, in their order.

    Args:
      rows: int ``[B']``, numbers of rows of the first batch axis, each as often as it is wanted.

    Returns:
      A cache whose first batch axis is B'. A traced row that is not there makes later outputs NaN.

    Raises:
      TypeError: rows that are not integers.
      ValueError: a cache without a batch axis, rows of another rank, a row that is not there.

    Example:
      >>> from flax import nnx
      >>> from posenc_jax import nn
      >>> cache = nn.MultiHeadAttention(8, 2, causal=True, rngs=nnx.Rngs(0)).init_cache(3, 5)
      >>> cache.take([2, 2, 0, 1]).keys.shape
      (4, 5, 2, 4)
    """
    rows, there = rows_lib.check_rows(rows, self.batch)
    parts = self._with_rows(lambda tree: rows_lib.take(tree, rows, self.batch[0]))
    return dataclasses.replace(parts, index=_poisoned(~there, self.index, self.length))

  def repeat(self, n: int) -> "Cache":
    """The cache with every row n times in a row: n samples or beams of one prompt.

    Args:
      n: an int, at least 1.

    Returns:
      A cache whose first batch axis is n times as long.

    Raises:
      TypeError: n is no int known on the host.
      ValueError: n below 1, a cache without a batch axis.

    Example:
      >>> from flax import nnx
      >>> from posenc_jax import nn
      >>> cache = nn.MultiHeadAttention(8, 2, causal=True, rngs=nnx.Rngs(0)).init_cache(3, 5)
      >>> cache.repeat(2).keys.shape
      (6, 5, 2, 4)
    """
    n = _errors.check_int("repeat: n", n, "an int, at least 1", "Sizes shape the program", least=1)
    count = rows_lib.check_batched("repeat", self.batch)
    return self.take(np.repeat(np.arange(count, dtype=np.int32), n))

  def _end_at(self, index: jax.Array, counts: jax.Array) -> "Cache":
    """The slots of every row moved to the right, so that all rows end at the index."""
    axis, source = len(self.batch), slots(self) - (index - counts)[..., None]
    at = jnp.maximum(source, 0)

    def move(x):
      return jnp.take_along_axis(x, at.reshape(at.shape + (1,) * (x.ndim - at.ndim)), axis=axis)

    segments = jnp.where(source < 0, jnp.int32(PADDING_SEGMENT), move(self.segments))
    return dataclasses.replace(self, keys=move(self.keys), values=move(self.values),
                               positions=jax.tree.map(move, self.positions), segments=segments)

  def _with_rows(self, change) -> "Cache":
    """The cache with all that has batch axes changed."""
    history = self.history
    if history is not None:
      history = dataclasses.replace(history, carries=change(history.carries))
    return dataclasses.replace(
        self, keys=change(self.keys), values=change(self.values),
        positions=change(self.positions), segments=change(self.segments),
        carry=change(self.carry), history=history)


def _check_counts(n: Any, cache: Cache) -> tuple[jax.Array, np.ndarray | None]:
  """(n as int32, its value if it is known), checked for shape and sign."""
  counts = _align.numbers(n if hasattr(n, "dtype") else np.asarray(n), "n")
  if counts.ndim and counts.shape != cache.batch:
    raise _errors.value_error("n", f"shape {counts.shape}", f"an int or the batch {cache.batch}",
                              "Say for every row how many slots stay, or one number for all")
  known, filled = _numerics.known(counts), _numerics.known(cache.index)
  if known is not None and known.size:
    most = cache.length if filled is None else int(filled)
    if not 0 <= known.min() <= known.max() <= most:
      raise _errors.value_error("n", known.tolist(), f"how many of the {most} slots stay",
                                "crop(cache.index - 3) drops the last three tokens")
  if filled is not None and filled > cache.length:
    raise _errors.value_error("crop", f"an index of {int(filled)} of {cache.length} slots",
                              "a cache that has not run over", "Make it longer: init_cache(batch, "
                              "length)")
  return jnp.asarray(counts, jnp.int32), known


def _check_going_back(cache: Cache, known: np.ndarray | None) -> jax.Array:
  """The fewest slots that the cache can be cut to; an error if the known n is below that."""
  if not jax.tree.leaves(cache.carry):
    return jnp.int32(0)
  if cache.history is None:
    raise _errors.value_error(
        "crop", "a cache without the states that its encoding carries from token to token",
        "one that keeps them", "Make it with init_cache(batch, length, rollback=8), the most "
        "tokens to go back")
  least = _numerics.known(cache.history.oldest)
  if known is not None and known.size and least is not None and known.min() < least:
    raise _errors.value_error(
        "n", known.tolist(), f"at least {int(least)}, as earlier states are not kept",
        f"Make the cache with a rollback of more than {cache.history.room}")
  return cache.history.oldest


def _poisoned(bad: jax.Array, index: jax.Array, length: int) -> jax.Array:
  """The index, or where ``bad`` one past the end, which makes every later output NaN."""
  return jnp.where(bad, jnp.int32(length + 1), jnp.asarray(index, jnp.int32))


def slots(cache: Cache) -> np.ndarray:
  """Numbers of the slots with the batch axes of the cache: ``[1, .., S]``."""
  return np.arange(cache.length, dtype=np.int32).reshape((1,) * len(cache.batch) + (-1,))


def batch_axes(batch: Any) -> tuple[int, ...]:
  """Sizes of the batch axes, given as one size or as several."""
  sizes = batch if isinstance(batch, tuple | list) else (batch,)
  mend = "init_cache(2, length) is for x of shape [2, T, D], init_cache((), length) for [T, D]"
  return tuple(_errors.check_int("batch", n, "ints, at least 0", mend, least=0) for n in sizes)


def check_batch(cache: Cache, batch: tuple[int, ...]) -> None:
  """Raises unless this is a cache for tokens of these batch axes."""
  if not isinstance(cache, Cache):
    raise _errors.type_error("cache", _errors.describe(cache), "a Cache",
                             "Make it with init_cache(batch, length)")
  made_for = cache.keys.shape[:-3]
  if made_for != tuple(batch):
    raise _errors.value_error("cache", f"batch {made_for}", f"the tokens' batch {tuple(batch)}",
                              "Make it with init_cache(batch, length)")


def check_caches(caches: Any, layers: int, batch: tuple[int, ...]) -> None:
  """Raises unless this is None or one cache for each of the layers, for tokens of this batch."""
  if caches is None:
    return
  fits = isinstance(caches, tuple | list) and all(isinstance(c, Cache) for c in caches)
  if isinstance(caches, Cache) or not fits or len(caches) != layers:
    came = f"{len(caches)} caches" if fits and not isinstance(caches, Cache) else _errors.describe(
        caches)
    raise _errors.value_error("cache", came, f"one cache for each of the {layers} layers",
                              "Pass what init_cache(batch, length) of this model returned")
  for cache in caches:
    check_batch(cache, batch)


def check_memory_arguments(memory, memory_positions, segments) -> None:
  """Refuses what a call with this memory would not read.

  Raises:
    ValueError: positions of a memory without one, or of one that remembers its own; segments of a
      memory that remembers its own; an empty cache in place of a memory.
  """
  remembers = isinstance(memory, Cache)
  if memory_positions is not None and (memory is None or remembers):
    came = "and no memory" if memory is None else "of a memory that has its own"
    raise _errors.value_error("memory_positions", f"positions {came}", "a memory [..., S, D]",
                              "Pass them to remember(memory, positions)" if remembers else
                              "In attention of x to itself all positions are positions=")
  if not remembers:
    return
  if isinstance(segments, tuple) and memory.segments is not None:
    raise _errors.value_error("segments", "a pair, for a memory that has its own",
                              "segments of the queries alone",
                              "Pass those of the memory to remember(memory, segments=..)")
  filled = _numerics.known(memory.index)
  if filled is not None and filled < memory.length:
    raise _errors.value_error("memory", f"a cache of which {int(filled)} of {memory.length} slots "
                              "are filled", "what remember(memory) returned",
                              "The cache of a decoder is an argument of its own: cache=cache")


def empty_cache(one: Cache, batch: tuple[int, ...], length: int, room: int = 0) -> Cache:
  """An empty cache of ``length`` slots.

  Args:
    one: shapes of a cache of one token; batch axes of its positions may be 1.
    batch: sizes of the batch axes.
    length: S.
    room: how many tokens it can be cut by, if something is carried.

  Returns:
    A cache of zeros that no query sees.
  """
  def zeros(x):
    return jnp.zeros((*batch, length, *x.shape[len(batch) + 1:]), x.dtype)

  carry = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), one.carry)
  return Cache(keys=zeros(one.keys), values=zeros(one.values),
               positions=jax.tree.map(zeros, one.positions),
               segments=jnp.full((*batch, length), PADDING_SEGMENT, jnp.int32), index=jnp.int32(0),
               carry=carry, history=rollback.start(carry, len(batch), room))


def append(cache: Cache, keys, values, positions, segments, carry, before=None) -> Cache:
  """The cache with T more tokens.

  Args:
    cache: a cache with room for them.
    keys, values: ``[..., T, K, H]``, prepared.
    positions: like ``cache.positions`` with T slots; batch axes of size 1 are repeated.
    segments: int32 ``[..., T]``.
    carry: the new carry.
    before: what was carried before each of the last tokens, if the cache keeps that.

  Returns:
    A cache of the same shapes and dtypes. If a traced index runs past the last slot, the cache is
    wrong, and ``poison_overflow`` makes the output NaN.

  Raises:
    ValueError: more tokens than free slots, where the index is known; another batch; a cache of
      another encoding.
    TypeError: real-valued positions in a cache of integers.
  """
  batch, t = cache.keys.shape[:-3], keys.shape[-3]
  check_batch(cache, keys.shape[:-3])
  _check_kind("positions", cache.positions, positions, len(batch) + 1)
  _check_kind("carry", cache.carry, carry, len(batch))
  check_room(cache, t)

  def write(old, new):
    if jnp.issubdtype(new.dtype, jnp.floating) and jnp.issubdtype(old.dtype, jnp.integer):
      raise _errors.type_error("positions", f"{new.dtype} for a cache of {old.dtype}",
                               "the dtype the cache was made for",
                               "Pass an example: init_cache(.., positions=jnp.zeros(1))")
    new = jnp.broadcast_to(new, (*batch, t, *old.shape[len(batch) + 1:])).astype(old.dtype)
    return jax.lax.dynamic_update_slice_in_dim(old, new, cache.index, axis=len(batch))

  index, history = cache.index + jnp.int32(t), cache.history
  if history is not None:
    _check_kind("carry", history.carries, before, len(batch) + 1)
    history = rollback.extend(history, before, index)
  return Cache(keys=write(cache.keys, keys), values=write(cache.values, values),
               positions=jax.tree.map(write, cache.positions, positions),
               segments=write(cache.segments, segments), index=index, history=history,
               carry=jax.tree.map(lambda old, new: new.astype(old.dtype), cache.carry, carry))


def check_room(cache: Cache, t: int) -> None:
  """Raises if a cache is known to have fewer than t free slots.

  Raises:
    ValueError: says how many it has.
  """
  known = _numerics.known(cache.index)
  if t > cache.length or (known is not None and int(known) + t > cache.length):
    filled = "" if known is None else f" of which {int(known)} are filled"
    raise _errors.value_error("cache", f"{cache.length} slots{filled}", f"room for {t} more tokens",
                              "Make it longer: init_cache(batch, length)")


def _check_kind(name, old, new, lead):
  """Raises unless two trees have one structure and the same sizes after ``lead`` axes."""
  kind = lambda tree: (jax.tree.structure(tree), [x.shape[lead:] for x in jax.tree.leaves(tree)])
  if kind(old) != kind(new):
    raise _errors.value_error("cache", f"{name} of another encoding", "a cache of this encoding",
                              "Make it with init_cache(batch, length, encoding=encoding)")


def poison_overflow(cache: Cache, out: jax.Array) -> jax.Array:
  """``out``, or NaN if more tokens were written than there are slots."""
  return jnp.where(cache.index <= cache.length, out, jnp.asarray(math.nan, out.dtype))


def slot_order(cache: Cache, t: int, *, count: bool):
  """(q_order, k_order) of the t tokens that were appended last and of all slots.

  Args:
    cache: with the tokens in it.
    t: how many.
    count: whether distances in order matter, as to a window: padding is then as if not there, and
      a token's order is how many real tokens precede it, ``[..., S]``. Otherwise it is the slot,
      NumPy if the index is known, from which hidden work is seen and left out.
  """
  known = _numerics.known(cache.index)
  start = cache.index - t if known is None else known.astype(np.int32) - np.int32(t)
  if count and not _without_gaps(cache, known):
    assert cache.segments is not None, "a cache of init_cache"
    order = real_order(cache.segments)
    return jax.lax.dynamic_slice_in_dim(order, start, t, axis=-1), order
  return start + np.arange(t, dtype=np.int32), np.arange(cache.length, dtype=np.int32)


def real_order(segments: jax.Array) -> jax.Array:
  """How many tokens that are no padding come before each: int32 ``[..., S]``."""
  real = (segments != PADDING_SEGMENT).astype(jnp.int32)
  return jnp.cumsum(real, axis=-1) - real


def poison_prefix(cache: Cache, prefix: Any, out: jax.Array) -> jax.Array:
  """``out`` ``[..., T, D]``, or NaN in rows whose prefix has not been written whole.

  Raises:
    ValueError: that is known.
  """
  filled = slots(cache) < cache.index
  written = jnp.sum((cache.segments != PADDING_SEGMENT) & filled, axis=-1)
  whole = jnp.asarray(prefix) <= written
  known = _numerics.known(whole)
  if known is not None and not known.all():
    raise _errors.value_error(
        "prefix", f"{prefix} tokens, of which the cache has {written} with those of this call",
        "all of a prefix in the first call", "Its tokens see each other: read them at once")
  return jnp.where(whole[..., None, None], out, jnp.asarray(math.nan, out.dtype))


def _without_gaps(cache: Cache, filled: np.ndarray | None) -> bool:
  """Whether all filled slots are known to be real."""
  segments = _numerics.known(cache.segments)
  return (filled is not None and segments is not None
          and bool((segments[..., :int(filled)] != PADDING_SEGMENT).all()))
