# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One temperature for all queries, as methods of longer contexts ask for (hook ``qk``).

DroPE (Gelberg et al. 2025, arXiv 2512.12167) drops the rotation and multiplies the scores by
1 + c log s at s times the trained length. YaRN (Peng et al. 2023, arXiv 2309.00071) multiplies them
by (0.1 log s + 1)^2; ``Rotary.attention_scaling`` does the same on cosines and sines.
Differs from the papers: nothing in the numbers; the factor stands on q.
"""

import math

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _queries
from posenc_jax.encodings.rotations.scaling.yarn import yarn_attention_scaling


def drope_temperature(factor: float, *, c: float = 0.412) -> float:
  """1 + c log(s), s the factor by which contexts are longer than in training, at least 1.

  Args:
    factor: s.
    c: 0.412 and 0.103 were fitted to two models.

  Returns:
    What scores are multiplied by.

  Raises:
    ValueError: a factor that is not positive.

  Example:
    >>> round(drope_temperature(2.0), 3)
    1.286
  """
  _errors.check_positive("factor", factor, "Pass the new length over the trained one")
  return 1 + c * math.log(max(float(factor), 1.0))


def yarn_temperature(factor: float) -> float:
  """(0.1 log(s) + 1)^2, what YaRN multiplies scores by at s times the trained length.

  Args:
    factor: s; up to 1 nothing is multiplied.

  Returns:
    The square of ``yarn_attention_scaling(factor)``.

  Raises:
    ValueError: a factor that is not positive.

  Example:
    >>> round(yarn_temperature(4.0), 3)
    1.296
  """
  _errors.check_positive("factor", factor, "Pass the new length over the trained one")
  return float(yarn_attention_scaling(float(factor))) ** 2


@encoding
class ConstantTemperature(Encoding):
  """Multiplies every query by one factor.

  Args:
    factor: positive, a plain field; ``px.learn(e, "factor")`` trains it.

  Raises:
    ValueError: a factor that is not positive.

  Example:
    >>> q, _ = ConstantTemperature(1.5).qk(jnp.ones((1, 1, 2)), None, (), ())
    >>> q.tolist()
    [[[1.5, 1.5]]]
  """

  factor: jax.typing.ArrayLike

  relative = True
  position_axes = None

  def __post_init__(self):
    _errors.check_positive("factor", self.factor, "drope_temperature(factor) gives one")

  def qk(self, q, k, q_positions, k_positions):
    del q_positions, k_positions
    return _queries.times(q, jnp.asarray(self.factor)[None]), k
