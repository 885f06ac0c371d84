# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dynamic position bias: a network of raw offsets (hook ``bias``, by distance, two axes).

Wang et al. 2021, "CrossFormer", arXiv 2108.00154, section 3.3.
Differs from the paper: the last bias, the same for every key, is unseen by a softmax and is left
out unless given.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _networks

_MEND = "Build it with DynamicGrid.init(key, num_heads)"
_SHAPES = {"w_in": "[2, W]", "b_in": "[W]", "gain": "[L, W]", "shift": "[L, W]",
           "w": "[M, W, W]", "b": "[M, W]", "w_out": "[W, N]", "b_out": "[N]"}


def dynamic_grid_bias(distance: Any, w_in: Any, b_in: Any, gain: Any, shift: Any, w: Any, b: Any,
                      w_out: Any, b_out: Any = None, *, eps: float = 1e-5) -> jax.Array:
  """A linear layer of (dy, dx), then L times LayerNorm, ReLU and a linear layer, the last to N.

  Args:
    distance: ``[..., 2]``, query minus key position: rows, columns.
    w_in: ``[2, W]``, b_in: ``[W]``.
    gain, shift: ``[L, W]`` of the LayerNorms; the paper's L is 3.
    w: ``[L - 1, W, W]``, inputs before outputs, and b: ``[L - 1, W]``.
    w_out: ``[W, N]``. b_out: ``[N]``, or None for zeros.
    eps: of the LayerNorms.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 weights.

  Raises:
    TypeError: distances or weights that are no such numbers.
    ValueError: weights whose shapes do not fit.

  Example:
    >>> e = DynamicGrid.init(jax.random.key(0), 2, hidden=4)
    >>> e.distance_bias(jnp.array([[0, 1], [3, 4]])).shape
    (2, 2)
  """
  given = {"w_in": w_in, "b_in": b_in, "gain": gain, "shift": shift, "w": w, "b": b,
           "w_out": w_out, "b_out": b_out}
  _check_depth(gain, w)
  w_in, b_in, gain, shift, w, b, w_out, b_out = _networks.layers(_SHAPES, given, _MEND)
  d = jnp.asarray(_align.numbers(distance, "distance", real=True)).astype(w_in.dtype)
  if d.ndim < 1 or d.shape[-1] != 2:
    raise _errors.value_error("distance", f"shape {d.shape}", "[..., 2], rows and columns",
                              "Tile.distance(2) gives them")
  x = _networks.linear(d, w_in, b_in)
  outs = [*zip(w, b, strict=True), (w_out, b_out)]
  for g, s, (weight, bias) in zip(gain, shift, outs, strict=True):
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    x = centred * jax.lax.rsqrt(jnp.mean(jnp.square(centred), -1, keepdims=True) + eps)
    lead = (1,) * (x.ndim - 1)
    x = jax.nn.relu(x * g.reshape(*lead, -1) + s.reshape(*lead, -1))
    x = _networks.linear(x, weight, bias)
  return jnp.moveaxis(x, -1, 0)


def _check_depth(gain, w):
  shapes = [tuple(getattr(x, "shape", ())) for x in (gain, w)]
  if len(shapes[0]) >= 2 and len(shapes[1]) >= 3 and shapes[0][-2] != shapes[1][-3] + 1:
    raise _errors.value_error("gain, w", f"shapes {shapes[0]} and {shapes[1]}",
                              "[L, W] and [L - 1, W, W]", _MEND)


@encoding
class DynamicGrid(Encoding):
  """Adds ``dynamic_grid_bias``; positions ``[..., T, 2]``, also real-valued ones.

  Args:
    w_in, b_in, gain, shift, w, b, w_out, b_out: the network, parameters; b_out may be None.

  Raises:
    TypeError, ValueError: weights whose shapes do not fit.

  Example:
    >>> DynamicGrid.init(jax.random.key(0), 2, hidden=4).w.shape
    (2, 4, 4)
  """

  w_in: jax.Array = parameter()
  b_in: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check
  gain: jax.Array = parameter(None)
  shift: jax.Array = parameter(None)
  w: jax.Array = parameter(None)
  b: jax.Array = parameter(None)
  w_out: jax.Array = parameter(None)
  b_out: jax.Array | None = parameter(default=None)

  position_axes = 2
  relative = True

  def __post_init__(self):
    _networks.check(_SHAPES, _networks.fields(self, _SHAPES), _MEND, stacked=True)
    _check_depth(self.gain, self.w)

  @classmethod
  def init(cls, key, num_heads: int, *, hidden: int = 8, depth: int = 3) -> "DynamicGrid":
    """Draws weights as PyTorch's layers do; the paper's ``hidden`` is D // 4 // 4."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    hidden = _checks.size("hidden", hidden, "The paper's is D // 4 // 4")
    depth = _checks.size("depth", depth, "The paper's network has 3")
    keys = jax.random.split(_checks.key(key), 5)
    at = lambda i, inputs, *shape: _networks.draw(keys[i], inputs, *shape)
    return cls(at(0, 2, 2, hidden), at(1, 2, hidden), jnp.ones((depth, hidden)),
               jnp.zeros((depth, hidden)), at(2, hidden, depth - 1, hidden, hidden),
               at(3, hidden, depth - 1, hidden), at(4, hidden, hidden, num_heads))

  def distance_bias(self, distance):
    return dynamic_grid_bias(distance, **_networks.fields(self, _SHAPES))
