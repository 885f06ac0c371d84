# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Swin v2's continuous bias: a network of log offsets (hook ``bias``, by distance, two axes).

Liu et al. 2021, "Swin Transformer V2", arXiv 2111.09883. Its attention has cosines for scores:
``px.chain(LogCPB.init(..), CosineScores.init(..))``, with a key projection without bias.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _networks
from posenc_jax.encodings.biases.grids import _tables

_MEND = "Build it with LogCPB.init(key, num_heads, window)"
_SHAPES = {"w_in": "[2, W]", "b_in": "[W]", "w_out": "[W, N]"}


def log_cpb_bias(distance: Any, w_in: Any, b_in: Any, w_out: Any, *, window: tuple[int, int]
                 ) -> jax.Array:
  """16 sigmoid(f(c)), c = sign(d) log(1 + |8 d / (M - 1)|) / log 8, f(c) = relu(c w + b) w'.

  Args:
    distance: ``[..., 2]``, query minus key position: rows, columns.
    w_in: ``[2, W]``, b_in: ``[W]``, w_out: ``[W, N]``.
    window: (My, Mx), that of pre-training, whatever the present one is; at least 2 each.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 weights.

  Raises:
    TypeError: distances or weights that are no such numbers.
    ValueError: weights whose shapes do not fit, a window of one row or column.

  Example:
    >>> w = jnp.zeros((2, 3)), jnp.zeros(3), jnp.zeros((3, 1))
    >>> log_cpb_bias(jnp.array([[1, 2]]), *w, window=(8, 8)).tolist()
    [[8.0]]
  """
  given = {"w_in": w_in, "b_in": b_in, "w_out": w_out}
  w_in, b_in, w_out = _networks.layers(_SHAPES, given, _MEND)
  sizes = jnp.asarray([n - 1 for n in _tables.window(window, least=2)], w_in.dtype)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True)).astype(w_in.dtype)
  if d.ndim < 1 or d.shape[-1] != 2:
    raise _errors.value_error("distance", f"shape {d.shape}", "[..., 2], rows and columns",
                              "Tile.distance(2) gives them")
  far = jnp.abs(d) * (8 / sizes).reshape((1,) * (d.ndim - 1) + (2,))
  hidden = jax.nn.relu(_networks.linear(jnp.sign(d) * jnp.log1p(far) / math.log(8), w_in, b_in))
  return 16 * jax.nn.sigmoid(jnp.moveaxis(_networks.linear(hidden, w_out, None), -1, 0))


@encoding
class LogCPB(Encoding):
  """Adds ``log_cpb_bias``; positions ``[..., T, 2]``, also real-valued ones.

  Args:
    w_in, b_in, w_out: the network, parameters.
    window: static; (My, Mx) of pre-training.

  Raises:
    TypeError, ValueError: as ``log_cpb_bias``.

  Example:
    >>> LogCPB.init(jax.random.key(0), 2, (8, 8)).distance_bias(jnp.array([[0, 1]])).shape
    (2, 1)
  """

  w_in: jax.Array = parameter()
  b_in: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check
  w_out: jax.Array = parameter(None)
  window: tuple[int, int] = static(default=(8, 8))

  position_axes = 2
  relative = True

  def __post_init__(self):
    _networks.check(_SHAPES, _networks.fields(self, _SHAPES), _MEND, stacked=True)
    self.set_fields(window=_tables.window(self.window, least=2))

  @classmethod
  def init(cls, key, num_heads: int, window: tuple[int, int], *, hidden: int = 512) -> "LogCPB":
    """Draws weights as PyTorch's layers do."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    hidden = _checks.size("hidden", hidden, "The paper's network has 512 hidden values")
    a, b, c = jax.random.split(_checks.key(key), 3)
    return cls(_networks.draw(a, 2, 2, hidden), _networks.draw(b, 2, hidden),
               _networks.draw(c, hidden, hidden, num_heads), window)

  def distance_bias(self, distance):
    return log_cpb_bias(distance, **_networks.fields(self, _SHAPES), window=self.window)
