# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Temperatures that grow with the logarithm of the length (hooks ``qk`` and ``scores``).

Log-n: Su 2021 and Qwen's ``use_logn_attn``: the query at position m is multiplied by
max(1, log(m + 1) / log(L0)). SSMax: Nakanishi 2025, "Scalable-Softmax Is Superior for
Attention", arXiv 2501.19399: scores are multiplied by s log n, n the number of keys in the softmax.
Differs from the papers: n is counted in each row's mask, so that padding, packing, windows and
unused cache slots do not count. Chain them after the encoding whose scores they scale.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks


def log_n_temperature(positions: Any, train_length: Any) -> jax.Array:
  """max(1, log(m + 1) / log(L0)).

  Args:
    positions: ``[...]``, m; negative ones (padding) give 1.
    train_length: L0 > 1.

  Returns:
    ``[...]``, float32, or float64 for float64 train_length.

  Raises:
    ValueError: a known train_length that is not above 1.
    TypeError: a length in place of positions, positions in a 16-bit float.

  Example:
    >>> log_n_temperature(jnp.array([0, 3, 15]), 4).tolist()
    [1.0, 1.0, 2.0]
  """
  _check_length(train_length)
  mend = "An encoding with stacked leaves needs jax.vmap over the encoding"
  start = jnp.asarray(_checks.factor("train_length", train_length, mend))
  positions = _checks.positions(positions, real=True)
  dtype = _numerics.wide(start)
  # Below 1 a logarithm of 0 would make the gradient of L0 NaN, although the maximum hides it.
  count = jnp.maximum(jnp.asarray(positions).astype(dtype) + 1, 1)
  return jnp.maximum(1, jnp.log(count) / jnp.log(start.astype(dtype)))


def _check_length(train_length):
  known = _numerics.known(train_length)
  if known is None:
    return
  if known.dtype.kind not in "iuf" and known.dtype.name != "bfloat16":
    raise _errors.type_error("train_length", _errors.describe(train_length), "a length above 1",
                             "Pass the training context length, L0")
  if not (known > 1).all():
    raise _errors.value_error("train_length", known.tolist(), "a length above 1",
                              "Pass the training context length, L0")


def ssmax_scores(scores: jax.Array, mask: jax.Array | None, s: jax.Array,
                 offset: jax.Array | None = None) -> jax.Array:
  """(s log n + b) z, n the number of keys that each row sees.

  Args:
    scores: ``[..., N, T, S]``, z.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible.
    s: ``[N]``.
    offset: b, ``[N]`` or None.

  Returns:
    Like scores.

  Raises:
    TypeError: the mask is not bool.
    ValueError: s or offset for another number of heads; one for one head is not shared silently.

  Example:
    >>> mask = jnp.array([[[True, True, False]]])
    >>> ssmax_scores(jnp.ones((1, 1, 3)), mask, jnp.ones(1)).round(4).tolist()
    [[[0.6931, 0.6931, 0.6931]]]

  References:
    Nakanishi 2025, arXiv 2501.19399.
  """
  scores = _checks.floats("scores", scores, "[..., N, T, S]", "Pass the scaled scores")
  heads = {"N": scores.shape[-3]}
  mend = "Build it for the query heads N: SSMax.init(key, num_heads)"
  s = _checks.floats("s", s, "[N]", mend, sizes=heads)
  if offset is not None:
    offset = _checks.floats("offset", offset, "[N]", mend, sizes=heads)
  mask = _checks.mask(mask)
  if mask is None:
    mask = jnp.ones((1,) * (scores.ndim - 1) + scores.shape[-1:], bool)
  count = jnp.sum(mask.astype(jnp.int32), axis=-1, keepdims=True)
  by_head = lambda x: jnp.asarray(x).astype(scores.dtype).reshape(
      (1,) * (scores.ndim - 3) + (-1, 1, 1))
  factor = by_head(s) * jnp.log(jnp.maximum(count, 1).astype(scores.dtype))
  return scores * (factor if offset is None else factor + by_head(offset))


@encoding
class LogNTemperature(Encoding):
  """Multiplies the query at position m by max(1, log(m + 1) / log(L0)).

  Args:
    train_length: L0 > 1, a leaf. Needs true positions, counted from 0 in each document.

  Raises:
    ValueError: train_length is not above 1.

  Example:
    >>> e = LogNTemperature(4)
    >>> q, _ = e.qk(jnp.ones((1, 1, 2)), None, jnp.array([15]), None)
    >>> q.tolist()
    [[[2.0, 2.0]]]
  """

  train_length: jax.typing.ArrayLike

  def __post_init__(self):
    _check_length(self.train_length)

  def qk(self, q, k, q_positions, k_positions):
    del k_positions
    q_positions = _align.align_array(q_positions, q.ndim - 3, q.shape[-3], 0, "q_positions")
    factor = log_n_temperature(q_positions, self.train_length)
    dtype = _numerics.wide(q)
    return (q.astype(dtype) * factor[..., None, None].astype(dtype)).astype(q.dtype), k


@encoding
class SSMax(Encoding):
  """Multiplies the scaled, biased scores of head h by s_h log n (+ b_h), n the keys the row sees.

  Args:
    s: ``[N]``, a parameter.
    offset: b, ``[N]``, a parameter, or None for the form without it.

  Raises:
    ValueError: tables that are not of one length.

  Example:
    >>> SSMax.init(jax.random.key(0), num_heads=2).s.tolist()
    [0.43, 0.43]
  """

  s: jax.Array = parameter()
  offset: jax.Array | None = parameter(default=None)

  relative = True
  position_axes = None

  def __post_init__(self):
    given = [x for x in (self.s, self.offset) if x is not None]
    shapes = [np.shape(x) for x in given]
    if len(set(shapes)) > 1 or not shapes or not shapes[0]:
      raise _errors.value_error("s, offset", f"shapes {shapes}", "[N] each",
                                "Build it with SSMax.init(key, num_heads)")

  @classmethod
  def init(cls, key, num_heads: int, *, s: float = 0.43, offset: bool = False) -> "SSMax":
    """s = 0.43, the paper's example, for every head; ``offset`` adds b = 0. ``key`` is not used."""
    _checks.key(key)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    return cls(jnp.full((num_heads,), s, jnp.float32),
               jnp.zeros((num_heads,), jnp.float32) if offset else None)

  def scores(self, scores, tile):
    return ssmax_scores(scores, tile.mask, self.s, self.offset)
