# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi: attention with linear biases on the scores (hook ``bias``, by distance).

Press et al. 2021, "Train Short, Test Long", arXiv 2108.12409, section 3.
Differs from the paper: distances come from positions, so a decode step, packed documents and
padded rows get the same bias as a full forward; slopes are a leaf, so they can be swept, and
learned after ``px.learn(e, "slopes")``.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _checks


def alibi_slopes(num_heads: int) -> np.ndarray:
  """2^(-8h/N), h = 1..N; for other than powers of two, the published interleaved rule.

  Args:
    num_heads: N, at least 1.

  Returns:
    float32 NumPy ``[N]``: for N not a power of two, the slopes of the power of two below, then
    every other slope of the power of two above.

  Raises:
    TypeError: num_heads is not an int, or traced.
    ValueError: num_heads < 1.

  Example:
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]

  References:
    Press et al. 2021, arXiv 2108.12409, section 3 and the authors' released code.
  """
  num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
  below = 2 ** (num_heads.bit_length() - 1)
  geometric = [2.0 ** (-8.0 * h / below) for h in range(1, below + 1)]
  above = [2.0 ** (-8.0 * h / (2 * below)) for h in range(1, 2 * below + 1)]
  return np.asarray(geometric + above[0::2][:num_heads - below], np.float32)


def alibi_bias(distance: Any, slopes: Any) -> jax.Array:
  """-slope * |distance|.

  Args:
    distance: ``[...]``, query position minus key position.
    slopes: ``[N]``.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 slopes.

  Raises:
    TypeError: distances or slopes that are no such numbers.
    ValueError: slopes of another rank.

  Example:
    >>> alibi_bias(jnp.array([0, 2]), jnp.array([0.5])).tolist()
    [[-0.0, -1.0]]
  """
  slopes = _wide(slopes)
  far = jnp.abs(_align.numbers(distance, "distance", real=True)).astype(slopes.dtype)
  return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]


def _wide(slopes):
  """Slopes in float32 or float64: bfloat16 cannot hold the distances they multiply."""
  slopes = _checks.floats("slopes", slopes, "[N]", "px.alibi_slopes(N) has the paper's")
  slopes = jnp.asarray(slopes)
  return slopes.astype(_numerics.wide(slopes))


@encoding
class Alibi(Encoding):
  """Adds -slope_h * |q - k| to the scores of head h.

  Under a causal mask this is the paper's bias. Without one it is the symmetric form, which cannot
  tell left from right.

  Args:
    num_heads: N, sets the paper's slopes; or
    slopes: ``[N]``, any slopes: a hyperparameter; ``px.learn(e, "slopes")`` makes them learned.

  Raises:
    TypeError: num_heads is not an int, slopes are not floats.
    ValueError: num_heads < 1; both or neither given; slopes without an axis.

  Example:
    >>> Alibi(2).distance_bias(jnp.array([1, 0])).tolist()
    [[-0.0625, -0.0], [-0.00390625, -0.0]]
  """

  slopes: jax.Array

  relative = True

  def __init__(self, num_heads: int | None = None, *, slopes: Any = None):
    if (num_heads is None) == (slopes is None):
      raise _errors.value_error("num_heads, slopes", (num_heads, slopes), "exactly one of them",
                                "Give the number of heads or the slopes")
    if slopes is None:
      slopes = alibi_slopes(num_heads)  # type: ignore[arg-type]
    else:
      slopes = _checks.floats("slopes", slopes, "[N]", "Alibi(N) has the paper's slopes",
                              stacked=True)
    self.set_fields(slopes=slopes)

  def distance_bias(self, distance):
    return alibi_bias(distance, self.slopes)

  def bias_columns(self, q_positions, k_positions):
    del q_positions  # -m (i - j) = m (j - o) - m (i - o), and m (i - o) is constant along row i.
    slopes = _wide(self.slopes)
    lead = (1,) * (k_positions.ndim - 1)
    # The origin o is the last key: float32 holds j - o exactly up to 2^24, but not j itself.
    origin = k_positions.max(axis=-1, keepdims=True) if k_positions.shape[-1] else 0
    near = (k_positions - origin).astype(slopes.dtype)
    return slopes.reshape(*lead, 1, -1, 1), near[..., None, None]
