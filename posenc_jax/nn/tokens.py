# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""From tokens with segments and masks to positions and to what may be seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding
from posenc_jax.nn.cache import PADDING_SEGMENT, Cache, check_batch, slots


def default_positions(length: int) -> np.ndarray:
  """0, 1, .. on the host, so that encodings can check them against their tables."""
  return np.arange(length, dtype=np.int32)


def token_positions(encoding: Encoding, positions: Any, batch: int, length: int) -> Any:
  """Positions of tokens with ``batch`` axes before T, or () for an encoding that reads none."""
  if encoding.position_axes is None:
    return ()
  return encoding.align_tokens(positions, batch, length)


def token_shape(tokens, argument: str = "tokens") -> tuple[int, ...]:
  """``[..., T]`` of an array of tokens.

  Raises:
    ValueError: no array, or one without an axis of tokens.
  """
  shape = getattr(tokens, "shape", None)
  if not shape:
    raise _errors.value_error(argument, _errors.describe(tokens), "an array [..., T]",
                              "Convert with jnp.asarray and give it an axis of tokens")
  return shape


def check_tokens(shape: tuple[int, ...], segments, mask, names=("segments", "mask")):
  """Segments and mask with all of the tokens' axes.

  Args:
    shape: ``[..., T]`` of the tokens.
    segments: None or int ``[..., T]``, missing batch axes are repeated.
    mask: None or bool ``[..., T]``, True on real tokens.
    names: of the arguments, for errors.

  Returns:
    (segments, mask), each None or of ``shape``.

  Raises:
    ValueError: shapes that do not fit, a negative id.
    TypeError: segments that are not integers, a mask that is not bool.
  """
  if segments is not None:
    segments = _for_every_token(_align.numbers(segments, names[0]), shape, names[0])
    known = _numerics.known(segments)
    if known is not None and known.size and known.min() < 0:
      raise _errors.value_error(names[0], f"id {known.min()}", "ids of documents, at least 0",
                                f"Padding is told by {names[1]}=tokens != padding")
  if mask is not None:
    mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
    if mask.dtype != np.bool_:
      raise _errors.type_error(names[1], jnp.dtype(mask.dtype).name, "bool, True on real tokens",
                               "Compare with the padding id: tokens != padding")
    mask = _for_every_token(mask.astype(np.int32), shape, names[1]).astype(np.bool_)
  return segments, mask


def check_prefix(shape: tuple[int, ...], prefix: Any, segments: Any) -> jax.Array:
  """The length of each row's prefix, int32 ``[...]`` of the batch axes of the tokens' shape.

  Raises:
    TypeError: no integers.
    ValueError: of another shape or below 0; with packed documents.
  """
  if segments is not None:
    raise _errors.value_error("prefix, segments", "both", "one of them",
                              "A prefix begins a row: put one document into each")
  prefix = _align.numbers(prefix, "prefix")
  if prefix.shape not in ((), shape[:-1]):
    raise _errors.value_error("prefix", f"shape {prefix.shape}", f"{shape[:-1]} or ()",
                              "Give one for each row")
  known = _numerics.known(prefix)
  if known is not None and known.size and known.min() < 0:
    raise _errors.value_error("prefix", known.min(), "counts of tokens, at least 0",
                              "0 is no prefix")
  return jnp.broadcast_to(jnp.asarray(prefix, jnp.int32), shape[:-1])


def _for_every_token(x, shape, name):
  """int32 ``[..., T]`` as an array of the tokens' shape."""
  x = _align.align_array(x, len(shape) - 1, shape[-1], 0, name, real=False)
  if any(a not in (1, b) for a, b in zip(x.shape, shape, strict=True)):
    raise _errors.value_error(name, f"shape {x.shape}", f"the tokens' shape {shape}",
                              "Give one for every token")
  return jnp.broadcast_to(jnp.asarray(x), shape)


def visible_segments(shape: tuple[int, ...], segments, mask):
  """(q_segments, k_segments), or None where nothing is hidden.

  Keys of padding have ``PADDING_SEGMENT``, queries never have.

  Args:
    shape: ``[..., T]`` of the tokens.
    segments, mask: from ``check_tokens``.

  Example:
    >>> visible_segments((2,), None, jnp.array([False, True]))[1].tolist() == [PADDING_SEGMENT, 0]
    True
  """
  if segments is None and mask is None:
    return None
  segments = jnp.zeros(shape, jnp.int32) if segments is None else segments
  hidden = jnp.int32(PADDING_SEGMENT)
  return segments, segments if mask is None else jnp.where(mask, segments, hidden)


def of_keys(segments: Any) -> Any:
  """Segments of the keys: the second of a pair."""
  return segments[1] if isinstance(segments, tuple) else segments


def both_segments(segments: Any, shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
  """(of the queries, of the keys), int32 ``[..., T]``; zeros where none are given."""
  pair = segments if isinstance(segments, tuple) else (segments, segments)
  q, k = (jnp.zeros(shape, jnp.int32) if s is None else jnp.broadcast_to(
      jnp.asarray(_align.numbers(s, "segments")), shape) for s in pair)
  return q, k


def count_positions(shape: tuple[int, ...], segments, mask, cache: Cache | None = None):
  """Positions of tokens: how many real tokens of the same segment came before, in all.

  Args:
    shape: ``[..., T]`` of the tokens.
    segments, mask: from ``check_tokens``.
    cache: None, or the cache (of any layer) that holds the earlier tokens.

  Returns:
    int32 ``[T]`` NumPy without segments, mask and cache, else ``[..., T]``. Padding, which no query
    sees, gets the position of the next token, so that no position is negative.

  Example:
    >>> count_positions((3,), jnp.array([3, 3, 4]), jnp.array([False, True, True])).tolist()
    [0, 0, 0]
  """
  if segments is None and mask is None and cache is None:
    return default_positions(shape[-1])
  if cache is not None:
    check_batch(cache, shape[:-1])
  segments = jnp.zeros(shape, jnp.int32) if segments is None else segments
  real = jnp.ones(shape, jnp.int32) if mask is None else mask.astype(jnp.int32)
  before = jnp.cumsum(real, axis=-1) - real
  first = jnp.concatenate([jnp.ones_like(segments[..., :1], bool),
                           segments[..., 1:] != segments[..., :-1]], axis=-1)
  start = jax.lax.cummax(jnp.where(first, before, 0), axis=len(shape) - 1)
  positions = before - start
  if cache is not None:
    assert cache.segments is not None, "a cache of init_cache"
    known = jnp.where(slots(cache) < cache.index, cache.segments, jnp.int32(PADDING_SEGMENT))
    same = known[..., None, :] == segments[..., :, None]
    positions = positions + jnp.sum(same, axis=-1, dtype=jnp.int32)
  return positions
