# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be measured of an encoding without training: pure functions, widths vmapped.

Two kinds. Waves: sinusoids and rotations are their frequencies alone, so widths are lanes of one
program, padded with zeros that do not count. Profiles: any encoding is asked through its hooks whom
the last token looks at when all tokens have the same content.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from posenc_jax import functions, phases

LONGEST = 2**17  # the last distance at which the reach of a base is sought


def stack_waves(d_models: Sequence[int], base: float = 10_000.0) -> tuple[Any, jax.Array]:
  """Exact frequencies of several widths: (``Frequencies [W, F]``, which of them count ``[W, F]``).

  Example:
    >>> stack_waves((2, 6))[1].astype(int).tolist()
    [[1, 0, 0], [1, 1, 1]]
  """
  most = max(d_models) // 2
  rows = [functions.sinusoidal_frequencies(d, base=base) for d in d_models]
  pad = lambda x: jnp.pad(jnp.asarray(x), (0, most - x.shape[0]))
  stacked = jax.tree.map(lambda *xs: jnp.stack([pad(x) for x in xs]), *rows)
  count = jnp.asarray([d // 2 for d in d_models], jnp.int32)
  return stacked, jnp.arange(most)[None] < count[:, None]


def _over_widths(function):
  """``function(frequencies [F], counts [F], distances [L])`` for each of several widths."""
  return jax.jit(jax.vmap(function, in_axes=(0, 0, None)))


@_over_widths
def similarity(frequencies: Any, counts: jax.Array, distances: jax.Array) -> jax.Array:
  """Mean of cos(f r): the cosine of two rows of the table, and the score of a rotated copy.

  Args:
    frequencies: exact, ``[W, F]``.
    counts: bool ``[W, F]``.
    distances: int32 ``[L]``.

  Returns:
    float32 ``[W, L]``; 1 at distance 0.

  Example:
    >>> waves, counts = stack_waves((2, 4))
    >>> similarity(waves, counts, jnp.array([0, 1])).round(4).tolist()
    [[1.0, 0.5403], [1.0, 0.7701]]

  References:
    Su et al. 2021, arXiv 2104.09864, section 3.4.3.
  """
  cos, _ = phases.cos_sin(distances, frequencies)
  some = counts.astype(cos.dtype)
  return jnp.sum(cos * some[None], axis=-1) / jnp.sum(some)


@_over_widths
def decay_bound(frequencies: Any, counts: jax.Array, distances: jax.Array) -> jax.Array:
  """Mean over j of |S_j|, S_j the sum of the first j of exp(i f r): a bound on the score's size.

  Args:
    frequencies, counts, distances: as in ``similarity``.

  Returns:
    float32 ``[W, L]``, divided by its value at distance 0.

  References:
    Su et al. 2021, arXiv 2104.09864, equation 37.
  """
  cos, sin = phases.cos_sin(distances, frequencies)
  some = counts.astype(cos.dtype)[None]
  size = jnp.hypot(jnp.cumsum(cos * some, axis=-1), jnp.cumsum(sin * some, axis=-1)) * some
  count = jnp.sum(some)
  return jnp.sum(size, axis=-1) * 2 / (count * (count + 1))


@functools.partial(jax.jit, static_argnames="longest")
def effective_rank(frequencies: Any, counts: jax.Array, lengths: jax.Array, *, longest: int
                   ) -> jax.Array:
  """How many directions the first rows of a sinusoidal table fill: (tr G)^2 / tr G^2.

  G is the covariance of the rows, their mean taken off.

  Args:
    frequencies: exact, ``[W, F]``.
    counts: bool ``[W, F]``.
    lengths: int32 ``[L]``, numbers of rows.
    longest: the largest of them.

  Returns:
    float32 ``[W, L]``, at most d_model.

  References:
    The participation ratio of the eigenvalues; see Roy and Vetterli 2007 for another such number.
  """
  def one(waves, some, length):
    rows = (jnp.arange(longest).astype(jnp.float32) < length).astype(jnp.float32)[:, None]
    both = phases.cos_sin(jnp.arange(longest, dtype=jnp.int32), waves)
    table = jnp.concatenate(both, axis=-1) * jnp.tile(some, 2).astype(jnp.float32)[None]
    table = (table - jnp.sum(table * rows, axis=0, keepdims=True) / length) * rows
    gram = jnp.matmul(table.T, table, precision="highest")
    return jnp.trace(gram) ** 2 / jnp.sum(gram * gram)

  by_length = jax.vmap(one, in_axes=(None, None, 0))
  return jax.vmap(by_length, in_axes=(0, 0, None))(
    frequencies, counts, lengths.astype(jnp.float32))


def first_below(curves: np.ndarray, limit: float) -> np.ndarray:
  """Where each curve ``[.., L]`` first falls below a limit: int ``[..]``, -1 if it never does.

  Example:
    >>> first_below(np.array([[1.0, 0.5, -0.1], [1.0, 0.9, 0.8]]), 0.0).tolist()
    [2, -1]
  """
  under = np.asarray(curves) < limit
  return np.where(under.any(-1), under.argmax(-1), -1)


def first_negative(d_model: int, base: float, longest: int = LONGEST) -> int:
  """The first distance at which the sum of cos(f r) is negative; ``longest + 1`` if there is none.

  Args:
    d_model: twice the number of frequencies base^(-2 i / d_model).
    base: of them.
    longest: the last distance that is tried.

  Example:
    >>> first_negative(2, 1e4), first_negative(2, 1e4, longest=1)
    (2, 2)
  """
  return _reach(base ** (-np.arange(0, d_model, 2) / d_model), longest) + 1


def lowest_bases(lengths: Sequence[int], head_dim: int = 128) -> dict[int, float]:
  """The lowest base with which the sum of cos(f r) is never negative up to each length.

  Bases of two digits from 1000 to 99000 are tried. The reach does not rise with every one of them.

  Args:
    lengths: distances, the last one included.
    head_dim: twice the number of frequencies base^(-2 i / head_dim).

  Returns:
    The base of each length; nan if none of them reaches it.

  Example:
    >>> lowest_bases((300, 1000))
    {300: 1000.0, 1000: 4300.0}

  References:
    Men et al. 2024, arXiv 2405.14591, equations 10 and 11.
  """
  found: dict[int, float] = {}
  for base in (digits * power for power in (100.0, 1000.0) for digits in range(10, 100)):
    missing = [length for length in lengths if length not in found]
    if not missing:
      break
    reach = _reach(base ** (-np.arange(0, head_dim, 2) / head_dim), max(missing))
    found |= {length: base for length in missing if length <= reach}
  return {length: found.get(length, math.nan) for length in lengths}


def _reach(radians: np.ndarray, longest: int, piece: int = 512) -> int:
  """The last distance before the sum of cos(f r) first is negative, at most ``longest``."""
  for start in range(0, longest + 1, piece):
    r = np.arange(start, min(start + piece, longest + 1))
    below = np.flatnonzero(np.cos(r[:, None] * radians[None]).sum(-1) < 0)
    if below.size:
      return start + int(below[0]) - 1
  return longest


def shift_error(d_model: int, offsets: Sequence[int], rows: int) -> float:
  """How far the rows of the sinusoidal table, turned by an offset, are from those at the offset.

  The turn of each pair is made of row k alone, so that it is one linear map for all positions.

  Example:
    >>> shift_error(8, (1, 100), 50) < 1e-6
    True
  """
  worst = 0.0
  for k in offsets:
    at = jnp.arange(rows + k, dtype=jnp.int32)
    table = np.asarray(functions.sinusoidal(at, d_model), np.float64)
    sin, cos = table[:, 0::2], table[:, 1::2]
    turned = sin[:rows] * cos[k] + cos[:rows] * sin[k], cos[:rows] * cos[k] - sin[:rows] * sin[k]
    worst = max(worst, *(float(np.abs(a - b[k:]).max())
                         for a, b in zip(turned, (sin, cos), strict=True)))
  return worst


def profile(e: px.Encoding, heads: int, head_dim: int, d_model: int, length: int, *,
            offset: int = 0) -> np.ndarray:
  """Whom the last of ``length`` tokens looks at by position alone: weights ``[N, length]``.

  All tokens have one content: queries and keys are ones, or, of an encoding that is added to the
  embeddings, what is added, scaled to the same length. Column 0 is the token itself, column r the
  one r tokens before.

  Args:
    e: an encoding that reads positions or none; no content may drive it.
    heads, head_dim, d_model: N, H, D.
    length: tokens.
    offset: added to all positions.

  Returns:
    float64, rows sum to 1 where the encoding leaves the softmax as it is.

  Example:
    >>> profile(px.Alibi(slopes=[np.log(2)]), 1, 4, 4, 3).round(3).tolist()
    [[0.571, 0.286, 0.143]]
  """
  at = jnp.arange(length, dtype=jnp.int32) + jnp.int32(offset)
  rows = jnp.ones((length, d_model), jnp.float32)
  if e.has("inputs"):
    rows = e.inputs(jnp.zeros((length, d_model), jnp.float32), at)
    rows = rows * jnp.sqrt(d_model / jnp.sum(rows * rows, axis=-1, keepdims=True))
  k = rows.reshape(length, heads, head_dim)
  reads = {} if e.position_axes is None else {"q_positions": at[-1:], "k_positions": at}
  applied = tuple(hook for hook in ("inputs",) if e.has(hook))
  weights = px.attention_weights(k[-1:], k, e, q_order=at[-1:], k_order=at, causal=True,
                                 applied=applied, **reads)
  return np.asarray(weights, np.float64)[:, 0, ::-1]


def receptive_field(weights: np.ndarray, share: float = 0.9) -> np.ndarray:
  """How many of the nearest tokens get a share of the attention: weights ``[N, L]`` to int ``[N]``.

  Example:
    >>> receptive_field(np.array([[0.5, 0.25, 0.25]]), 0.7).tolist()
    [2]
  """
  return (np.cumsum(weights, axis=-1) < share * weights.sum(-1, keepdims=True) - 1e-12).sum(-1) + 1


def angle_errors(positions: np.ndarray, radians: np.ndarray, dtype: Any) -> np.ndarray:
  """Worst error of position times frequency, if positions, frequencies and product are in a dtype.

  Args:
    positions: int ``[P]``.
    radians: float64 ``[F]`` per position.
    dtype: float32, bfloat16 or float16, in which all three are rounded.

  Returns:
    float64 ``[P]``: radians, for the worst frequency, not reduced to a turn; inf on overflow.

  Example:
    >>> angle_errors(np.array([256, 257]), np.array([1.0]), jnp.bfloat16).tolist()
    [0.0, 1.0]
  """
  rounded = jnp.asarray(positions).astype(dtype)[:, None] * jnp.asarray(
    radians.astype(np.float32)).astype(dtype)[None]
  found = np.asarray(rounded.astype(jnp.float32), np.float64)
  return np.abs(found - positions[:, None].astype(np.float64) * radians[None]).max(-1)


def distinct_integers(dtype: Any, limit: int) -> int:
  """How many of the positions 0 to limit - 1 a dtype tells apart.

  Example:
    >>> distinct_integers(jnp.bfloat16, 4096)
    769
  """
  return len(np.unique(np.asarray(jnp.arange(limit).astype(dtype).astype(jnp.float32))))
