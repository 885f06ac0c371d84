# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi: attention with linear biases on the scores (hook ``bias``, by distance).

Press et al. 2021, "Train Short, Test Long", arXiv 2108.12409, section 3.
Differs from the paper: distances come from positions, so a decode step, packed documents and
padded rows get the same bias as a full forward; slopes are a leaf, so they can be swept, and
learned after ``px.learn(e, "slopes")``. BLOOM and Falcon add slope * n, n the key's position, which
is the same under a causal mask and a softmax only; Falcon also divides it by sqrt(H), so its slopes
are ``alibi_slopes(N) / sqrt(H)``.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _slopes


def alibi_slopes(num_heads: int, scheme: str = "official") -> np.ndarray:
  """2^(-8h/N), h = 1..N; for other than powers of two, the published interleaved rule.

  Args:
    num_heads: N, at least 1.
    scheme: "official", or "geometric" for 2^(-8h/N) whatever N is. They agree at powers of two.

  Returns:
    float32 NumPy ``[N]``: officially, for N not a power of two, the slopes of the power of two
    below, then every other slope of the power of two above.

  Raises:
    TypeError: num_heads is not an int, or traced.
    ValueError: num_heads < 1, an unknown scheme.

  Example:
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]

  References:
    Press et al. 2021, arXiv 2108.12409, section 3 and the authors' released code.
  """
  num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
  _errors.check_choice("scheme", scheme, tuple(_slopes.SCHEMES))
  return np.asarray(_slopes.SCHEMES[scheme](num_heads), np.float32)


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
  slopes = _slopes.wide(slopes)
  far = jnp.abs(_align.numbers(distance, "distance", real=True)).astype(slopes.dtype)
  return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]


@encoding
class Alibi(Encoding):
  """Adds -slope_h * |q - k| to the scores of head h.

  Under a causal mask this is the paper's bias. Without one it is the symmetric form, which cannot
  tell left from right.

  Args:
    num_heads: N, sets the paper's slopes; or
    slopes: ``[N]``, any slopes: a hyperparameter; ``px.learn(e, "slopes")`` makes them learned.
    scheme: how slopes follow from num_heads, "official" (the default) or "geometric".

  Raises:
    TypeError: num_heads is not an int, slopes are not floats.
    ValueError: num_heads < 1; both or neither given; a scheme beside slopes; slopes without an
      axis.

  Example:
    >>> Alibi(2).distance_bias(jnp.array([1, 0])).tolist()
    [[-0.0625, -0.0], [-0.00390625, -0.0]]
  """

  slopes: jax.Array

  relative = True

  def __init__(self, num_heads: int | None = None, *, slopes: Any = None,
               scheme: str | None = None):
    self.set_fields(slopes=_slopes.chosen("Alibi", alibi_slopes, num_heads, slopes, scheme))

  def distance_bias(self, distance):
    return alibi_bias(distance, self.slopes)

  def bias_columns(self, q_positions, k_positions):
    del q_positions  # -m (i - j) = m (j - o) - m (i - o), and m (i - o) is constant along row i.
    slopes = _slopes.wide(self.slopes)
    lead = (1,) * (k_positions.ndim - 1)
    # The origin o is the last key: float32 holds j - o exactly up to 2^24, but not j itself.
    origin = k_positions.max(axis=-1, keepdims=True) if k_positions.shape[-1] else 0
    near = (k_positions - origin).astype(slopes.dtype)
    return slopes.reshape(*lead, 1, -1, 1), near[..., None, None]
