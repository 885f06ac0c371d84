# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dynamic position bias on one axis: a small network of the distance (hook ``bias``, by distance).

CrossFormer's idea (Wang et al. 2021, arXiv 2108.00154) on one axis, as in x-transformers.
Differs from the released code: the last bias, the same for every key, is unseen by a softmax and is
left out unless given.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _networks

_MEND = "Build it with DynamicPosition.init(key, num_heads)"
_SHAPES = {"w_in": "[W]", "b_in": "[W]", "w": "[L, W, W]", "b": "[L, W]", "w_out": "[W, N]",
           "b_out": "[N]"}


def dynamic_position_bias(distance: Any, w_in: Any, b_in: Any, w: Any, b: Any, w_out: Any,
                          b_out: Any = None, *, log_distance: bool = False) -> jax.Array:
  """f(d), f a network of L + 1 hidden layers with SiLU, from one number to N.

  Args:
    distance: ``[...]``, query position minus key position.
    w_in, b_in: ``[W]``. w: ``[L, W, W]``, inputs before outputs, and b: ``[L, W]``; L may be 0.
    w_out: ``[W, N]``. b_out: ``[N]``, or None for zeros.
    log_distance: whether f gets sign(d) log(1 + |d|), which stays small, in place of d.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 weights.

  Raises:
    TypeError: distances or weights that are no such numbers.
    ValueError: weights whose shapes do not fit.

  Example:
    >>> one = jnp.ones(1)
    >>> none = jnp.zeros((0, 1, 1)), jnp.zeros((0, 1))
    >>> at = jnp.array([0, 2])
    >>> dynamic_position_bias(at, one, 0 * one, *none, one[:, None]).round(3).tolist()
    [[0.0, 1.762]]
  """
  _errors.check_bool("log_distance", log_distance, "True for sign(d) log(1 + |d|)")
  given = {"w_in": w_in, "b_in": b_in, "w": w, "b": b, "w_out": w_out, "b_out": b_out}
  w_in, b_in, w, b, w_out, b_out = _networks.layers(_SHAPES, given, _MEND)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True)).astype(w_out.dtype)
  d = jnp.sign(d) * jnp.log1p(jnp.abs(d)) if log_distance else d
  x = jax.nn.silu(_networks.linear(d[..., None], w_in[None], b_in))
  for weight, bias in zip(w, b, strict=True):
    x = jax.nn.silu(_networks.linear(x, weight, bias))
  return jnp.moveaxis(_networks.linear(x, w_out, b_out), -1, 0)


@encoding
class DynamicPosition(Encoding):
  """Adds ``dynamic_position_bias``.

  Args:
    w_in, b_in, w, b, w_out, b_out: the network, parameters; b_out may be None.
    log_distance: static.

  Raises:
    TypeError, ValueError: weights whose shapes do not fit.

  Example:
    >>> DynamicPosition.init(jax.random.key(0), 2, hidden=8).distance_bias(jnp.arange(3)).shape
    (2, 3)
  """

  w_in: jax.Array = parameter()
  b_in: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check
  w: jax.Array = parameter(None)
  b: jax.Array = parameter(None)
  w_out: jax.Array = parameter(None)
  b_out: jax.Array | None = parameter(default=None)
  log_distance: bool = static(default=False)

  relative = True

  def __post_init__(self):
    _networks.check(_SHAPES, _networks.fields(self, _SHAPES), _MEND, stacked=True)
    _errors.check_bool("log_distance", self.log_distance, "True for sign(d) log(1 + |d|)")

  @classmethod
  def init(cls, key, num_heads: int, *, hidden: int = 32, depth: int = 2,
           log_distance: bool = False) -> "DynamicPosition":
    """Draws weights as PyTorch's layers do; ``depth`` counts the hidden layers."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    hidden = _checks.size("hidden", hidden, "The hidden values W of the network")
    more = _checks.size("depth", depth, "The hidden layers of the network") - 1
    keys = jax.random.split(_checks.key(key), 5)
    at = lambda i, inputs, *shape: _networks.draw(keys[i], inputs, *shape)
    return cls(at(0, 1, hidden), at(1, 1, hidden), at(2, hidden, more, hidden, hidden),
               at(3, hidden, more, hidden), at(4, hidden, hidden, num_heads), None, log_distance)

  def distance_bias(self, distance):
    return dynamic_position_bias(distance, **_networks.fields(self, _SHAPES),
                                 log_distance=self.log_distance)
