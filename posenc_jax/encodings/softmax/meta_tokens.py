# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Meta tokens that every query sees beside its window (hook ``visible``).

Dong et al. 2024, "Hymba", arXiv 2411.13676: learned vectors stand before the text and stay visible
to layers with a window: m sees n if m - n <= W or n < the number of meta tokens.
Differs from the released code: nothing in the numbers. The vectors are the model's, and so is that
positions count from the first of them. Without any it is a window with a sink of first tokens.
"""

import jax
import jax.numpy as jnp

from posenc_jax import _align
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.positions import distance


def meta_visible(q_positions: jax.Array, k_positions: jax.Array, num_meta: int, window: int
                 ) -> jax.Array:
  """m - n <= window or n < num_meta.

  Args:
    q_positions: ``[..., T]``, k_positions: ``[..., S]``, of one rank and dtype.
    num_meta: tokens in front that all see.
    window: W, the farthest other token that is seen; W + 1 are, with the query's own.

  Returns:
    bool ``[..., T, S]``; keys in the future are the causal mask's matter.

  Raises:
    TypeError: num_meta or window that is no int.
    ValueError: a negative one, positions of two ranks.

  Example:
    >>> meta_visible(jnp.array([5]), jnp.arange(6), 1, 2).tolist()
    [[True, False, False, True, True, True]]
  """
  num_meta = _checks.size("num_meta", num_meta, "Hymba has 128", least=0)
  window = _checks.size("window", window, "Hymba has 1024", least=0)
  n = jnp.asarray(_align.numbers(k_positions, "k_positions", real=True))
  return (jnp.asarray(distance(q_positions, k_positions)) <= window) | (n < num_meta)[..., None, :]


@encoding
class MetaTokens(Encoding):
  """Hides what is farther back than a window, but for the first tokens.

  Args:
    num_meta: static.
    window: static.

  Raises:
    TypeError: no ints.
    ValueError: negative ints.

  Example:
    >>> from posenc_jax import Tile
    >>> at = Tile(q_positions=jnp.array([3]), k_positions=jnp.arange(4))
    >>> MetaTokens(1, 0).visible(at).tolist()
    [[[True, False, False, True]]]
  """

  num_meta: int = static(default=128)
  window: int = static(default=1024)

  def __post_init__(self):
    for name in ("num_meta", "window"):
      _checks.size(name, getattr(self, name), "Hymba has 128 and 1024", least=0)

  def visible(self, tile):
    seen = meta_visible(tile.q_positions, tile.k_positions, self.num_meta, self.window)
    return seen[..., None, :, :]
