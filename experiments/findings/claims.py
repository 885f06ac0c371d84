# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Claims: one inequality, and the numbers, one a seed, that speak for or against it.

A published ordering such as "none, T5 > ALiBi > rotary" is a claim for each neighbouring pair. All
must hold for the ordering to be found again.
"""

import dataclasses
from collections.abc import Mapping

from posenc_jax._errors import value_error

BySeed = Mapping[int, float]


class Missing(LookupError):
  """A run lacks what a claim is about; the page says so in place of a verdict."""


@dataclasses.dataclass(frozen=True)
class Claim:
  """``sign * (value - limit) > 0`` for the mean over seeds.

  Attributes:
    text: what the value is, such as "alibi - sinusoidal, nats at 8 L".
    values: a number for each seed; of two methods, their difference.
    sign: +1 if the mean should be above the limit, -1 if below.
    limit: what it is compared with.
    exact: whether the number has no chance in it, so that it needs no seeds.
    shown: what is shown in place of the interval of ``values``; "" for that.
  """

  text: str
  values: BySeed
  sign: int
  limit: float = 0.0
  exact: bool = False
  shown: str = ""

  def __post_init__(self):
    if self.sign not in (-1, 1):
      raise value_error("sign", self.sign, "1 or -1", "Say on which side of the limit it should be")
    if self.exact and len(self.values) != 1:
      raise value_error("values", f"{len(self.values)} values of an exact claim", "one",
                        "Drop exact=True for numbers that depend on the seed")

  @property
  def wanted(self) -> str:
    """The inequality: "> 0"."""
    return f"{'>' if self.sign > 0 else '<'} {self.limit:g}"


def difference(a: BySeed, b: BySeed) -> dict[int, float]:
  """a - b for the seeds that both have, in ascending order."""
  return {seed: a[seed] - b[seed] for seed in sorted(set(a) & set(b))}


def less(a: BySeed, b: BySeed, text: str, *, by: float = 0.0) -> Claim:
  """a is less than b, paired by seed, and by more than ``by``.

  Example:
    >>> less({0: 1.0, 1: 2.0}, {0: 3.0, 1: 5.0}, "alibi - rotary, nats").values
    {0: -2.0, 1: -3.0}
  """
  return Claim(text, difference(a, b), -1, 0.0 - by)


def greater(a: BySeed, b: BySeed, text: str, *, by: float = 0.0) -> Claim:
  """a is greater than b, paired by seed, and by more than ``by``."""
  return Claim(text, difference(a, b), 1, by)


def below(a: BySeed, limit: float, text: str) -> Claim:
  """The mean of a is below a limit."""
  return Claim(text, dict(a), -1, limit)


def above(a: BySeed, limit: float, text: str) -> Claim:
  """The mean of a is above a limit."""
  return Claim(text, dict(a), 1, limit)


def close(a: BySeed, b: BySeed, margin: float, text: str) -> tuple[Claim, Claim]:
  """a and b differ by less than a margin: two one-sided claims about their difference.

  Raises:
    ValueError: the margin is not positive.
  """
  if not margin > 0:
    raise value_error("margin", margin, "above 0", "Say which difference would not matter")
  values = difference(a, b)
  return Claim(text, values, -1, margin), Claim(text, values, 1, -margin)


def exact(value: float, limit: float, text: str, *, sign: int, shown: str = "") -> Claim:
  """A number without chance in it, above (sign 1) or below (-1) a limit."""
  return Claim(text, {0: float(value)}, sign, limit, exact=True, shown=shown)
