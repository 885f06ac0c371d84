# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Heat maps, as plain data. A field is a mean over seeds; what else varies gets a map or a row."""

import dataclasses
from collections.abc import Sequence

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show.groups import groups_of
from posenc_jax.sweeps.show.views import (
  LENGTHS,
  WIDTHS,
  by_setting,
  group_of,
  is_numeric,
  label,
  length_series,
  roles_of,
  shown,
)
from posenc_jax.sweeps.summaries import (
  Summary,
  over_lanes,
  status_of,
  summarize,
  vector_over_lanes,
)


@dataclasses.dataclass(frozen=True)
class Heat:
  """A map of Summaries [rows][columns]; None where no cell of the grid is."""

  title: str
  row: str
  column: str
  rows: tuple[str, ...]
  columns: tuple[str, ...]
  fields: tuple[tuple[Summary | None, ...], ...]

  @property
  def means(self) -> list[float]:
    """The means of all fields that have one."""
    return [s.mean for row in self.fields for s in row if s is not None and s.mean is not None]


@dataclasses.dataclass(frozen=True)
class Maps:
  """Heat maps that share their axes and a scale of colours."""

  title: str
  value: str
  heats: tuple[Heat, ...]

  @property
  def range(self) -> tuple[float, float]:
    """The smallest and largest value of all maps."""
    values = [v for heat in self.heats for v in heat.means]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _heat(title: str, row: str, column: str, fields: dict[tuple, Summary], names: Sequence) -> Heat:
  """A map of fields {(row, column): Summary}; rows as in ``names``, columns in rising order."""
  rows = [r for r in names if any(key[0] == r for key in fields)]
  columns = sorted({key[1] for key in fields})
  return Heat(title, row, column, tuple(map(shown, rows)), tuple(map(shown, columns)),
              tuple(tuple(fields.get((r, c)) for c in columns) for r in rows))


def _axes(results: Results) -> tuple[str, str | None] | None:
  """(row setting, column setting or None for a series of lengths); None if there are too few."""
  numbers = [n for n in results.varying() if is_numeric(results, n)]
  row = next((n for n in (*WIDTHS, *numbers) if n in numbers), None)
  others = [n for n in numbers if n != row]
  column = next((n for n in LENGTHS if n in others), None)
  if column is None and length_series(results) is None:
    column = next(iter(others), None)
  return None if row is None or (column is None and length_series(results) is None) else (
    row, column)


def _entries(records: Sequence[Record], series: str, settings: Cell) -> dict[float, Summary]:
  """{x: Summary} of a series; x is any the series has in these records, or None if it has none."""
  vector = vector_over_lanes(records, series, settings)
  return dict(zip(vector.at, vector.entries, strict=True))


def size_maps(results: Results, metric: str) -> Maps | None:
  """The metric over width x length, a map for each of all other settings.

  If no length varies but a series has entries by length, those are the columns; failing that, the
  first two settings that are numbers. None if there are no two axes.
  """
  axes = _axes(results)
  if axes is None:
    return None
  row, column = axes
  series = None if column else length_series(results)
  names = [n for n in results.varying() if n not in axes]
  maps: dict[Cell, dict[tuple, Summary]] = {}
  across = column or ""
  for settings, records in by_setting(results).items():
    fields = maps.setdefault(Cell({n: settings.get(n) for n in names}), {})
    if series is None and column is not None:
      fields[settings.get(row), settings.get(column)] = over_lanes(records, metric, settings)
    elif series is not None:
      across = _axis(results, series)
      for at, summary in _all_entries(results, records, series, settings).items():
        fields[settings.get(row), at] = summary
  value = series or metric
  heats = tuple(_heat(label(s, names) or value, row, across, fields, sorted(results.values(row)))
                for s, fields in maps.items())
  return Maps(f"{value} by {row} and {across}", value, heats)


def _axis(results: Results, series: str) -> str:
  found = (r["axes"][series].get("label", "index") for r in results if series in r["axes"])
  return next(found, "index")


def _all_entries(results: Results, records: Sequence[Record], series: str,
                 settings: Cell) -> dict[float, Summary]:
  """``_entries``; of a setting whose lanes all failed, what became of them at every length."""
  found = _entries(records, series, settings)
  if found:
    return found
  every = {x for r in results for x in r["axes"].get(series, {}).get("values", ())}
  statuses = [status_of(r, series in r["series"]) for r in records]
  return {x: summarize([None] * len(records), settings, statuses) for x in every}


def method_maps(results: Results) -> Maps | None:
  """Every method at every length, a map for each panel; None if there is no series of lengths."""
  series, roles = length_series(results), roles_of(results)
  if series is None or roles.colour is None:
    return None
  names = [roles.colour, *roles.rest]
  maps: dict[Cell, dict[tuple, Summary]] = {}
  order: dict[str, str] = {}  # a row's name: its group's
  for settings, records in by_setting(results).items():
    where = Cell({n: settings.get(n) for n in roles.panels})
    rest = label(settings, roles.rest)
    name = shown(settings.get(roles.colour)) + (f", {rest}" if rest else "")
    order[name] = group_of(settings, roles)
    for at, summary in _all_entries(results, records, series, settings).items():
      maps.setdefault(where, {})[name, at] = summary
  across = _axis(results, series)
  ranked = [g.name for g in groups_of(results)]
  rows = sorted(order, key=lambda name: ranked.index(order[name]))
  heats = tuple(_heat(label(s, roles.panels) or series, " and ".join(names), across, fields, rows)
                for s, fields in maps.items())
  return Maps(f"{series}: every {roles.colour} at every {across}", series, heats)


def maps_of(results: Results) -> list[Maps]:
  """All heat maps of a sweep."""
  metric = results.main
  found = [size_maps(results, metric) if metric else None, method_maps(results)]
  return [maps for maps in found if maps and any(heat.means for heat in maps.heats)]
