# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Means, standard errors and 95 percent intervals over the lanes of one setting.

The interval of n values with mean m and standard deviation s (that of n - 1) is Student's:
m +- t s / sqrt(n), with t the 0.975 quantile of n - 1 degrees of freedom. For three seeds t is 4.3.
"""

import collections
import dataclasses
import functools
import math
from collections.abc import Sequence

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.records import Record, axis_values

LEVEL = 0.95


@functools.cache
def t_quantile(freedom: int) -> float:
  """How many standard errors half a 95 percent interval is, for n - 1 degrees of freedom.

  Example:
    >>> round(t_quantile(2), 3)
    4.303
  """
  from scipy.special import stdtrit  # here, as it takes a while and plans need none

  return float(stdtrit(freedom, (1 + LEVEL) / 2))


@dataclasses.dataclass(frozen=True)
class Summary:
  """A metric over the repeats of one setting.

  Attributes:
    settings: the cell without what was averaged over.
    count: repeats with a finite value.
    failed: repeats without one (diverged, out of memory, not finite, absent).
    mean: of the finite values; None if there are none.
    error: standard error of the mean, s / sqrt(count); None for fewer than two.
    statuses: what became of the failed ones, as in ("diverged", "oom"); "absent" is one that ended
      well and has no such number, "not finite" one whose number is none.
  """

  settings: Cell
  count: int
  failed: int
  mean: float | None
  error: float | None
  statuses: tuple[str, ...] = ()

  @property
  def half(self) -> float | None:
    """Half of the 95 percent interval; None for fewer than two values."""
    return None if self.error is None else t_quantile(self.count - 1) * self.error

  @property
  def interval(self) -> tuple[float, float] | None:
    """The 95 percent interval of the mean; None for fewer than two values."""
    half = self.half
    return None if self.mean is None or half is None else (self.mean - half, self.mean + half)

  @property
  def drawn(self) -> tuple[float, float] | None:
    """The interval as pictures show it: None for two values, whose 12.7 errors would fill them."""
    return None if self.count < 3 else self.interval

  @property
  def told(self) -> str:
    """What became of the repeats that are not in the mean: "2 diverged, 1 oom"."""
    counts = collections.Counter(self.statuses)
    return ", ".join(f"{n} {status}" for status, n in counts.items())


def summarize(
  values: Sequence[float | None], settings: Cell, statuses: Sequence[str] = ()
) -> Summary:
  """Mean and standard error of the finite values.

  Args:
    values: None where there is none.
    settings: what they have in common.
    statuses: of each value, told where it is None; without them those are "not finite".

  Returns:
    A Summary.

  Example:
    >>> s = summarize([1.0, 3.0, None], Cell(lr=0.1), ["ok", "ok", "diverged"])
    >>> s.count, s.failed, s.mean, s.error, s.told
    (2, 1, 2.0, 1.0, '1 diverged')
  """
  finite = [v for v in values if v is not None]
  n = len(finite)
  mean = math.fsum(finite) / n if n else math.nan
  error = math.sqrt(math.fsum((v - mean) ** 2 for v in finite) / (n - 1) / n) if n > 1 else None
  told = statuses or ["ok"] * len(values)
  bad = tuple("not finite" if s == "ok" else s
              for v, s in zip(values, told, strict=True) if v is None)
  return Summary(settings, n, len(values) - n, mean if n else None, error, bad)


def over_lanes(records: Sequence[Record], metric: str, settings: Cell) -> Summary:
  """The Summary of a metric over records, of which only those with status "ok" count."""
  values = [r["metrics"].get(metric) if r["status"] == "ok" else None for r in records]
  return summarize(values, settings, [status_of(r, metric in r["metrics"]) for r in records])


def status_of(record: Record, present: bool) -> str:
  """A record's status; "absent" if it ended well and has not what is asked for."""
  return "absent" if record["status"] == "ok" and not present else record["status"]


@dataclasses.dataclass(frozen=True)
class VectorSummary:
  """A series over the repeats of one setting, entry by entry.

  Attributes:
    settings: the cell without what was averaged over.
    label: what ``at`` is, such as "length".
    at: what the entries stand for, [n], in rising order.
    entries: a Summary for each, [n]; a repeat without that entry counts as failed there, with the
      status "absent".
  """

  settings: Cell
  label: str
  at: tuple[float, ...]
  entries: tuple[Summary, ...]

  @property
  def mean(self) -> tuple[float | None, ...]:
    """The means, [n]."""
    return tuple(s.mean for s in self.entries)

  @property
  def error(self) -> tuple[float | None, ...]:
    """Their standard errors, [n]."""
    return tuple(s.error for s in self.entries)

  @property
  def interval(self) -> tuple[tuple[float, float] | None, ...]:
    """Their 95 percent intervals, [n]."""
    return tuple(s.interval for s in self.entries)

  @property
  def count(self) -> tuple[int, ...]:
    """How many repeats have each entry, [n]."""
    return tuple(s.count for s in self.entries)


def vector_over_lanes(records: Sequence[Record], series: str, settings: Cell) -> VectorSummary:
  """The VectorSummary of a series over records, entries that stand for the same taken together."""
  lanes, label = [], "index"
  for record in records:
    values = record["series"].get(series)
    if record["status"] != "ok" or values is None:
      lanes.append({})
      continue
    label = record["axes"].get(series, {}).get("label", label)
    lanes.append(dict(zip(axis_values(record, series), values, strict=False)))
  at = tuple(sorted({x for lane in lanes for x in lane}))
  entries = tuple(summarize(
    [lane.get(x) for lane in lanes], settings,
    [status_of(r, x in lane) for r, lane in zip(records, lanes, strict=True)]) for x in at)
  return VectorSummary(settings, label, at, entries)
