# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dual chunk attention: positions restart in each chunk (hooks ``expand`` and ``bias``).

An et al. 2024, "Training-Free Long-Context Scaling of Large Language Models", arXiv 2402.17463.
Keys are cached raw and turned on read; the scores of keys in earlier chunks are replaced, as a
difference. For causal attention: keys after the query keep RoPE's scores.
``compat="released-code"``: queries stop at position c, in the paper at c - 1.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.remaps import _difference


def dual_chunk_positions(q_positions: Any, k_positions: Any, *, chunk: int, local: int,
                         compat: str = "paper") -> tuple[jax.Array, ...]:
  """Positions of keys, n mod s with s = c - w, and of queries for earlier chunks.

  A query m meets keys of its own chunk at m mod s, of the chunk before at min(m mod s + s, c - 1),
  and of all earlier ones at min(2s - 1, c - 1), whatever m is.

  Args:
    q_positions: ``[..., T]``. k_positions: ``[..., S]``.
    chunk: c, at most the trained length.
    local: w, how many positions before a chunk keep their distance; 0 <= w < c.
    compat: "paper", or "released-code" for c in the place of c - 1.

  Returns:
    keys' ``[..., S]``; queries' for the chunk before ``[..., T]``; queries' for earlier ones
    ``[..., T]``; and how many chunks the key's is before the query's, ``[..., T, S]``.

  Raises:
    ValueError: sizes out of range, an unknown compat.

  Example:
    >>> at = jnp.arange(14)
    >>> k, before, earlier, _ = dual_chunk_positions(at, at, chunk=10, local=4)
    >>> k.tolist(), before[6:].tolist(), int(earlier[0])
    ([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1], [6, 7, 8, 9, 9, 9, 6, 7], 9)

  References:
    An et al. 2024, arXiv 2402.17463, section 3.
  """
  chunk, local = _checked(chunk, local, compat)
  s, last = chunk - local, chunk - (compat == "paper")
  m, n = _difference.numbers(q_positions, k_positions)
  return (n % s, jnp.minimum(m % s + s, last), jnp.full_like(m, min(2 * s - 1, last)),
          (m // s)[..., :, None] - (n // s)[..., None, :])


def _checked(chunk, local, compat):
  chunk = _checks.size("chunk", chunk, "The released code takes 3/4 of the trained length")
  local = _checks.size("local", local, "The released code takes 1/8 of the trained length", least=0)
  if local >= chunk:
    raise _errors.value_error("local", local, f"less than chunk={chunk}",
                              "A sixth of the chunk is usual")
  _checks.compat(compat)
  return chunk, local


@encoding
class DualChunk(RotaryOnRead):
  """RoPE in chunks: no two tokens are further apart than ``chunk`` positions.

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``; so is ``from_frequencies``. The
      released code may set the scaling to 0.05 ln(L / L0) + 1.
    chunk, local, compat: static; see ``dual_chunk_positions``.

  Raises:
    TypeError, ValueError: as ``Rotary`` and ``dual_chunk_positions``.

  Example:
    >>> DualChunk(8, chunk=3072, local=512)
    DualChunk(dim=8, base=10000.0, chunk=3072, local=512, compat='paper')

  References:
    An et al. 2024, arXiv 2402.17463, section 3.
  """

  chunk: int = static(default=3072)
  local: int = static(default=512)
  compat: str = static(default="paper")

  relative = False

  def __init__(self, dim, *, chunk=3072, local=512, compat="paper", base=10_000.0,
               attention_scaling=1.0, pairing="half"):
    chunk, local = _checked(chunk, local, compat)
    super().__init__(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(chunk=chunk, local=local, compat=compat)

  def bias(self, tile):
    m, n = _difference.numbers(tile.q_positions, tile.k_positions)
    at, before, earlier, chunks = dual_chunk_positions(m, n, chunk=self.chunk, local=self.local,
                                                       compat=self.compat)
    k = self._turn(tile.k, at - n)
    return _difference.replaced(tile, (self._turn(tile.q, before - m), k, chunks == 1),
                                (self._turn(tile.q, earlier - m), k, chunks > 1))
