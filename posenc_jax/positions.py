# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Positions: where they come from. Every encoding takes what these functions return.

Positions, segment ids and masks are three different arguments everywhere: a position says where a
token stands, a segment id which document it belongs to, a mask whether it may be seen.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics


def from_lengths(lengths: Any, size: int) -> jax.Array:
  """Positions of right-padded rows: 0, 1, .. and -1 on padding.

  Args:
    lengths: int ``[...]``, the number of real tokens in each row.
    size: T.

  Returns:
    int32 ``[..., T]``.

  Raises:
    TypeError: lengths or size that are not integers.
    ValueError: a negative size; known lengths outside 0 to T.

  Example:
    >>> from_lengths(jnp.array([2, 3]), 3).tolist()
    [[0, 1, -1], [0, 1, 2]]
  """
  size = _errors.check_int("size", size, "an int, at least 0", "Pass T", least=0)
  lengths = _align.numbers(lengths, "lengths")
  known = _numerics.known(lengths)
  if known is not None and known.size and not (0 <= known.min() and known.max() <= size):
    raise _errors.value_error("lengths", known.tolist(), f"numbers from 0 to {size}",
                              "Count the real tokens of each row; size is T")
  lengths = jnp.asarray(lengths)[..., None]
  index = jax.lax.broadcasted_iota(jnp.int32, (*lengths.shape[:-1], size), lengths.ndim - 1)
  return jnp.where(index < lengths, index, -1)


def from_mask(mask: Any) -> jax.Array:
  """Positions that count real tokens only, so left padding does not shift them.

  Args:
    mask: bool ``[..., T]``, True on real tokens.

  Returns:
    int32 ``[..., T]``: cumsum(mask) - 1. Padding before the first token gets -1 and padding after
    it repeats the last position; mask both out.

  Raises:
    TypeError: the mask is not bool.

  Example:
    >>> from_mask(jnp.array([False, False, True, True])).tolist()
    [-1, -1, 0, 1]
  """
  if not hasattr(mask, "dtype"):
    mask = np.asarray(mask)
  if mask.dtype != np.bool_:
    raise _errors.type_error("mask", mask.dtype.name, "bool, True on real tokens",
                             "Compare with the padding id, as in tokens != 0")
  return jnp.cumsum(jnp.asarray(mask).astype(jnp.int32), axis=-1) - 1


def from_segments(segments: Any) -> jax.Array:
  """Positions that restart at 0 at every change of segment id (packed documents).

  Args:
    segments: int ``[..., T]``; equal neighbours belong to the same document.

  Returns:
    int32 ``[..., T]``.

  Raises:
    TypeError: segments that are not integers.
    ValueError: segments without an axis.

  Example:
    >>> from_segments(jnp.array([1, 1, 1, 2, 2])).tolist()
    [0, 1, 2, 0, 1]
  """
  segments = jnp.asarray(_align.numbers(segments, "segments"))
  if not segments.ndim:
    raise _errors.value_error("segments", "shape ()", "[..., T]", "Give every token its document")
  index = jax.lax.broadcasted_iota(jnp.int32, segments.shape, segments.ndim - 1)
  first = jnp.concatenate(
      [jnp.ones_like(segments[..., :1], bool), segments[..., 1:] != segments[..., :-1]], axis=-1)
  start = jax.lax.cummax(jnp.where(first, index, 0), axis=segments.ndim - 1)
  return index - start


def grid(*sizes: int) -> jax.Array:
  """Positions of a grid of patches in row-major order, one column an axis.

  Args:
    *sizes: P sizes, such as (height, width) or (time, height, width).

  Returns:
    int32 ``[T, P]`` with T the product of the sizes.

  Raises:
    TypeError: a size that is not an int.
    ValueError: no sizes, or a negative one.

  Example:
    >>> grid(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
  """
  if not sizes:
    raise _errors.value_error("sizes", "none", "the size of each axis", "grid(height, width)")
  sizes = tuple(_errors.check_int("sizes", n, "ints, at least 0", "grid(height, width)", least=0)
                for n in sizes)
  axes = jnp.meshgrid(*(jnp.arange(n, dtype=jnp.int32) for n in sizes), indexing="ij")
  return jnp.stack([a.reshape(-1) for a in axes], axis=-1)


def distance(q_positions: Any, k_positions: Any) -> Any:
  """How far each key lies behind each query: q - k, positive in the past.

  Args:
    q_positions: ``[..., T]``.
    k_positions: ``[..., S]``, same rank; integers of any dtype, or both floats.

  Returns:
    ``[..., T, S]``, int32 or float.

  Raises:
    TypeError: positions that are no such numbers, integers against floats.
    ValueError: positions of two ranks, or without an axis.

  Example:
    >>> distance(jnp.arange(2), jnp.arange(3)).tolist()
    [[0, -1, -2], [1, 0, -1]]
  """
  q_positions = _align.numbers(q_positions, "q_positions", real=True)
  k_positions = _align.numbers(k_positions, "k_positions", real=True)
  shapes = tuple(q_positions.shape), tuple(k_positions.shape)
  if len(shapes[0]) != len(shapes[1]) or not shapes[0]:
    raise _errors.value_error("q_positions, k_positions", f"shapes {shapes[0]} and {shapes[1]}",
                              "[..., T] and [..., S] of one rank",
                              "Add batch axes of size 1 with [None]")
  if q_positions.dtype != k_positions.dtype:
    kinds = f"{q_positions.dtype.name} and {k_positions.dtype.name}"
    raise _errors.type_error("q_positions, k_positions", kinds, "one dtype",
                             "Convert both to int32, or both to float32")
  return q_positions[..., :, None] - k_positions[..., None, :]


def sorted_subset(key: jax.Array, size: int, maximum: int) -> jax.Array:
  """``size`` different integers of [0, maximum), uniformly drawn, ascending.

  The positions of Ruoss et al. 2023, "Randomized Positional Encodings Boost Length Generalization
  of Transformers", arXiv 2305.16843, section 3.

  Args:
    key: a PRNG key.
    size: how many, at least 0 and at most ``maximum``.
    maximum: L_max.

  Returns:
    int32 ``[size]``.

  Raises:
    TypeError: size or maximum is not an int.
    ValueError: size is larger than maximum.

  Example:
    >>> sorted_subset(jax.random.key(0), 3, 3).tolist()
    [0, 1, 2]
  """
  mend = "Both are static: how many ids there are, and how many are drawn"
  size = _errors.check_int("size", size, "an int, at least 0", mend, least=0)
  maximum = _errors.check_int("maximum", maximum, "an int, at least 1", mend, least=1)
  if size > maximum:
    raise _errors.value_error("size", size, f"at most maximum={maximum}",
                              "Draw fewer positions or raise maximum")
  drawn = jax.random.choice(key, maximum, (size,), replace=False)
  return jnp.sort(drawn).astype(jnp.int32)
