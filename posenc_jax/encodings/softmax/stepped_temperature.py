# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A temperature that grows by steps of the query's position (hook ``qk``).

Llama 4 (2025), on its layers without rotary: q (1 + 0.1 log(1 + floor((m + 1) / 8192))). Ministral
3 and Mistral 4, on all layers after the rotation: q (1 + 0.1 log(1 + floor(m / 16384))).
Differs from the released code: nothing in the numbers; the floor is one of integers.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks, _queries

_MEND = "Llama 4 has 8192, Ministral 3 has 16384"


def stepped_temperature(positions: Any, beta: Any = 0.1, length: int = 8192, shift: int = 1
                        ) -> jax.Array:
  """1 + beta log(1 + floor((m + shift) / length)).

  Args:
    positions: ``[...]``, m; those before 0 (padding) give 1.
    beta: how fast it grows.
    length: tokens of one step.
    shift: 1 counts the query's own token, as Llama 4 does; 0 is Ministral's.

  Returns:
    ``[...]``, float32, or float64 for float64 beta.

  Raises:
    TypeError: a length or shift that is no int, a length in place of positions.
    ValueError: a length below 1, a negative shift.

  Example:
    >>> stepped_temperature(jnp.array([0, 2, 3, 11]), 1.0, 4).round(3).tolist()
    [1.0, 1.0, 1.693, 2.386]
  """
  length = _checks.size("length", length, _MEND)
  shift = _checks.size("shift", shift, "Llama 4 has 1, Ministral 3 has 0", least=0)
  beta = jnp.asarray(_checks.factor("beta", beta, "Pass one number, such as 0.1"))
  dtype = _numerics.wide(beta)
  m = jnp.maximum(jnp.asarray(_checks.positions(positions, real=True)), 0)
  # Quotient and remainder apart: m + shift leaves int32 at its end.
  steps = m // length + (m % length + shift) // length
  return 1 + beta.astype(dtype) * jnp.log1p(steps.astype(dtype))


@encoding
class SteppedTemperature(Encoding):
  """Multiplies the query at position m by 1 + beta log(1 + floor((m + shift) / length)).

  Args:
    beta: a plain field.
    length: static, tokens of one step. Needs true positions, counted from 0 in each document.
    shift: static, 1 for Llama 4, 0 for Ministral 3 and Mistral 4.

  Raises:
    TypeError: a length or shift that is no int.
    ValueError: a length below 1, a negative shift.

  Example:
    >>> e = SteppedTemperature(1.0, length=4)
    >>> q, _ = e.qk(jnp.ones((1, 1, 2)), None, jnp.array([3]), None)
    >>> q.round(3).tolist()
    [[[1.693, 1.693]]]
  """

  beta: jax.typing.ArrayLike = 0.1
  length: int = static(default=8192)
  shift: int = static(default=1)

  def __post_init__(self):
    _checks.size("length", self.length, _MEND)
    _checks.size("shift", self.shift, "Llama 4 has 1, Ministral 3 has 0", least=0)
    if isinstance(self.beta, str) or self.beta is None:
      raise _errors.type_error("beta", _errors.describe(self.beta), "a number", "Llama 4 has 0.1")

  def qk(self, q, k, q_positions, k_positions):
    del k_positions
    at = _queries.positions_of(q, q_positions)
    factor = stepped_temperature(at, self.beta, self.length, self.shift)
    return _queries.times(q, factor[..., None]), k
