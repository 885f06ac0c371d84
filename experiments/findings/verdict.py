# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Expectations, and what became of them: found again, the opposite, or no claim.

A claim agrees if the 95 percent interval lies on the side that was published and the p-value,
adjusted by Holm's steps for all claims of the page, is below 0.05. It disagrees if that is so of
the other side. All else is no claim. An expectation agrees if all its claims do, and disagrees if
one does.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from experiments.findings.claims import Claim, Missing
from experiments.findings.statistics import LEVEL, Interval, holm, interval_of, p_value

AGREES, DISAGREES, NO_CLAIM, NOT_TESTED = "agrees", "disagrees", "no claim", "not tested"


@dataclasses.dataclass(frozen=True)
class Expectation:
  """A published statement and its test.

  Attributes:
    question: what one would like to know.
    published: the statement, with its numbers.
    source: where: "arXiv 2108.12409, table 2"; of statements that no paper makes, what they are,
      such as "source texts" or "our question".
    test: results to claims; raises ``Missing`` if the run lacks what they are about.
  """

  question: str
  published: str
  source: str
  test: Callable[[Any], Claim | Iterable[Claim]]


@dataclasses.dataclass(frozen=True)
class Judged:
  """A claim's verdict.

  Attributes:
    text, wanted: of the claim.
    interval: the mean of the values and their 95 percent interval.
    p: adjusted by Holm's steps; None for exact claims and fewer than two seeds.
    verdict: one of AGREES, DISAGREES, NO_CLAIM.
    exact: whether the number has no chance in it.
    shown: the interval as text.
  """

  text: str
  wanted: str
  interval: Interval
  p: float | None
  verdict: str
  exact: bool
  shown: str


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What became of an expectation.

  Attributes:
    question, published, source: of the expectation.
    verdict: AGREES, DISAGREES, NO_CLAIM or NOT_TESTED.
    claims: each with its numbers.
    why: of what was not tested.
  """

  question: str
  published: str
  source: str
  verdict: str
  claims: tuple[Judged, ...] = ()
  why: str = ""

  @property
  def seeds(self) -> int:
    """The fewest seeds of a claim; 0 if all are exact or there are none."""
    return min((c.interval.count for c in self.claims if not c.exact), default=0)

  @property
  def from_paper(self) -> bool:
    """Whether a paper makes the statement; source texts and our own questions are none."""
    return self.source.startswith("arXiv ")


def judge(expectations: Sequence[Expectation], results: Any) -> list[Verdict]:
  """The verdicts of a page's expectations, p-values adjusted for all its claims together.

  Args:
    expectations: of one page.
    results: what their tests take.

  Returns:
    A Verdict for each, in their order.
  """
  tested: list[tuple[Claim, ...] | Missing] = []
  for expectation in expectations:
    try:
      claims = expectation.test(results)
      tested.append(_finite((claims,) if isinstance(claims, Claim) else tuple(claims)))
    except Missing as reason:
      tested.append(reason)
  adjusted = _adjusted([c for claims in tested if not isinstance(claims, Missing) for c in claims])
  return [_verdict(e, claims, adjusted) for e, claims in zip(expectations, tested, strict=True)]


def _finite(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
  """The claims; raises ``Missing`` if a number of theirs is infinite or none."""
  for c in claims:
    if not all(map(math.isfinite, (c.limit, *c.values.values()))):
      raise Missing(f"not finite: {c.text}")
  return claims


def _adjusted(claims: Sequence[Claim]) -> Iterator[float | None]:
  """The p-value of each claim, None where chance has no part or there are too few seeds."""
  ps = [None if c.exact else p_value([v - c.limit for v in c.values.values()]) for c in claims]
  steps = iter(holm([p for p in ps if p is not None]))
  return iter([None if p is None else next(steps) for p in ps])


def _verdict(e: Expectation, claims: tuple[Claim, ...] | Missing, ps: Iterator[float | None]
             ) -> Verdict:
  about = e.question, e.published, e.source
  if isinstance(claims, Missing):
    return Verdict(*about, NOT_TESTED, why=str(claims))
  own = [next(ps) for _ in claims]
  if not claims or any(not c.values for c in claims):
    return Verdict(*about, NOT_TESTED, why="no seed has both numbers")
  judged = tuple(_judged(c, p) for c, p in zip(claims, own, strict=True))
  found = {c.verdict for c in judged}
  verdict = (DISAGREES if DISAGREES in found else
             AGREES if found == {AGREES} else NO_CLAIM)
  return Verdict(*about, verdict, judged)


def _judged(claim: Claim, p: float | None) -> Judged:
  found = interval_of(list(claim.values.values()))
  if claim.exact:
    verdict = AGREES if claim.sign * (found.mean - claim.limit) > 0 else DISAGREES
  elif p is None or found.low is None or found.high is None or p >= LEVEL:
    verdict = NO_CLAIM
  elif found.low > claim.limit or found.high < claim.limit:
    verdict = AGREES if claim.sign * (found.mean - claim.limit) > 0 else DISAGREES
  else:
    verdict = NO_CLAIM
  return Judged(claim.text, claim.wanted, found, p, verdict, claim.exact,
                claim.shown or str(found))
