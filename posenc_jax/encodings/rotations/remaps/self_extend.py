# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Self-Extend: beyond a window, positions are counted in groups (hooks ``expand`` and ``bias``).

Jin et al. 2024, "LLM Maybe LongLM: Self-Extend LLM Context Window Without Tuning", arXiv
2401.01325. Keys are cached raw and turned on read; the scores of far keys are replaced, as a
difference. For causal attention: keys after the query keep RoPE's scores.
"""

from typing import Any

import jax

from posenc_jax import _errors
from posenc_jax.base import encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.remaps import _difference


def self_extend_positions(q_positions: Any, k_positions: Any, *, window: int, group: int
                          ) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Positions of far pairs: floor(m / G) + W - floor(W / G) and floor(n / G), far where m - n >= W.

  Args:
    q_positions: ``[..., T]``. k_positions: ``[..., S]``.
    window: W, a multiple of G, so that distances grow without a gap at the window.
    group: G.

  Returns:
    queries' ``[..., T]``, keys' ``[..., S]``, and bool ``[..., T, S]``, True where they count; the
    other pairs have m - n.

  Raises:
    ValueError: W that is no multiple of G, sizes below 1.

  Example:
    >>> import jax.numpy as jnp
    >>> q, k, far = self_extend_positions(jnp.array([9]), jnp.arange(6), window=4, group=2)
    >>> (q - k).tolist(), far.tolist()
    ([6, 6, 5, 5, 4, 4], [[True, True, True, True, True, True]])

  References:
    Jin et al. 2024, arXiv 2401.01325, section 3.
  """
  window, group = _checked(window, group)
  m, n = _difference.numbers(q_positions, k_positions)
  return (m // group + (window - window // group), n // group,
          m[..., :, None] - n[..., None, :] >= window)


def _checked(window, group):
  group = _checks.size("group", group, "The paper's groups have 4 to 32 positions")
  window = _checks.size("window", window, "The paper's windows have 512 to 1024 positions")
  if window % group:
    raise _errors.value_error("window", window, f"a multiple of group={group}",
                              f"Take {window - window % group or group}")
  return window, group


@encoding
class SelfExtend(RotaryOnRead):
  """RoPE whose far distances, from ``window`` on, grow once in ``group`` positions.

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``; so is ``from_frequencies``.
    window: static, W: nearer keys keep their distance.
    group: static, G; W is a multiple of it.

  The trained length L0 then serves about (L0 - W) G + W positions.

  Raises:
    TypeError, ValueError: as ``Rotary`` and ``self_extend_positions``.

  Example:
    >>> SelfExtend(8, window=16, group=4)
    SelfExtend(dim=8, base=10000.0, window=16, group=4)

  References:
    Jin et al. 2024, arXiv 2401.01325, section 3.
  """

  window: int = static(default=1024)
  group: int = static(default=8)

  relative = False

  def __init__(self, dim, *, window=1024, group=8, base=10_000.0, attention_scaling=1.0,
               pairing="half"):
    window, group = _checked(window, group)
    super().__init__(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(window=window, group=group)

  def bias(self, tile):
    m, n = _difference.numbers(tile.q_positions, tile.k_positions)
    q, k, far = self_extend_positions(m, n, window=self.window, group=self.group)
    return _difference.replaced(tile, (self._turn(tile.q, q - m), self._turn(tile.k, k - n), far))
