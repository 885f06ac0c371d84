# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A made-up encoding, as docs/your_encoding.md shows it: a bias that fades with log distance.

bias_h(d) = -strength_h * log(1 + |d|), one learned strength for each head.
"""

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px


def fading_bias(distance: jax.Array, strength: jax.Array) -> jax.Array:
  """-strength * log(1 + |distance|): distance ``[...]``, strength ``[N]``, result ``[N, ...]``."""
  wide = np.promote_types(strength.dtype, np.float32)
  fade, strength = jnp.log1p(jnp.abs(distance).astype(wide)), strength.astype(wide)
  return -strength.reshape(strength.shape + (1,) * fade.ndim) * fade[None]


@px.encoding
class Fading(px.Encoding):
  """Adds ``fading_bias`` of the distance to the scores."""

  strength: jax.Array = px.parameter()

  relative = True

  def distance_bias(self, distance):
    return fading_bias(distance, self.strength)
