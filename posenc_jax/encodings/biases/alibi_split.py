# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ALiBi whose heads look one way, half to the past, half ahead (hooks ``visible``, ``bias``).

Proposed in the discussion of the authors' released code of Press et al. 2021, arXiv 2108.12409; no
paper. Both halves have the slopes of N / 2 heads. Every head sees the query's own key.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _slopes
from posenc_jax.encodings.biases.alibi import alibi_bias, alibi_slopes


def alibi_split_visible(distance: Any, num_heads: int) -> jax.Array:
  """Heads of the first half see distances >= 0, the others distances <= 0.

  Args:
    distance: ``[...]``, query position minus key position.
    num_heads: N, even.

  Returns:
    bool ``[N, ...]``.

  Raises:
    TypeError: distances that are no numbers, num_heads that is no int.
    ValueError: an odd number of heads.

  Example:
    >>> alibi_split_visible(jnp.array([1, 0, -1]), 2).tolist()
    [[True, True, False], [False, True, True]]
  """
  num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
  if num_heads % 2:
    raise _errors.value_error("num_heads", num_heads, "an even number",
                              "Each direction has half of the heads")
  d = jnp.asarray(_align.numbers(distance, "distance", real=True))
  return jnp.repeat(jnp.stack([d >= 0, d <= 0]), num_heads // 2, axis=0)


@encoding
class AlibiSplit(Encoding):
  """Adds -slope * |q - k|; the first N / 2 heads see no later key, the others no earlier one.

  Args:
    num_heads: N, even, sets the slopes of N / 2 heads for each half; or
    slopes: ``[N / 2]``, those of each half.
    scheme: as in ``Alibi``.

  Raises:
    TypeError, ValueError: as ``Alibi``; an odd number of heads.

  Example:
    >>> AlibiSplit(4).distance_bias(jnp.array(1))[:, None].tolist()
    [[-0.0625], [-0.00390625], [-0.0625], [-0.00390625]]
  """

  slopes: jax.Array

  relative = True

  def __init__(self, num_heads: int | None = None, *, slopes: Any = None,
               scheme: str | None = None):
    if num_heads is not None:
      alibi_split_visible(0, num_heads)
      num_heads //= 2
    self.set_fields(slopes=_slopes.chosen("AlibiSplit", alibi_slopes, num_heads, slopes, scheme))

  def visible(self, tile):
    seen = alibi_split_visible(tile.distance(), 2 * self.slopes.shape[-1])
    return jnp.moveaxis(seen, 0, -3)

  def distance_bias(self, distance):
    return alibi_bias(distance, jnp.tile(_slopes.wide(self.slopes), 2))
