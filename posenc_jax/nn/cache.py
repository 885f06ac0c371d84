# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a decoder remembers of the tokens it has read, for one attention layer."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics

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
  """

  keys: jax.Array
  values: jax.Array
  positions: Any
  segments: jax.Array | None
  index: jax.Array
  carry: Any

  @property
  def length(self) -> int:
    """S, the number of slots."""
    return self.keys.shape[-3]


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


def check_caches(caches: Any, layers: int) -> None:
  """Raises unless this is None or one cache for each of the layers."""
  if caches is None:
    return
  fits = isinstance(caches, tuple | list) and all(isinstance(c, Cache) for c in caches)
  if isinstance(caches, Cache) or not fits or len(caches) != layers:
    came = f"{len(caches)} caches" if fits and not isinstance(caches, Cache) else _errors.describe(
        caches)
    raise _errors.value_error("cache", came, f"one cache for each of the {layers} layers",
                              "Pass what init_cache(batch, length) of this model returned")


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


def empty_cache(one: Cache, batch: tuple[int, ...], length: int) -> Cache:
  """An empty cache of ``length`` slots.

  Args:
    one: shapes of a cache of one token; batch axes of its positions may be 1.
    batch: sizes of the batch axes.
    length: S.

  Returns:
    A cache of zeros that no query sees.
  """
  def slots(x):
    return jnp.zeros((*batch, length, *x.shape[len(batch) + 1:]), x.dtype)

  return Cache(keys=slots(one.keys), values=slots(one.values),
               positions=jax.tree.map(slots, one.positions),
               segments=jnp.full((*batch, length), PADDING_SEGMENT, jnp.int32), index=jnp.int32(0),
               carry=jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), one.carry))


def append(cache: Cache, keys, values, positions, segments, carry) -> Cache:
  """The cache with T more tokens.

  Args:
    cache: a cache with room for them.
    keys, values: ``[..., T, K, H]``, prepared.
    positions: like ``cache.positions`` with T slots; batch axes of size 1 are repeated.
    segments: int32 ``[..., T]``.
    carry: the new carry.

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
  known = _numerics.known(cache.index)
  if t > cache.length or (known is not None and int(known) + t > cache.length):
    filled = "" if known is None else f" of which {int(known)} are filled"
    raise _errors.value_error("cache", f"{cache.length} slots{filled}", f"room for {t} more tokens",
                              "Make it longer: init_cache(batch, length)")

  def write(old, new):
    if jnp.issubdtype(new.dtype, jnp.floating) and jnp.issubdtype(old.dtype, jnp.integer):
      raise _errors.type_error("positions", f"{new.dtype} for a cache of {old.dtype}",
                               "the dtype the cache was made for",
                               "Pass an example: init_cache(.., positions=jnp.zeros(1))")
    new = jnp.broadcast_to(new, (*batch, t, *old.shape[len(batch) + 1:])).astype(old.dtype)
    return jax.lax.dynamic_update_slice_in_dim(old, new, cache.index, axis=len(batch))

  return Cache(keys=write(cache.keys, keys), values=write(cache.values, values),
               positions=jax.tree.map(write, cache.positions, positions),
               segments=write(cache.segments, segments), index=cache.index + jnp.int32(t),
               carry=jax.tree.map(lambda old, new: new.astype(old.dtype), cache.carry, carry))


def _check_kind(name, old, new, lead):
  """Raises unless two trees have one structure and the same sizes after ``lead`` axes."""
  kind = lambda tree: (jax.tree.structure(tree), [x.shape[lead:] for x in jax.tree.leaves(tree)])
  if kind(old) != kind(new):
    raise _errors.value_error("cache", f"{name} of another encoding", "a cache of this encoding",
                              "Make it with init_cache(batch, length, encoding=encoding)")


def poison_overflow(cache: Cache, out: jax.Array) -> jax.Array:
  """``out``, or NaN if more tokens were written than there are slots."""
  return jnp.where(cache.index <= cache.length, out, jnp.asarray(math.nan, out.dtype))


def slot_order(cache: Cache, t: int):
  """(q_order, k_order) of t tokens to append and of all slots; NumPy if the index is known."""
  known = _numerics.known(cache.index)
  start = cache.index if known is None else known.astype(np.int32)
  return start + np.arange(t, dtype=np.int32), np.arange(cache.length, dtype=np.int32)
