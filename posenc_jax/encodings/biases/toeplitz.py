# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A learned Toeplitz matrix: a decaying network of the distance (hook ``bias``, by distance).

The relative position encoder of Qin et al. 2023, "Toeplitz Neural Network", arXiv 2305.04749.
Differs from the paper: TNN has no attention. There the numbers of each channel multiply the values;
here those of each head are added to the scores.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases import _networks

_MEND = "Build it with Toeplitz.init(key, num_heads)"
_SHAPES = {"w_in": "[W]", "b_in": "[W]", "w": "[L, W, W]", "b": "[L, W]", "w_out": "[W, N]",
           "b_out": "[N]"}


def toeplitz_bias(distance: Any, w_in: Any, b_in: Any, w: Any, b: Any, w_out: Any,
                  b_out: Any = None, *, decay: Any = 0.999, length: float | None = None
                  ) -> jax.Array:
  """decay^|d| f(-d), f a network: a linear layer, then L + 1 times norm, ReLU and a linear layer.

  The norm divides by the root of the mean square, without a gain.

  Args:
    distance: ``[...]``, query position minus key position; f gets the opposite, the key's place
      relative to the query.
    w_in, b_in: ``[W]``. w: ``[L, W, W]``, inputs before outputs, and b: ``[L, W]``.
    w_out: ``[W, N]``. b_out: ``[N]``, or None for zeros.
    decay: the paper's lambda, in (0, 1].
    length: what f's input is divided by, or None for the distance itself.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 weights.

  Raises:
    TypeError: distances or weights that are no such numbers.
    ValueError: weights whose shapes do not fit, a length that is not positive.

  Example:
    >>> one, none = jnp.ones(1), (jnp.zeros((0, 1, 1)), jnp.zeros((0, 1)))
    >>> toeplitz_bias(jnp.array([-1, 1]), one, 0 * one, *none, one[:, None], decay=0.5).tolist()
    [[0.5, 0.0]]

  References:
    Qin et al. 2023, arXiv 2305.04749, section 3.
  """
  given = {"w_in": w_in, "b_in": b_in, "w": w, "b": b, "w_out": w_out, "b_out": b_out}
  w_in, b_in, w, b, w_out, b_out = _networks.layers(_SHAPES, given, _MEND)
  if length is not None:
    _errors.check_positive("length", length, "None takes distances as they are")
  decay = jnp.asarray(_checks.factor(
      "decay", decay, "An encoding with stacked leaves needs jax.vmap over the encoding"))
  d = jnp.asarray(_align.numbers(distance, "distance", real=True)).astype(w_out.dtype)
  x = _networks.linear((-d if length is None else -d / length)[..., None], w_in[None], b_in)
  for weight, bias in zip(w, b, strict=True):
    x = _networks.linear(_activate(x), weight, bias)
  y = _networks.linear(_activate(x), w_out, b_out)
  fading = jnp.exp(jnp.abs(d) * jnp.log(decay.astype(d.dtype)))
  return jnp.moveaxis(y * fading[..., None], -1, 0)


def _activate(x):
  # The small number stands inside the root, so that the gradient at 0 is finite.
  return jax.nn.relu(x * jax.lax.rsqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-16))


@encoding
class Toeplitz(Encoding):
  """Adds ``toeplitz_bias``.

  Args:
    w_in, b_in, w, b, w_out, b_out: the network, parameters; b_out may be None.
    decay: a hyperparameter.
    length: static.

  Raises:
    TypeError, ValueError: weights whose shapes do not fit, a decay or length that is not positive.

  Example:
    >>> Toeplitz.init(jax.random.key(0), 2, hidden=8).distance_bias(jnp.arange(3)).shape
    (2, 3)
  """

  w_in: jax.Array = parameter()
  b_in: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check
  w: jax.Array = parameter(None)
  b: jax.Array = parameter(None)
  w_out: jax.Array = parameter(None)
  b_out: jax.Array | None = parameter(default=None)
  decay: jax.typing.ArrayLike = 0.999
  length: float | None = static(default=None)

  relative = True

  def __post_init__(self):
    _networks.check(_SHAPES, _networks.fields(self, _SHAPES), _MEND, stacked=True)
    _errors.check_positive("decay", self.decay, "The paper's is 0.999")

  @classmethod
  def init(cls, key, num_heads: int, *, hidden: int = 32, depth: int = 3, decay: Any = 0.999,
           length: float | None = None) -> "Toeplitz":
    """Draws weights as PyTorch's layers do; ``depth`` counts the square ones, L."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    hidden = _checks.size("hidden", hidden, "The hidden values W of the network")
    depth = _checks.size("depth", depth, "The paper's network has 3", least=0)
    keys = jax.random.split(_checks.key(key), 6)
    at = lambda i, inputs, *shape: _networks.draw(keys[i], inputs, *shape)
    return cls(at(0, 1, hidden), at(1, 1, hidden), at(2, hidden, depth, hidden, hidden),
               at(3, hidden, depth, hidden), at(4, hidden, hidden, num_heads),
               at(5, hidden, num_heads), decay, length)

  def distance_bias(self, distance):
    return toeplitz_bias(distance, **_networks.fields(self, _SHAPES), decay=self.decay,
                         length=self.length)
