# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""KERPLE's third form: scores times a power kernel of the distance (hook ``scores``).

Chi et al. 2022, "KERPLE", arXiv 2205.09921.
Differs from the paper: parameters are clipped where they are read, with the gradient of a parameter
clipped in place, as in ``kerple``.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases._heads import leaves, power, straight_clip
from posenc_jax.encodings.biases.kerple import LEAST, MOST, kerple_power_bias

_MEND = "Build it with KerpleProduct.init(key, num_heads)"


def kerple_weight(distance: Any, a: Any, p: Any) -> jax.Array:
  """exp(-a |d|^p).

  Args:
    distance: ``[...]``, query position minus key position.
    a: ``[N]``, positive, and p: ``[N]``, in (0, 2]; taken as they come.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 parameters.

  Raises:
    TypeError: distances or parameters that are no such numbers.
    ValueError: parameters that are not ``[N]`` each.

  Example:
    >>> kerple_weight(jnp.array([0, 2]), jnp.array([0.5]), jnp.array([1.0])).round(3).tolist()
    [[1.0, 0.368]]
  """
  far, a, p = leaves(distance, _MEND, a=a, p=p)
  return jnp.exp(-a * power(far[None], p))


@encoding
class KerpleProduct(Encoding):
  """Scores become z exp(-a_h |q - k|^p_h) - bias_a_h |q - k|^bias_p_h.

  Args:
    a, p: ``[N]``, parameters; a is clipped to at least 0.01, p to [0.01, 2].
    bias_a, bias_p: the same of the term that is added, or both None for none.

  Raises:
    TypeError, ValueError: no parameters ``[N]``, one of bias_a and bias_p without the other.

  Example:
    >>> KerpleProduct.init(jax.random.key(0), num_heads=2)
    KerpleProduct(a=f32[2], p=f32[2])
  """

  a: jax.Array = parameter()
  p: jax.Array = parameter(None)
  bias_a: jax.Array | None = parameter(default=None)
  bias_p: jax.Array | None = parameter(default=None)

  relative = True

  def __post_init__(self):
    if (self.bias_a is None) != (self.bias_p is None):
      raise _errors.value_error("bias_a, bias_p", "one of them", "both or neither", _MEND)
    for name in ("a", "p") + (() if self.bias_a is None else ("bias_a", "bias_p")):
      _checks.floats(name, getattr(self, name), "[N]", _MEND, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int, *, biased: bool = False) -> "KerpleProduct":
    """Draws a from U(0, 1) and p from U(0, 2); ``biased`` draws those of a bias as well."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    biased = _errors.check_bool("biased", biased, "True adds a power kernel to the product")
    a, p, c, d = jax.random.uniform(_checks.key(key), (4, num_heads), jnp.float32)
    return cls(a, 2 * p, *((c, 2 * d) if biased else ()))

  def scores(self, scores, tile):
    _checks.floats("a", self.a, "[N]", _MEND, sizes={"N": scores.shape[-3]})
    clipped = lambda a, p: (straight_clip(a, LEAST), straight_clip(p, LEAST, MOST))
    distance = tile.distance()
    turn = lambda x: jnp.moveaxis(x, 0, -3).astype(scores.dtype)
    out = scores * turn(kerple_weight(distance, *clipped(self.a, self.p)))
    if self.bias_a is None:
      return out
    return out + turn(kerple_power_bias(distance, *clipped(self.bias_a, self.bias_p)))
