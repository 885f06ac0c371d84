# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Complex-order embeddings: a word is a wave along the positions (hook ``inputs``).

Wang et al. 2019, "Encoding Word Order in Complex Embeddings", arXiv 1912.12333, equation 6.
Differs from the paper: the phase that each word may have is left out, as in the released models.
The complex layers after it are the model's; here the real parts come first, then the imaginary.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add


def complex_order(x: jax.Array, positions: Any) -> jax.Array:
  """[r cos(w p), r sin(w p)] of embeddings that hold [r, w], channel by channel.

  Args:
    x: ``[..., T, 2 C]``: C amplitudes r and C frequencies w, radians per position, of each token.
    positions: p, ``[..., T]`` int32 or float32.

  Returns:
    Like x. The error of an angle is 1e-7 of the angle; 16-bit embeddings round the frequencies.

  Raises:
    TypeError: x that is no float array.
    ValueError: an odd width.

  Example:
    >>> complex_order(jnp.array([[2.0, jnp.pi / 2]]), jnp.array([1])).round(4).tolist()
    [[-0.0, 2.0]]

  References:
    Wang et al. 2019, arXiv 1912.12333, equation 6 with phase 0.
  """
  x = _checks.floats("x", x, "[..., T, D]", "Pass the embeddings")
  if x.shape[-1] % 2:
    raise _errors.value_error("x", f"width {x.shape[-1]}", "an even width 2C",
                              "Half of the columns are frequencies")
  dtype = _numerics.wide(x)
  r, w = jnp.split(jnp.asarray(x).astype(dtype), 2, axis=-1)
  cos, sin = phases.cos_sin(_add.aligned(x, positions), w, dtype=dtype)
  return jnp.concatenate([r * cos, r * sin], axis=-1).astype(x.dtype)


def complex_frequencies(vocabulary: int, channels: int, *,
                              base: float = 10_000.0) -> np.ndarray:
  """Where the released code starts the frequencies: the word's index times base^(-2c/C).

  Args:
    vocabulary: V.
    channels: C.
    base: positive.

  Returns:
    float32 ``[V, C]``, for the second half of a table of embeddings.

  Example:
    >>> complex_frequencies(2, 2, base=4.0).tolist()
    [[0.0, 0.0], [1.0, 0.25]]

  References:
    Wang et al. 2019, arXiv 1912.12333, its released code.
  """
  vocabulary = _checks.size("vocabulary", vocabulary, "Pass the number of words")
  channels = _checks.size("channels", channels, "Half of the model width")
  _errors.check_positive("base", base, "The released code has 10000.0")
  rates = float(base) ** (-2 * np.arange(channels) / channels)
  return (np.arange(vocabulary)[:, None] * rates[None]).astype(np.float32)


@encoding
class ComplexOrder(Encoding):
  """Reads embeddings as amplitudes and frequencies and puts the waves' values in their place.

  Nothing of its own is learned: amplitudes and frequencies are the embedding's.

  Raises:
    ValueError: in a call, embeddings of an odd width.

  Example:
    >>> ComplexOrder().inputs(jnp.ones((3, 4)), jnp.arange(3)).shape
    (3, 4)
  """

  def inputs(self, x, positions):
    return complex_order(x, positions)
