# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One head for all."""


from posenc_jax.base import Encoding, encoding
from posenc_jax.combinators.wrapper import Wrapper, check_inner


def share_heads(e: Encoding) -> Encoding:
  """A bias of one head for all query heads; without it, attention refuses the mismatch.

  Args:
    e: an encoding whose bias has one head, such as ``T5Bias.init(key, num_heads=1)``.

  Returns:
    An encoding.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> q = jnp.ones((3, 4, 8))
    >>> px.attend(q, q, q, share_heads(px.Alibi(1)), causal=True).shape
    (3, 4, 8)
  """
  return Shared(check_inner("share_heads", e, axes=False))


@encoding
class Shared(Wrapper):
  """One head for all; build it with ``share_heads``."""

  inner: Encoding

  @property
  def shared_heads(self) -> bool:
    return True
