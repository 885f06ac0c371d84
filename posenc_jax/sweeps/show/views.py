# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a report shows, as plain data: charts of lines and heat maps, for any sweep.

A chart is made from records alone, so it suits any experiment. Settings that vary label the lines;
the setting "run" or "encoding" gives the colours; repeats (seeds) become a mean and a standard
error. A lane that diverged or ran out of memory is in no mean.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.results import Results, summarize

REPEATS = ("seed",)
_WIDTHS = ("d_model", "width", "dim", "model_dim")
_LENGTHS = ("seq_len", "length", "seq_length", "train_length", "sequence_length")


@dataclasses.dataclass(frozen=True)
class Line:
  """One line of a chart: (x, mean, standard error or None) points, and the colour's index."""

  label: str
  colour: int
  points: tuple[tuple[float, float, float | None], ...]


@dataclasses.dataclass(frozen=True)
class Chart:
  """Lines over one axis; ``colours`` names what each colour stands for."""

  title: str
  x: str
  y: str
  lines: tuple[Line, ...]
  colours: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Heat:
  """A map of values [rows][columns]; None where there is none."""

  title: str
  row: str
  column: str
  rows: tuple[str, ...]
  columns: tuple[str, ...]
  values: tuple[tuple[float | None, ...], ...]


def varying(results: Results) -> list[str]:
  """Settings with more than one value, repeats left out."""
  return [n for n in results.settings if n not in REPEATS and len(results.values(n)) > 1]


def colour_by(results: Results) -> str | None:
  """The setting that lines are coloured by: "run", "encoding", or the first text that varies."""
  names = varying(results)
  for name in ("run", "encoding"):
    if name in names:
      return name
  texts = [n for n in names if any(isinstance(v, str) for v in results.values(n))]
  return (texts or names or [None])[0]


def _numeric(results: Results, name: str) -> bool:
  values = results.values(name)
  return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _pick(candidates: Sequence[str], wanted: Sequence[str], default: int) -> str | None:
  for name in wanted:
    if name in candidates:
      return name
  return candidates[default] if default < len(candidates) else None


def label(settings: Cell, names: Sequence[str]) -> str:
  """A short name of a setting among others: its varying parts."""
  def text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

  return ", ".join(f"{name} {text(settings.get(name))}" for name in names) or "all"


def axis_values(record: Record, series: str) -> list[float]:
  """What the entries of a series stand for, as numbers for a plot's axis."""
  axis = record.get("axes", {}).get(series, {})
  if "values" in axis:
    return axis["values"]
  start, step = axis.get("start", 0), axis.get("step", 1)
  return [start + i * step for i in range(len(record["series"][series]))]


def _groups(results: Results, key: Callable[[Record], Cell]) -> dict[Cell, list[Record]]:
  groups: dict[Cell, list[Record]] = {}
  for record in results:
    if record["status"] == "ok":
      groups.setdefault(key(record), []).append(record)
  return groups


def _chart(title: str, x: str, y: str, results: Results, names: Sequence[str],
           lines: dict[Cell, list[tuple[float, float, float | None]]]) -> Chart:
  by = colour_by(results)
  colours = tuple(dict.fromkeys(label(s, [by]) if by else "all" for s in lines))
  made = tuple(
    Line(label(s, names), colours.index(label(s, [by]) if by else "all"), tuple(points))
    for s, points in lines.items())
  return Chart(title, x, y, made, colours)


def _means(columns: dict[float, list[float | None]]) -> list[tuple[float, float, float | None]]:
  """(x, mean, standard error) of the values at each x, in order; an x without any is left out."""
  found = [(at, summarize(values, Cell())) for at, values in sorted(columns.items())]
  return [(at, s.mean, s.error) for at, s in found if s.mean is not None]


def series_charts(results: Results) -> list[Chart]:
  """A chart for each series: its mean over repeats against what its entries stand for."""
  charts = []
  names = varying(results)
  groups = _groups(results, lambda record: Cell(record["cell"]).without(*REPEATS))
  for series in dict.fromkeys(name for r in results for name in r["series"]):
    lines, x = {}, "index"
    for settings, records in groups.items():
      columns: dict[float, list[float | None]] = {}
      for record in records:
        if series in record["series"]:
          x = record["axes"].get(series, {}).get("label", x)
          for at, value in zip(axis_values(record, series), record["series"][series], strict=False):
            columns.setdefault(at, []).append(value)
      points = _means(columns)
      if points:
        lines[settings] = points
    if lines:
      charts.append(_chart(f"{series} against {x}", x, series, results, names, lines))
  return charts


