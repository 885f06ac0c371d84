# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi on a grid: slopes times the Euclidean distance (hook ``bias``, by distance, two axes).

Fuller et al. 2023, "CROMA", arXiv 2311.00566, in units of patches, with the slopes of ALiBi.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings.biases import _slopes
from posenc_jax.encodings.biases.alibi import alibi_slopes


def alibi_2d_bias(distance: Any, slopes: Any) -> jax.Array:
  """-slope * |d|, the Euclidean length of d.

  Args:
    distance: ``[..., P]``, query position minus key position on P axes.
    slopes: ``[N]``.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 slopes.

  Raises:
    TypeError: distances or slopes that are no such numbers.
    ValueError: slopes of another rank.

  Example:
    >>> alibi_2d_bias(jnp.array([[3, -4], [0, 0]]), jnp.array([0.5])).tolist()
    [[-2.5, -0.0]]
  """
  slopes = _slopes.wide(slopes)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True)).astype(slopes.dtype)
  squares = jnp.sum(jnp.square(d), axis=-1)
  far = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)
  return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]


@encoding
class Alibi2D(Encoding):
  """Adds -slope_h times the Euclidean distance of query and key; positions ``[..., T, 2]``.

  Args:
    num_heads, slopes, scheme: as in ``Alibi``.

  Raises:
    TypeError, ValueError: as ``Alibi``.

  Example:
    >>> Alibi2D(slopes=[1.0]).distance_bias(jnp.array([[6, 8]])).tolist()
    [[-10.0]]
  """

  slopes: jax.Array

  position_axes = 2
  relative = True

  def __init__(self, num_heads: int | None = None, *, slopes: Any = None,
               scheme: str | None = None):
    self.set_fields(slopes=_slopes.chosen("Alibi2D", alibi_slopes, num_heads, slopes, scheme))

  def distance_bias(self, distance):
    return alibi_2d_bias(distance, self.slopes)
