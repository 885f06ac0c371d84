# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Slopes, one for each head, that several biases share."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.encodings import _checks


def geometric(num_heads: int) -> list[float]:
  """2^(-8h/N), h = 1..N."""
  return [2.0 ** (-8.0 * h / num_heads) for h in range(1, num_heads + 1)]


def official(num_heads: int) -> list[float]:
  """The same of the power of two below, then every other one of the power of two above."""
  below = 2 ** (num_heads.bit_length() - 1)
  return geometric(below) + geometric(2 * below)[0::2][:num_heads - below]


SCHEMES: dict[str, Callable[[int], list[float]]] = {"official": official, "geometric": geometric}


def chosen(cls: str, make: Callable, num_heads: Any, slopes: Any, scheme: Any) -> Any:
  """Slopes as given, or ``make(num_heads, scheme)``.

  Args:
    cls: the name of the class that is built.
    make: ``alibi_slopes``.
    num_heads: N, or None.
    slopes: ``[N]``, or None.
    scheme: one of ``SCHEMES``, or None.

  Raises:
    TypeError, ValueError: both or neither of num_heads and slopes, a scheme beside slopes, and
      what ``make`` refuses.
  """
  if (num_heads is None) == (slopes is None):
    raise _errors.value_error("num_heads, slopes", (num_heads, slopes), "exactly one of them",
                              "Give the number of heads or the slopes")
  if slopes is None:
    return make(num_heads, "official" if scheme is None else scheme)
  if scheme is not None:
    raise _errors.value_error("scheme", _errors.describe(scheme), "None beside slopes",
                              "A scheme makes slopes from num_heads")
  return _checks.floats("slopes", slopes, "[N]", f"{cls}(N) has the paper's slopes", stacked=True)


def wide(slopes: Any) -> Any:
  """Slopes in float32 or float64: bfloat16 cannot hold the distances they multiply."""
  slopes = _checks.floats("slopes", slopes, "[N]", "px.alibi_slopes(N) has the paper's")
  slopes = jnp.asarray(slopes)
  return slopes.astype(_numerics.wide(slopes))
