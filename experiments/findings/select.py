# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The numbers of one setting, by seed, out of a sweep's results."""

from collections.abc import Iterable, Mapping
from typing import Any

from experiments.findings.claims import Missing
from experiments.findings.statistics import interval_of
from posenc_jax import sweeps
from posenc_jax._errors import value_error
from posenc_jax.sweeps.records import axis_values

FAILED = "failed"


def _matches(cell: Any, wanted: dict[str, Any]) -> bool:
  return all(cell.get(name) == value for name, value in wanted.items())


def part_of(results: Mapping[str, sweeps.Results], name: str, told: str = "") -> sweeps.Results:
  """The results of one part of a script that runs several sweeps.

  Args:
    results: by part.
    name: of the part.
    told: what a reader calls the part, if not by its name.

  Raises:
    Missing: it was not run.
  """
  if name not in results:
    raise Missing(f"{told or name} was not run")
  return results[name]


def by_seed(results: sweeps.Results, metric: str, *, at: float | Iterable[float] | None = None,
            **cell: Any) -> dict[int, float]:
  """A metric, or entries of a series, of each seed of a setting.

  Args:
    results: of a sweep.
    metric: its name, or that of a series if ``at`` is given.
    at: where on the series' axis; the mean of several places.
    **cell: settings that tell the cells apart, such as encoding="alibi".

  Returns:
    A number for each seed whose lane ended well and whose number is finite.

  Raises:
    Missing: no cell has these settings, or no lane of them a number.
    ValueError: two cells of one seed have them.
  """
  found, told = {}, ", ".join(f"{k}={v}" for k, v in cell.items())
  records = [r for r in results if _matches(r["cell"], cell)]
  seeds = [r["cell"]["seed"] for r in records]
  if len(set(seeds)) < len(seeds):
    raise value_error("cell", told, "settings that only one cell of each seed has",
                      f"Name more of {', '.join(results.settings)}")
  for record in records:
    value = _value(record, metric, at) if record["status"] == "ok" else None
    if value is not None:
      found[record["cell"]["seed"]] = value
  if not found:
    raise Missing(f"no result of {told}" if not records else f"no lane of {told} ended well")
  return found


def shown(results: sweeps.Results, metric: str, *, at: float | Iterable[float] | None = None,
          scale: float = 1.0, **cell: Any) -> str:
  """Mean and 95 percent interval of a setting over its seeds, as tables of pages show them.

  Args:
    results, metric, at, **cell: as of ``by_seed``.
    scale: what values are multiplied by.

  Returns:
    The text; "failed" if no lane of the setting ended well with this number, "-" if none was run.
  """
  try:
    found = by_seed(results, metric, at=at, **cell)
  except Missing:
    return FAILED if any(_matches(r["cell"], cell) for r in results) else "-"
  return str(interval_of([scale * x for x in found.values()]))


def ended(results: sweeps.Results, **cell: Any) -> list[Any]:
  """The encodings of which some lane with these settings ended well, in the order of the grid."""
  return list(dict.fromkeys(r["cell"]["encoding"] for r in results
                            if r["status"] == "ok" and _matches(r["cell"], cell)))


def places(results: sweeps.Results, series: str) -> list[float]:
  """Where a series has entries, in any lane that ended well.

  Raises:
    Missing: no lane did.
  """
  for record in results:
    if record["status"] == "ok":
      return list(axis_values(record, series))
  raise Missing("no lane ended well")


def _value(record: Any, metric: str, at: Any) -> float | None:
  if at is None:
    return record["metrics"].get(metric)
  places = [at] if isinstance(at, int | float) else list(at)
  entries = dict(zip(axis_values(record, metric), record["series"][metric], strict=True))
  lacking = [place for place in places if place not in entries]
  if lacking:
    raise Missing(f"{metric} has no entry at {', '.join(map(str, lacking))}")
  values = [entries[place] for place in places]
  return None if any(v is None for v in values) else sum(values) / len(values)
