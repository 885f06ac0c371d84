# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a report shows, as plain data: charts of lines, for any sweep.

A chart is made from records alone, so it suits any experiment. The setting "run" or "encoding"
gives the colours, a width and a length the panels, and every other setting that varies a line of
its own: means are over seeds and over nothing else.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.records import Record, axis_values
from posenc_jax.sweeps.results import REPEATS, Results
from posenc_jax.sweeps.show.smooth import smoothed
from posenc_jax.sweeps.summaries import VectorSummary, over_lanes, vector_over_lanes

WIDTHS = ("d_model", "width", "dim", "model_dim")
LENGTHS = ("seq_len", "length", "seq_length", "train_length", "sequence_length")
MOST_PANELS = 6  # values that a setting may have to be given panels, unless it is a width or length
FEW = 12  # points of a line that are drawn as points, with bars


@dataclasses.dataclass(frozen=True)
class Roles:
  """What each varying setting is in a chart.

  Attributes:
    colour: its values are colours; None if nothing is left for it.
    row: its values are rows of panels, or None.
    column: its values are columns of panels, or None.
    rest: each combination of their values is a line of its own.
  """

  colour: str | None
  row: str | None
  column: str | None
  rest: tuple[str, ...]

  @property
  def panels(self) -> tuple[str, ...]:
    """The settings that have panels."""
    return tuple(n for n in (self.row, self.column) if n is not None)


@dataclasses.dataclass(frozen=True)
class Line:
  """One setting's line: its colour's name, what else it is, and a Summary at each x."""

  settings: Cell
  group: str
  rest: str
  points: VectorSummary
  smooth: VectorSummary | None = None


@dataclasses.dataclass(frozen=True)
class Panel:
  """Lines of one width and length; ``mark`` is an x to point out, the training length."""

  title: str
  lines: tuple[Line, ...]
  mark: float | None = None
  row: int = 0
  column: int = 0


@dataclasses.dataclass(frozen=True)
class Chart:
  """Panels with the same axes.

  Attributes:
    title: of the whole.
    x: name of the axis.
    y: name of the axis.
    panels: those that have a line.
    rows: how many rows of panels there are.
    columns: how many columns.
    by: the setting that gives the colours, or "".
    gone: the settings that have no line, and why.
    window: how many points the smoothed curves' means are of; 1 for no smoothing.
  """

  title: str
  x: str
  y: str
  panels: tuple[Panel, ...]
  rows: int
  columns: int
  by: str = ""
  gone: tuple[str, ...] = ()
  window: int = 1

  @property
  def lines(self) -> list[Line]:
    """The lines of all panels."""
    return [line for panel in self.panels for line in panel.lines]


def is_numeric(results: Results, name: str) -> bool:
  """Whether all values of a setting are numbers."""
  values = results.values(name)
  return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def colour_by(results: Results) -> str | None:
  """The setting that lines are coloured by: "run", "encoding", or the first text that varies."""
  names = results.varying()
  for name in ("run", "encoding"):
    if name in names:
      return name
  texts = [n for n in names if any(isinstance(v, str) for v in results.values(n))]
  return (*texts, *names, None)[0]


def roles_of(results: Results, without: Sequence[str] = ()) -> Roles:
  """Deals the varying settings out: colours, then panels, the rest to lines.

  Args:
    results: of any sweep.
    without: settings that the chart uses otherwise, as its x axis.

  Returns:
    Roles; a width is the panels' row and a length their column, if they vary.

  Example:
    >>> axes = [(e, d, lr) for e in "ab" for d in (8, 16) for lr in (1, 2)]
    >>> cells = [{"encoding": e, "width": d, "lr": lr} for e, d, lr in axes]
    >>> roles_of(Results(tuple({"cell": c} for c in cells)))
    Roles(colour='encoding', row='width', column='lr', rest=())
  """
  names = [n for n in results.varying() if n not in without]
  # The same as in all other charts, so that a colour means one thing; if x has it, there is none.
  colour = colour_by(results)
  colour = None if colour in without else colour
  left = [n for n in names if n != colour]
  row = next((n for n in WIDTHS if n in left), None)
  column = next((n for n in LENGTHS if n in left), None)
  free = [n for n in left if n not in (row, column) and len(results.values(n)) <= MOST_PANELS]
  free.sort(key=lambda n: len(results.values(n)))
  if column is None and free:
    column = free.pop(0)
  if row is None and free:
    row = free.pop(0)
  return Roles(colour, row, column, tuple(n for n in left if n not in (row, column)))


def shown(value: Any) -> str:
  """A setting's value as text.

  Example:
    >>> shown(0.003), shown(32), shown(None)
    ('0.003', '32', '-')
  """
  return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def label(settings: Cell, names: Sequence[str]) -> str:
  """A short name of a setting among others: its varying parts."""
  return ", ".join(f"{name} {shown(settings.get(name))}" for name in names)


def group_of(settings: Cell, roles: Roles) -> str:
  """The name of the colour of a setting."""
  return "all" if roles.colour is None else shown(settings.get(roles.colour))


def by_setting(results: Results, without: Sequence[str] = ()) -> dict[Cell, list[Record]]:
  """The records of each setting, those that failed too: what is averaged over is the seed."""
  groups: dict[Cell, list[Record]] = {}
  for record in results:
    groups.setdefault(Cell(record["cell"]).without(*REPEATS, *without), []).append(record)
  return groups


