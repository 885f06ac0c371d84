# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hard-ALiBi: some heads see a few nearest keys, the others have no positions (hook ``visible``).

Jelassi et al. 2024, "Repeat After Me", arXiv 2402.01032. What is out of reach is hidden, so what
counts visible keys does not count it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks


def hard_alibi_visible(distance: Any, num_heads: int, limited: int = 8) -> jax.Array:
  """Head h = 0, .., M - 1 sees distances 0..h; heads from M on see all.

  Args:
    distance: ``[...]``, query position minus key position.
    num_heads: N.
    limited: M, at most N.

  Returns:
    bool ``[N, ...]``.

  Raises:
    TypeError: distances that are no numbers, settings that are not ints.
    ValueError: more limited heads than heads.

  Example:
    >>> hard_alibi_visible(jnp.array([-1, 0, 1, 2]), 3, 2).astype(int).tolist()
    [[0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]
  """
  num_heads, limited = _check_settings(num_heads, limited)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True))
  reach = np.arange(limited).astype(d.dtype).reshape((-1,) + (1,) * d.ndim)
  free = jnp.ones((num_heads - limited, *d.shape), bool)
  return jnp.concatenate([(d >= 0)[None] & (d[None] <= reach), free])


def _check_settings(num_heads, limited):
  num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
  limited = _checks.size("limited", limited, "The paper limits 8 heads", least=0)
  if limited > num_heads:
    raise _errors.value_error("limited", limited, f"at most the {num_heads} heads",
                              "The paper limits 8 heads")
  return num_heads, limited


@encoding
class HardAlibi(Encoding):
  """Head h < M sees the h + 1 nearest keys of the past, other heads what the call's mask allows.

  It is meant for causal attention.

  Args:
    num_heads: N, static.
    limited: M, static.

  Raises:
    TypeError, ValueError: settings that are not ints, M > N.

  Example:
    >>> HardAlibi(16)
    HardAlibi(num_heads=16)
  """

  num_heads: int = static()
  limited: int = static(default=8)

  relative = True

  def __post_init__(self):
    num_heads, limited = _check_settings(self.num_heads, self.limited)
    self.set_fields(num_heads=num_heads, limited=limited)

  def visible(self, tile):
    seen = hard_alibi_visible(tile.distance(), self.num_heads, self.limited)
    return jnp.moveaxis(seen, 0, -3)