def setting_charts(results: Results, metric: str) -> list[Chart]:
  """A metric against the trained length, and against the width, where these settings vary."""
  charts = []
  names = varying(results)
  for x in [n for n in names if n in (*_LENGTHS, *_WIDTHS) and _numeric(results, n)]:
    groups = _groups(results, lambda record, x=x: Cell(record["cell"]).without(*REPEATS, x))
    lines = {}
    for settings, records in groups.items():
      columns: dict[float, list[float | None]] = {}
      for record in records:
        columns.setdefault(record["cell"][x], []).append(record["metrics"].get(metric))
      points = _means(columns)
      if points:
        lines[settings] = points
    if lines:
      rest = [n for n in names if n != x]
      charts.append(_chart(f"{metric} against {x}", x, metric, results, rest, lines))
  return charts


def heat_maps(results: Results, metric: str) -> list[Heat]:
  """A map of the metric over width x length for each encoding; other settings are averaged over.

  If the length is no setting, but a series has entries by length, those are the columns; failing
  that, the first two settings that are numbers.

  Args:
    results: of any sweep.
    metric: a name in its metrics.

  Returns:
    A map for each value of the setting that gives the colours; none if there are no two axes.
  """
  by = colour_by(results)
  found = _heat_axes(results, by)
  if found is None:
    return []
  row, column, series = found
  shown = metric if series is None else series
  across = str(column) if series is None else _axis_label(results, series)
  maps = []
  for value in results.values(by) if by and by != row else [None]:
    records = [record for record in results
               if record["status"] == "ok" and (value is None or record["cell"].get(by) == value)]
    points = [(record["cell"][row], at, number) for record in records
              for at, number in _heat_entries(record, metric, column, series)]
    if points:
      title = shown if value is None else f"{shown}, {by} {value}"
      maps.append(_heat(title, row, across, points))
  return maps


def _heat_axes(results: Results, by: str | None) -> tuple[str, str | None, str | None] | None:
  """(row setting, column setting, column series), one of the last two None; None if too few."""
  numbers = [n for n in varying(results) if _numeric(results, n) and n != by]
  row = _pick(numbers, _WIDTHS, 0)
  others = [n for n in numbers if n != row]
  column = next((n for n in _LENGTHS if n in others), None)
  series = None if column else _length_series(results)
  if column is None and series is None:
    column = _pick(others, (), 0)
  return None if row is None or (column is None and series is None) else (row, column, series)


def _heat_entries(
  record: Record, metric: str, column: str | None, series: str | None
) -> list[tuple[float, float | None]]:
  """(column value, number) of a record: one of its metric, or one of each entry of the series."""
  if series is None:
    return [(record["cell"][column], record["metrics"].get(metric))]
  return list(zip(axis_values(record, series), record["series"].get(series, []), strict=False))


def _heat(title: str, row: str, column: str,
          points: Sequence[tuple[float, float, float | None]]) -> Heat:
  """A map of the means of all (row value, column value, number) that share both values."""
  found: dict[tuple[float, float], list[float | None]] = {}
  for at_row, at_column, number in points:
    found.setdefault((at_row, at_column), []).append(number)
  rows, columns = (sorted({key[i] for key in found}) for i in (0, 1))
  means = tuple(tuple(summarize(found.get((r, c), []), Cell()).mean for c in columns) for r in rows)
  return Heat(title, row, column, tuple(f"{r:g}" for r in rows), tuple(f"{c:g}" for c in columns),
              means)


def _length_series(results: Results) -> str | None:
  """The first series whose axis is a length."""
  for record in results:
    for name in record["series"]:
      if "length" in record["axes"].get(name, {}).get("label", ""):
        return name
  return None


def _axis_label(results: Results, series: str) -> str:
  return next((r["axes"][series]["label"] for r in results if series in r["axes"]), "index")


def heat_range(heats: Sequence[Heat]) -> tuple[float, float]:
  """The smallest and largest value of all maps, so that they share one scale of colours."""
  values = [v for heat in heats for row in heat.values for v in row if v is not None]
  return (min(values), max(values)) if values else (0.0, 1.0)


def ticks(low: float, high: float, count: int = 7) -> list[float]:
  """About ``count`` round numbers that span [low, high].

  Example:
    >>> ticks(0.13, 1.02)
    [0.2, 0.4, 0.6, 0.8, 1.0]
  """
  if not high > low:
    return [low]
  raw = (high - low) / count
  power = 10.0 ** math.floor(math.log10(raw))
  step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
  first = math.ceil(low / step - 1e-9)
  return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


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
  """Few x values, such as lengths, are ticks themselves and get error bars.

  They usually double, so they are spread evenly from a factor of eight on.
  """
  points = [p for line in chart.lines for p in line.points]
  xs = sorted({p[0] for p in points})
  few = tuple(xs) if len(xs) <= 12 else ()
  return Axes(is_logarithmic(xs, 7.9 if few else 50), is_logarithmic([p[1] for p in points]), few)
