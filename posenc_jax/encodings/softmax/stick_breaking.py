# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stick-breaking attention: each key takes its share of what later keys left (hook ``weights``).

Tan et al. 2024, "Stick-breaking Attention", arXiv 2410.17980: a_mn = sigmoid(z_mn) times the
product over n < t < m of 1 - sigmoid(z_mt), for n < m; it needs no other encoding of positions.
Differs from the paper: nothing in the numbers. The query's own key is the last that it sees, so
attention must be causal with keys in order along S; hidden keys take nothing. What is left of the
stick goes to the query's own value, as in the released code, unless ``remainder=False``.
"""

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks


def stick_breaking_weights(scores: jax.Array, mask: jax.Array | None, *, remainder: bool = True,
                           attend_self: bool = False) -> jax.Array:
  """sigmoid(z_mn) prod over visible keys t after n of (1 - sigmoid(z_mt)), in logarithms.

  Args:
    scores: ``[..., N, T, S]``, z; keys in order along S.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible.
    remainder: whether the last visible key, the query's own, gets what is left.
    attend_self: whether the own key also takes its share, as all others do.

  Returns:
    Like scores. Rows sum to 1 with the remainder, to at most 1 without.

  Raises:
    TypeError: a mask that is not bool.

  Example:
    >>> stick_breaking_weights(jnp.zeros((1, 1, 3)), None).tolist()
    [[[0.25, 0.5, 0.25]]]
    >>> stick_breaking_weights(jnp.zeros((1, 1, 3)), None, remainder=False).tolist()
    [[[0.25, 0.5, 0.0]]]

  References:
    Tan et al. 2024, arXiv 2410.17980, section 2.
  """
  scores = _checks.floats("scores", scores, "[..., N, T, S]", "Pass the scaled scores")
  mask, axis = _checks.mask(mask), scores.ndim - 1
  seen = jnp.ones((1,) * axis + scores.shape[-1:], bool) if mask is None else mask
  seen = jnp.broadcast_to(seen, scores.shape)
  own = seen & (jax.lax.cumsum(seen.astype(jnp.int32), axis=axis, reverse=True) == 1)
  takes = seen if attend_self else seen & ~own
  z = jnp.where(takes, scores, 0)
  stays = jnp.where(takes, jax.nn.log_sigmoid(-z), 0)
  left = jax.lax.cumsum(stays, axis=axis, reverse=True)
  weights = jnp.where(takes, jnp.exp(jax.nn.log_sigmoid(z) + left - stays), 0)
  # The sum of shares and the remainder are one, so this is 1 - sum without its rounding.
  return weights + jnp.where(own, jnp.exp(left[..., :1]), 0) if remainder else weights


@encoding
class StickBreaking(Encoding):
  """Stick-breaking weights in place of the softmax; causal attention only.

  Args:
    remainder: static; False leaves out what the paper's released code gives to the own value.
    attend_self: static, False in the paper.

  Raises:
    TypeError: settings that are not True or False.

  Example:
    >>> from posenc_jax import Tile
    >>> StickBreaking().weights(jnp.zeros((1, 1, 2)), Tile()).tolist()
    [[[0.5, 0.5]]]
  """

  remainder: bool = static(default=True)
  attend_self: bool = static(default=False)

  relative = True
  position_axes = None
  keys_in_order = True

  def __post_init__(self):
    for name in ("remainder", "attend_self"):
      _errors.check_bool(name, getattr(self, name), "The released code has True and False")

  def weights(self, scores, tile):
    return stick_breaking_weights(scores, tile.mask, remainder=self.remainder,
                                  attend_self=self.attend_self)
