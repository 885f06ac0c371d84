# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi with keys after the query half a step nearer (hook ``bias``, by distance).

The asymmetric form of the released fairseq fork of EIFY, used with RoBERTa; no paper. Keys at
equal distance before and after the query get different biases, which plain ALiBi cannot give.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align
from posenc_jax.base import encoding
from posenc_jax.encodings.biases import _slopes
from posenc_jax.encodings.biases.alibi import Alibi, alibi_slopes


def alibi_offset_bias(distance: Any, slopes: Any) -> jax.Array:
  """-slope * (|d| - 1/2 [d < 0]).

  Args:
    distance: ``[...]``, query position minus key position: negative for keys after the query.
    slopes: ``[N]``.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 slopes.

  Raises:
    TypeError: distances or slopes that are no such numbers.
    ValueError: slopes of another rank.

  Example:
    >>> alibi_offset_bias(jnp.array([1, 0, -1]), jnp.array([0.5])).tolist()
    [[-0.5, -0.0, -0.25]]
  """
  slopes = _slopes.wide(slopes)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True))
  far = jnp.abs(d).astype(slopes.dtype) - (d < 0).astype(slopes.dtype) / 2
  return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]


@encoding
class AlibiOffset(Alibi):
  """Adds -slope_h * (|q - k| - 1/2 [k > q]) to the scores of head h.

  Under a causal mask it is ``Alibi``.

  Args:
    num_heads, slopes, scheme: as in ``Alibi``.

  Raises:
    TypeError, ValueError: as ``Alibi``.

  Example:
    >>> AlibiOffset(slopes=[1.0]).distance_bias(jnp.array([2, -2])).tolist()
    [[-2.0, -1.5]]
  """

  def __init__(self, num_heads: int | None = None, *, slopes: Any = None,
               scheme: str | None = None):
    self.set_fields(slopes=_slopes.chosen("AlibiOffset", alibi_slopes, num_heads, slopes, scheme))

  def distance_bias(self, distance):
    return alibi_offset_bias(distance, self.slopes)
