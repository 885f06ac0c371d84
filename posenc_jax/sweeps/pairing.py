# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Paired differences: two values of one setting, seed by seed."""

import dataclasses
from typing import Any

from posenc_jax._errors import value_error
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.summaries import Summary, summarize


@dataclasses.dataclass(frozen=True)
class Difference:
  """How much larger a metric is with ``second`` than with ``first``, over the seeds both have.

  Attributes:
    settings: all other settings, but the seed.
    by: the setting compared.
    first: its one value.
    second: its other value.
    over: the Summary of second - first; ``failed`` counts seeds that only one of them has.
  """

  settings: Cell
  by: str
  first: Any
  second: Any
  over: Summary

  @property
  def count(self) -> int:
    """How many seeds both have."""
    return self.over.count

  @property
  def mean(self) -> float | None:
    """The mean of second - first."""
    return self.over.mean

  @property
  def interval(self) -> tuple[float, float] | None:
    """The 95 percent t-interval of the mean; None for fewer than two shared seeds."""
    return self.over.interval


def _by_value(results: Any, by: str, metric: str, repeats: tuple[str, ...]) -> dict:
  """{other settings: {value of ``by``: {seed: number}}}, of the lanes that ended well."""
  found: dict[Cell, dict[Any, dict[Cell, float]]] = {}
  for record in results:
    cell = Cell(record["cell"])
    number = record["metrics"].get(metric) if record["status"] == "ok" else None
    values = found.setdefault(cell.without(by, *repeats), {})
    seeds = values.setdefault(cell.get(by), {})
    if number is not None:
      seeds[Cell({n: cell[n] for n in repeats if n in cell})] = number
  return found


def _difference(settings: Cell, by: str, first: Any, second: Any, values: dict) -> Difference:
  one, other = values.get(first, {}), values.get(second, {})
  seeds = dict.fromkeys([*one, *other])
  numbers = [other[s] - one[s] if s in one and s in other else None for s in seeds]
  return Difference(settings, by, first, second, summarize(numbers, settings))


def _alike(settings: Cell, found: dict[Cell, Any]) -> list[Cell]:
  """Settings that agree wherever both have a value: one may lack what its cells do not read."""
  names = set(settings)
  return [other for other in found if other == settings or (names != set(other) and all(
    settings[n] == other[n] for n in names & set(other)))]


def paired(
  results: Any, by: str, metric: str, against: Any, repeats: tuple[str, ...]
) -> list[Difference]:
  """See ``Results.paired``."""
  choices = results.values(by)
  if by in repeats or by not in results.settings:
    raise value_error("paired: by", repr(by), f"one of {[*results.varying()]}", "Choose another")
  if against is not None and against not in choices:
    raise value_error("paired: against", repr(against), f"one of {choices}", "Choose another")
  if against is None:
    pairs = [(a, b) for i, a in enumerate(choices) for b in choices[i + 1:]]
  else:
    pairs = [(against, b) for b in choices if b != against]
  found = _by_value(results, by, metric, repeats)
  every, ragged = [], len({frozenset(settings) for settings in found}) > 1
  for settings, values in found.items():
    others = _alike(settings, found) if ragged else [settings]
    for first, second in pairs:
      every += [_difference(Cell({**other, **settings}), by, first, second, {
        first: values[first], second: found[other][second]})
                for other in others if first in values and second in found[other]]
  return [d for d in every if d.over.count or d.over.failed]
