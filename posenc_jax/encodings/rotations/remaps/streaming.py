# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""StreamingLLM: first tokens and a window, at positions in the cache (``expand, visible, bias``).

Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks", arXiv 2309.17453. The
cache that evicts and renumbers its keys is not needed: each query sees the first keys and a window,
and the first keys stand as near as they would in that cache. Keys are cached raw and turned on
read. A cache that does evict takes ``RotaryOnRead`` with its slots for positions.
For causal attention.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.base import encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.remaps import _difference


def streaming_positions(q_positions: Any, k_positions: Any, *, sinks: int, window: int
                        ) -> tuple[jax.Array, jax.Array, jax.Array]:
  """The slot of each query, and which keys a rolling cache of sinks + window tokens would hold.

  Args:
    q_positions: ``[..., T]``. k_positions: ``[..., S]``.
    sinks: first tokens that stay.
    window: recent tokens that stay, the query's own among them.

  Returns:
    min(m, sinks + window - 1) ``[..., T]``, from which a sink n < sinks is that minus n away; bool
    ``[..., T, S]``, True where the key is such a sink; and bool, True where the cache holds it. A
    recent key is m - n away, in slots too.

  Raises:
    ValueError: sizes below 0 and 1.

  Example:
    >>> at = jnp.arange(6)
    >>> slot, _, held = streaming_positions(at, at, sinks=1, window=3)
    >>> slot.tolist(), held[5].tolist()
    ([0, 1, 2, 3, 3, 3], [True, False, False, True, True, True])

  References:
    Xiao et al. 2023, arXiv 2309.17453, section 3.2.
  """
  sinks, window = _checked(sinks, window)
  m, n = _difference.numbers(q_positions, k_positions)
  recent = m[..., :, None] - n[..., None, :] < window
  first = (n < sinks)[..., None, :] & ~recent
  return jnp.minimum(m, sinks + window - 1), first, first | recent


def _checked(sinks, window):
  return (_checks.size("sinks", sinks, "The paper has 4", least=0),
          _checks.size("window", window, "The paper has 512 to 2044"))


@encoding
class StreamingRotary(RotaryOnRead):
  """RoPE on what a rolling cache with sinks would hold, at that cache's positions.

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``; so is ``from_frequencies``.
    sinks, window: static; see ``streaming_positions``. Positions count from a document's start.

  Raises:
    TypeError, ValueError: as ``Rotary`` and ``streaming_positions``.

  Example:
    >>> StreamingRotary(8, sinks=4, window=508)
    StreamingRotary(dim=8, base=10000.0, sinks=4, window=508)

  References:
    Xiao et al. 2023, arXiv 2309.17453, section 3.2.
  """

  sinks: int = static(default=4)
  window: int = static(default=508)

  relative = False

  def __init__(self, dim, *, sinks=4, window=508, base=10_000.0, attention_scaling=1.0,
               pairing="half"):
    sinks, window = _checked(sinks, window)
    super().__init__(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(sinks=sinks, window=window)

  def _slots(self, tile):
    return streaming_positions(tile.q_positions, tile.k_positions, sinks=self.sinks,
                               window=self.window)

  def visible(self, tile):
    return self._slots(tile)[2][..., None, :, :]

  def bias(self, tile):
    m, _ = _difference.numbers(tile.q_positions, tile.k_positions)
    slot, first, _ = self._slots(tile)
    return _difference.replaced(tile, (self._turn(tile.q, slot - m), tile.k, first))
