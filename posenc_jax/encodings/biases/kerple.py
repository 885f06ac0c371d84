# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""KERPLE, logarithmic and power kernels of the distance (hook ``bias``, by distance).

Chi et al. 2022, "KERPLE", arXiv 2205.09921.
Differs from the paper: the released code clips its parameters in place before each use; here they
are clipped where they are read, and the gradient passes as through a parameter clipped in place. It
is finite and not zero, so a parameter beyond its limit can come back.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases._heads import leaves, power, straight_clip

_LOG, _POWER = (f"Build it with {cls}.init(key, num_heads)" for cls in ("KerpleLog", "KerplePower"))
LEAST = 0.01  # of p and a
MOST = 2.0  # of the power kernel's exponent; beyond it the kernel is not positive definite


def kerple_log_bias(distance: Any, p: Any, a: Any) -> jax.Array:
  """-p log(1 + a |d|).

  Args:
    distance: ``[...]``, query position minus key position.
    p, a: ``[N]``, positive; taken as they come.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 parameters.

  Raises:
    TypeError: distances or parameters that are no such numbers.
    ValueError: parameters that are not ``[N]`` each.

  Example:
    >>> kerple_log_bias(jnp.array([0, 2]), jnp.array([2.0]), jnp.array([1.0])).round(3).tolist()
    [[-0.0, -2.197]]
  """
  far, p, a = leaves(distance, _LOG, p=p, a=a)
  return -p * jnp.log1p(a * far[None])


def kerple_power_bias(distance: Any, a: Any, p: Any) -> jax.Array:
  """-a |d|^p.

  Args:
    distance: ``[...]``, query position minus key position.
    a: ``[N]``, positive, and p: ``[N]``, in (0, 2]; taken as they come.

  Returns:
    ``[N, ...]``, float32, or float64 for float64 parameters.

  Raises:
    TypeError: distances or parameters that are no such numbers.
    ValueError: parameters that are not ``[N]`` each.

  Example:
    >>> kerple_power_bias(jnp.array([0, -3]), jnp.array([0.5]), jnp.array([2.0])).tolist()
    [[-0.0, -4.5]]
  """
  far, a, p = leaves(distance, _POWER, a=a, p=p)
  return -a * power(far[None], p)


@encoding
class KerpleLog(Encoding):
  """Adds -p_h log(1 + a_h |q - k|).

  Args:
    p, a: ``[N]``, parameters, clipped to at least 0.01.

  Raises:
    TypeError, ValueError: no parameters ``[N]``.

  Example:
    >>> KerpleLog.init(jax.random.key(0), num_heads=2)
    KerpleLog(p=f32[2], a=f32[2])
  """

  p: jax.Array = parameter()
  a: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check

  relative = True

  def __post_init__(self):
    for name in ("p", "a"):
      _checks.floats(name, getattr(self, name), "[N]", _LOG, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int) -> "KerpleLog":
    """Draws p from U(0, 2) and a from U(0, 1)."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    p, a = jax.random.uniform(_checks.key(key), (2, num_heads), jnp.float32)
    return cls(2 * p, a)

  def distance_bias(self, distance):
    return kerple_log_bias(distance, straight_clip(self.p, LEAST), straight_clip(self.a, LEAST))


@encoding
class KerplePower(Encoding):
  """Adds -a_h |q - k|^p_h.

  Args:
    a, p: ``[N]``, parameters; a is clipped to at least 0.01, p to [0.01, 2].

  Raises:
    TypeError, ValueError: no parameters ``[N]``.

  Example:
    >>> KerplePower.init(jax.random.key(0), num_heads=2)
    KerplePower(a=f32[2], p=f32[2])
  """

  a: jax.Array = parameter()
  p: jax.Array = parameter(None)

  relative = True

  def __post_init__(self):
    for name in ("a", "p"):
      _checks.floats(name, getattr(self, name), "[N]", _POWER, stacked=True)

  @classmethod
  def init(cls, key, num_heads: int) -> "KerplePower":
    """Draws a from U(0, 1) and p from U(0, 2)."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    a, p = jax.random.uniform(_checks.key(key), (2, num_heads), jnp.float32)
    return cls(a, 2 * p)

  def distance_bias(self, distance):
    return kerple_power_bias(distance, straight_clip(self.a, LEAST),
                             straight_clip(self.p, LEAST, MOST))