def _told(records: Sequence[Record]) -> str:
  statuses = ["without a value" if r["status"] == "ok" else r["status"] for r in records]
  if set(statuses) == {"without a value"}:
    return "no value"
  return ", ".join(f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses))


def panel_chart(results: Results, roles: Roles, lines: Sequence[Line], *, title: str, x: str,
                y: str, gone: Sequence[str] = (), window: int = 1) -> Chart:
  """Deals lines out to their panels, in the order of the settings' values."""
  rows, columns = (results.values(n) if n else [None] for n in (roles.row, roles.column))
  panels = []
  for i, row in enumerate(rows):
    for j, column in enumerate(columns):
      here = tuple(line for line in lines
                   if (not roles.row or line.settings.get(roles.row) == row)
                   and (not roles.column or line.settings.get(roles.column) == column))
      if here:
        name = label(here[0].settings, roles.panels)
        panels.append(Panel(name, here, _mark(here[0], x), i, j))
  return Chart(title, x, y, tuple(panels), len(rows), len(columns), roles.colour or "", tuple(gone),
               window)


def _mark(line: Line, x: str) -> float | None:
  """The training length on an axis of positions, 1 on one of its multiples."""
  if "multiple" in x:
    return 1.0
  lengths = [line.settings[n] for n in LENGTHS if n in line.settings]
  known = [float(n) for n in lengths if isinstance(n, int | float)]
  return known[0] if known and "position" in x else None


def series_chart(results: Results, series: str) -> Chart | None:
  """A series against what its entries stand for, a line a setting; None if there is no line.

  Series of many entries are smoothed, each lane by itself before the mean is taken.
  """
  roles = roles_of(results)
  lines, gone, x, window = [], [], "index", 1
  for settings, records in by_setting(results).items():
    points = vector_over_lanes(records, series, settings)
    if not any(s.count for s in points.entries):
      gone.append(f"{label(settings, results.varying()) or 'all'} ({_told(records)})")
      continue
    x, smooth = points.label, None
    if len(points.at) > FEW:
      half = max(1, round(len(points.at) / 24))
      window = max(window, 2 * half + 1)
      smooth = vector_over_lanes([
        {**r, "series": {series: smoothed(r["series"].get(series, []), half)}} for r in records],
        series, settings)
    lines.append(Line(settings, group_of(settings, roles), label(settings, roles.rest), points,
                      smooth))
  if not lines:
    return None
  return panel_chart(results, roles, lines, title=f"{series} against {x}", x=x, y=series, gone=gone,
                     window=window)


def series_charts(results: Results) -> list[Chart]:
  """A chart for each series: short ones first, training curves last."""
  found = filter(None, (series_chart(results, s) for s in results.series))
  return sorted(found, key=lambda c: (c.x == "step", not is_few(c)))


def setting_charts(results: Results, metric: str) -> list[Chart]:
  """A metric against each setting that varies and is a number, a line for each other setting."""
  charts = []
  for x in [n for n in results.varying() if is_numeric(results, n)]:
    roles = roles_of(results, (x,))
    lines, gone = [], []
    for settings, records in by_setting(results, (x,)).items():
      values = sorted({r["cell"][x] for r in records if x in r["cell"]})
      here = [[r for r in records if r["cell"].get(x) == v] for v in values]
      entries = tuple(over_lanes(lanes, metric, settings) for lanes in here)
      gone += [f"{label(settings.replace(**{x: v}), results.varying())} ({s.told})"
               for v, s in zip(values, entries, strict=True) if not s.count]
      if any(s.count for s in entries):
        points = VectorSummary(settings, x, tuple(float(v) for v in values), entries)
        lines.append(Line(settings, group_of(settings, roles), label(settings, roles.rest), points))
    if lines:
      charts.append(panel_chart(results, roles, lines, title=f"{metric} against {x}", x=x,
                                y=metric, gone=gone))
  return charts


def is_few(chart: Chart) -> bool:
  """Whether the chart has so few x values that they are ticks, and its means points with bars."""
  return len({x for line in chart.lines for x in line.points.at}) <= FEW


def is_logarithmic(values: Sequence[float], factor: float = 50) -> bool:
  """Whether an axis is easier to read in powers: all positive, over more than a factor."""
  return bool(values) and min(values) > 0 and max(values) / min(values) > factor


@dataclasses.dataclass(frozen=True)
class Axes:
  """How a chart's axes are drawn: which are logarithmic, and the x values if they are few."""

  log_x: bool
  log_y: bool
  few: tuple[float, ...]


def axes_of(chart: Chart) -> Axes:
  """Few x values, such as lengths, are ticks; as they double, in powers from a factor of 8 on."""
  xs = sorted({x for line in chart.lines for x in line.points.at})
  few = tuple(xs) if len(xs) <= FEW else ()
  means = [m for line in chart.lines for m in (line.smooth or line.points).mean if m is not None]
  return Axes(is_logarithmic(xs, 7.9 if few else math.inf), is_logarithmic(means), few)


def length_series(results: Results) -> str | None:
  """The first short series whose axis is a length, or a multiple of one."""
  for record in results:
    for name in record["series"]:
      axis = record["axes"].get(name, {}).get("label", "")
      if "length" in axis and len(axis_values(record, name)) <= FEW:
        return name
  return None
