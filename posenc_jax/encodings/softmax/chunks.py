# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention inside chunks of positions (hook ``visible``).

Llama 4 (2025), on its layers with rotary: m sees n if floor(m / 8192) = floor(n / 8192).
Differs from the released code: nothing in the numbers.
"""

import jax
import jax.numpy as jnp

from posenc_jax import _align
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks


def chunk_visible(q_positions: jax.Array, k_positions: jax.Array, length: int) -> jax.Array:
  """floor(m / length) = floor(n / length).

  Args:
    q_positions: ``[..., T]``, k_positions: ``[..., S]``.
    length: tokens of a chunk.

  Returns:
    bool ``[..., T, S]``; keys in the future are the causal mask's matter.

  Raises:
    TypeError: a length that is no int, positions in a 16-bit float.
    ValueError: a length below 1.

  Example:
    >>> chunk_visible(jnp.array([3, 4]), jnp.array([2, 3, 4]), 4).tolist()
    [[True, True, False], [False, False, True]]
  """
  length = _checks.size("length", length, "Llama 4 has 8192")
  m, n = (jnp.floor_divide(jnp.asarray(_align.numbers(at, name, real=True)), length)
          for name, at in (("q_positions", q_positions), ("k_positions", k_positions)))
  return m[..., :, None] == n[..., None, :]


@encoding
class Chunks(Encoding):
  """Hides keys of other chunks than the query's.

  Args:
    length: static, the tokens of a chunk.

  Raises:
    TypeError: no int.
    ValueError: an int below 1.

  Example:
    >>> from posenc_jax import Tile
    >>> at = Tile(q_positions=jnp.array([3]), k_positions=jnp.arange(4))
    >>> Chunks(2).visible(at).tolist()
    [[[False, False, True, True]]]
  """

  length: int = static(default=8192)

  def __post_init__(self):
    _checks.size("length", self.length, "Llama 4 has 8192")

  def visible(self, tile):
    return chunk_visible(tile.q_positions, tile.k_positions, self.length)[..., None, :, :]
