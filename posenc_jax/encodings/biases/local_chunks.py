# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chunked attention of Llama 4's rotary layers: tokens see their own chunk (hook ``visible``).

The Llama 4 release, 2025; there is no paper of the rule. Chunks are those of positions, so each
packed document starts with a whole one.
"""

from typing import Any

import jax

from posenc_jax import _align
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks


def local_chunks_visible(q_positions: Any, k_positions: Any, chunk: int) -> jax.Array:
  """floor(m / C) = floor(n / C).

  Args:
    q_positions: ``[..., T]``. k_positions: ``[..., S]``.
    chunk: C, at least 1.

  Returns:
    bool ``[..., T, S]``.

  Example:
    >>> import jax.numpy as jnp
    >>> local_chunks_visible(jnp.array([5]), jnp.arange(6), 4).tolist()
    [[False, False, False, False, True, True]]
  """
  chunk = _checks.size("chunk", chunk, "Llama 4 has 8192")
  m, n = (_align.numbers(at, name, real=True) // chunk for name, at in
          (("q_positions", q_positions), ("k_positions", k_positions)))
  return m[..., :, None] == n[..., None, :]


@encoding
class LocalChunks(Encoding):
  """Tokens see those of their own chunk of ``chunk`` positions.

  Args:
    chunk: static, C.

  Raises:
    TypeError, ValueError: a chunk that is no int, or below 1.

  Example:
    >>> LocalChunks(8192)
    LocalChunks(chunk=8192)
  """

  chunk: int = static()

  def __post_init__(self):
    _checks.size("chunk", self.chunk, "Llama 4 has 8192")

  def visible(self, tile):
    return local_chunks_visible(tile.q_positions, tile.k_positions, self.chunk)[..., None, :, :]
