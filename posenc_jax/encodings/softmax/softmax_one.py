# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Softmax with one more in the denominator: a sink of logit zero (hook ``weights``).

Miller 2023, "Attention Is Off By One": exp(z_n) / (1 + sum exp(z)), so that a head may stay silent.
Differs from the text: nothing in the numbers; the maximum that is subtracted counts the zero.
"""

from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings.softmax.sink import sink_weights


@encoding
class SoftmaxOne(Encoding):
  """Weights exp(z_mn) / (1 + sum over visible keys of exp(z_mt)); ``sink_weights`` with sink 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from posenc_jax import Tile
    >>> SoftmaxOne().weights(jnp.zeros((1, 1, 1)), Tile()).tolist()
    [[[0.5]]]
  """

  relative = True
  position_axes = None

  def weights(self, scores, tile):
    return sink_weights(scores, tile.mask, 0.0)
