# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""STRING, shifted: far distances are overwritten by near ones (``expand`` and ``bias``).

An et al. 2024, "Why Does the Effective Context Length of LLMs Fall Short?", arXiv 2410.18745. Not
the STRING of commuting generators (2502.02562). Keys are cached raw and turned on read; the scores
of far keys are replaced, as a difference. For causal attention: keys after the query keep RoPE's
scores.
``compat="released-code"``: the key at distance S is counted twice, near and shifted, as the
released prefill does; its decoding does not. The released attention scaling is 0.1 ln 2 + 1.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.remaps import _difference


def shifted_distance(distance: Any, *, offset: int, local: int) -> jax.Array:
  """d below S, d - S + W from S on: the greatest distances are those of nearer keys.

  Args:
    distance: d = m - n, ``[...]``.
    offset: S, about a third of the trained length.
    local: W, the distance that far keys begin with, 0 < W <= S.

  Returns:
    Like distance.

  Raises:
    ValueError: sizes out of range.

  Example:
    >>> shifted_distance(jnp.arange(8), offset=4, local=2).tolist()
    [0, 1, 2, 3, 2, 3, 4, 5]

  References:
    An et al. 2024, arXiv 2410.18745, section 4.
  """
  offset, local = _checked(offset, local)
  d = jnp.asarray(_checks.positions(distance, "distance", real=True))
  return jnp.where(d < offset, d, d - (offset - local))


def _checked(offset, local):
  offset = _checks.size("offset", offset, "A third of the trained length is usual")
  local = _checks.size("local", local, "The released code takes 128")
  if local > offset:
    raise _errors.value_error("local", local, f"at most offset={offset}",
                              "Far keys come nearer, not further")
  return offset, local


@encoding
class ShiftedRotary(RotaryOnRead):
  """RoPE whose distances start again at ``local`` from distance ``offset`` on.

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``; so is ``from_frequencies``.
    offset, local: static, S and W; see ``shifted_distance``.
    compat: static; "paper", or "released-code" to count the key at distance S twice.

  Raises:
    TypeError, ValueError: as ``Rotary`` and ``shifted_distance``; an unknown compat.

  Example:
    >>> ShiftedRotary(8, offset=1351, local=128)
    ShiftedRotary(dim=8, base=10000.0, offset=1351, local=128, compat='paper')

  References:
    An et al. 2024, arXiv 2410.18745, section 4.
  """

  offset: int = static(default=1351)
  local: int = static(default=128)
  compat: str = static(default="paper")

  def __init__(self, dim, *, offset=1351, local=128, compat="paper", base=10_000.0,
               attention_scaling=1.0, pairing="half"):
    offset, local = _checked(offset, local)
    _checks.compat(compat)
    super().__init__(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(offset=offset, local=local, compat=compat)

  def bias(self, tile):
    m, n = _difference.numbers(tile.q_positions, tile.k_positions)
    d = m[..., :, None] - n[..., None, :]
    q = self._turn(tile.q, jnp.full_like(m, self.local - self.offset))
    bias = _difference.replaced(tile, (q, tile.k, d >= self.offset))
    if self.compat == "paper":
      return bias
    # exp(a) + exp(b) = exp(a + softplus(b - a)): two keys as one.
    return jnp.where((d == self.offset)[..., None, :, :], jax.nn.softplus(bias), bias)
