# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi: attention with linear biases on the scores (hook ``bias``, by distance).

Press et al. 2021, "Train Short, Test Long", arXiv 2108.12409, section 3.
Differs from the paper: distances come from positions, so a decode step, packed documents and
padded rows get the same bias as a full forward; slopes are a leaf, so they can be swept or learned.
"""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding


def alibi_slopes(num_heads: int) -> np.ndarray:
  """2^(-8h/N), h = 1..N; for other than powers of two, the published interleaved rule.

  Args:
    num_heads: N, at least 1.

  Returns:
    float32 NumPy ``[N]``: for N not a power of two, the slopes of the power of two below, then
    every other slope of the power of two above.

  Raises:
    ValueError: num_heads < 1.

  Example:
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]

  References:
    Press et al. 2021, arXiv 2108.12409, section 3 and the authors' released code.
  """
  if num_heads < 1:
    raise _errors.value_error("num_heads", num_heads, "at least 1", "Pass the query heads N")
  below = 2 ** int(math.log2(num_heads))
  geometric = [2.0 ** (-8.0 * h / below) for h in range(1, below + 1)]
  above = [2.0 ** (-8.0 * h / (2 * below)) for h in range(1, 2 * below + 1)]
  return np.asarray(geometric + above[0::2][:num_heads - below], np.float32)


def alibi_bias(distance: jax.Array, slopes: jax.Array) -> jax.Array:
  """-slope * |distance|.

  Args:
    distance: ``[...]``, query position minus key position.
    slopes: ``[N]``.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 slopes.

  Example:
    >>> alibi_bias(jnp.array([0, 2]), jnp.array([0.5])).tolist()
    [[-0.0, -1.0]]
  """
  chex.assert_rank(slopes, 1, exception_type=ValueError)
  # Not in a narrower dtype of the slopes: bfloat16 cannot hold distances.
  slopes = jnp.asarray(slopes)
  slopes = slopes.astype(jnp.float64 if slopes.dtype == jnp.float64 else jnp.float32)
  far = jnp.abs(distance).astype(slopes.dtype)
  return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]


@encoding
class Alibi(Encoding):
  """Adds -slope_h * |q - k| to the scores of head h.

  Under a causal mask this is the paper's bias. Without one it is the symmetric form, which cannot
  tell left from right.

  Args:
    num_heads: N, sets the paper's slopes; or
    slopes: ``[N]``, any slopes (a leaf).

  Raises:
    ValueError: num_heads < 1; both or neither given.

  Example:
    >>> Alibi(2).bias(None, None, jnp.array([1]), jnp.array([0, 1])).tolist()
    [[[-0.0625, -0.0]], [[-0.00390625, -0.0]]]
  """

  slopes: jax.Array

  relative = True

  def __init__(self, num_heads: int | None = None, *, slopes=None):
    if (num_heads is None) == (slopes is None):
      raise _errors.value_error("num_heads, slopes", (num_heads, slopes), "exactly one of them",
                                "Give the number of heads or the slopes")
    self.set_fields(slopes=alibi_slopes(num_heads) if slopes is None else slopes)

  def distance_bias(self, distance):
    return alibi_bias(distance, self.slopes)

  def low_rank(self, q_positions, k_positions):
    del q_positions  # -m (i - j) = m j - m i, and m i is constant along row i.
    slopes = jnp.asarray(self.slopes)
    slopes = slopes.astype(jnp.float64 if slopes.dtype == jnp.float64 else jnp.float32)
    lead = (1,) * (k_positions.ndim - 1)
    return (slopes.reshape(*lead, 1, -1, 1), k_positions.astype(slopes.dtype)[..., None, None])
