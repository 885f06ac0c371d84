# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Intervals and p-values of one number a seed.

Student's t: of n values with mean m and standard deviation s, m +- t s / sqrt(n) is the 95 percent
interval, with t the 0.975 quantile of n - 1 degrees of freedom. Differences of two methods are
taken seed by seed first, as the lanes of a seed start from the same draws. Holm 1979, "A Simple
Sequentially Rejective Multiple Test Procedure", keeps the chance of any false claim on a page below
5 percent.

scipy, which JAX depends on, has the distribution.
"""

import dataclasses
import math
from collections.abc import Sequence

from posenc_jax._errors import value_error
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.summaries import summarize

LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Interval:
  """A mean and its 95 percent interval.

  Attributes:
    mean: of the values.
    low, high: the interval's ends; None for fewer than two values.
    count: how many values.
  """

  mean: float
  low: float | None
  high: float | None
  count: int

  def __str__(self) -> str:
    ends = "" if self.low is None else f" [{number(self.low)}, {number(self.high)}]"
    return number(self.mean) + ends


def number(x: float | None) -> str:
  """Three digits, as pages show them, or all before the point; "-" for None.

  Example:
    >>> number(0.51236), number(-12.0), number(123456.0), number(0.009996), number(None)
    ('0.512', '-12.0', '123456', '0.0100', '-')
  """
  if x is None:
    return "-"
  if x == 0 or not math.isfinite(x):
    return f"{x:.3g}"
  rounded = f"{x:.2e}"
  power = int(rounded.split("e")[1])  # of ten, once rounded: 9.996 has that of 10.0
  return rounded if power < -3 else f"{x:.{max(0, 2 - power)}f}"


def interval_of(values: Sequence[float]) -> Interval:
  """The mean of values, one a seed, and its interval.

  Raises:
    ValueError: there are none, or one is not finite.

  Example:
    >>> print(interval_of([1.0, 2.0, 3.0]))
    2.00 [-0.484, 4.48]
  """
  if not values or not all(math.isfinite(v) for v in values):
    raise value_error("values", list(values), "finite numbers, one at least",
                      "Leave out seeds that have none")
  summary = summarize(list(values), Cell())
  assert summary.mean is not None
  low, high = summary.interval or (None, None)
  return Interval(summary.mean, low, high, summary.count)


def p_value(values: Sequence[float]) -> float | None:
  """The two-sided p-value of a mean of zero; None for fewer than two values.

  Values that are all the same have no spread, as shares of seeds that solve a task may: p is then
  that of the sign test, 2^(1 - n), and 1 if they are zero.

  Example:
    >>> round(p_value([1.0, 2.0, 3.0]), 4)
    0.0742
  """
  from scipy.special import stdtr  # here, as it takes a while to import

  summary = summarize(list(values), Cell())
  if summary.error is None or summary.mean is None:
    return None
  if summary.error == 0:
    return 2.0**(1 - summary.count) if summary.mean else 1.0
  return float(2 * stdtr(summary.count - 1, -abs(summary.mean / summary.error)))


def holm(p_values: Sequence[float]) -> list[float]:
  """p-values adjusted for their number, by Holm's steps: never below those given, at most 1.

  Example:
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
  """
  adjusted, most = [0.0] * len(p_values), 0.0
  for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
    most = max(most, min(1.0, (len(p_values) - rank) * p_values[i]))
    adjusted[i] = most
  return adjusted
