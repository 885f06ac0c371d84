# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The data of the interactive page, as JSON that can stand inside a script element."""

import json
import math
from collections.abc import Sequence
from typing import Any

from posenc_jax.sweeps.html import number
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show import charts
from posenc_jax.sweeps.show.groups import Group
from posenc_jax.sweeps.show.heats import Heat, Maps
from posenc_jax.sweeps.show.views import (
  Chart,
  Line,
  axes_of,
  is_few,
  is_logarithmic,
  label,
  roles_of,
  shown,
)
from posenc_jax.sweeps.summaries import Summary, VectorSummary

MOST_PAIRS = 4000


def _short(x: float | None, digits: int = 5) -> float | None:
  return None if x is None else float(f"{x:.{digits}g}")


def _points(vector: VectorSummary) -> dict[str, Any]:
  """Means and intervals, entries without a value left out; c counts lanes where some are lost."""
  kept = [(x, s) for x, s in zip(vector.at, vector.entries, strict=True) if s.mean is not None]
  ends = [s.drawn or (None, None) for _, s in kept]
  found: dict[str, Any] = {
    "x": [_short(x, 8) for x, _ in kept], "m": [_short(s.mean) for _, s in kept],
    "l": [_short(low) for low, _ in ends], "h": [_short(high) for _, high in ends]}
  counts = [s.count for _, s in kept]
  total = max((s.count + s.failed for _, s in kept), default=0)
  if any(n != total for n in counts):
    found["c"] = counts
    found["t"] = [s.told for _, s in kept]
  return {**found, "n": total}


def _line(line: Line, names: Sequence[str]) -> dict[str, Any]:
  found = {"g": names.index(line.group), "rest": line.rest, "raw": _points(line.points)}
  if line.smooth is not None:
    found["smooth"] = _points(line.smooth)
  return found


def chart_data(chart: Chart, names: Sequence[str]) -> dict[str, Any]:
  """A chart's specification and, for each panel, its lines."""
  axes = axes_of(chart)
  spec = charts.line_spec(x=chart.x, y=chart.y, few=axes.few, log_x=axes.log_x, log_y=axes.log_y)
  rests = list(dict.fromkeys(line.rest for line in chart.lines))
  return {"kind": "lines", "spec": spec, "few": is_few(chart), "log": axes.log_y, "rests": rests,
          "panels": [{"mark": panel.mark, "lines": [_line(x, names) for x in panel.lines]}
                     for panel in chart.panels]}


def _text_colour(mean: float, low: float, high: float, log: bool, direction: str | None) -> str:
  """White on the dark half of the scale, which is the better one."""
  if not high > low:
    return "#222"
  at = math.log(mean / low) / math.log(high / low) if log else (mean - low) / (high - low)
  dark = at if direction == "max" else 1 - at
  return "#fff" if dark > 0.55 else "#222"


def _field_data(summary: Summary | None, row: str, column: str, heat: Heat, colour: Any
                ) -> dict[str, Any]:
  where = {"row": row, "column": column, "name": f"{heat.row} {row}, {heat.column} {column}"}
  if summary is None:
    return {**where, "v": None, "t": "", "k": "#777", "mean": "no cell"}
  total = summary.count + summary.failed
  seeds = f"{summary.count} of {total}" + (f" ({summary.told})" if summary.failed else "")
  mean = summary.mean
  told = summary.told or "-" if mean is None else number(mean)
  return {**where, "v": _short(mean, 6), "t": told + ("*" if summary.failed and mean else ""),
          "k": "#a00" if mean is None else colour(mean), "mean": told,
          "interval": interval_text(summary), "seeds": seeds}


def interval_text(summary: Summary) -> str:
  """"low to high" of the 95 percent interval."""
  return "-" if summary.interval is None else "{:.4g} to {:.4g}".format(*summary.interval)


def maps_data(maps: Maps, direction: str | None) -> dict[str, Any]:
  """The specification of heat maps and the fields of each."""
  low, high = maps.range
  log = is_logarithmic([low, high], 2.5)
  first = maps.heats[0]
  spec = charts.heat_spec(row=first.row, column=first.column, low=low, high=high, log=log,
                          direction=direction)
  colour = lambda mean: _text_colour(mean, low, high, log, direction)
  panels = [[_field_data(s, row, column, heat, colour)
             for row, fields in zip(heat.rows, heat.fields, strict=True)
             for column, s in zip(heat.columns, fields, strict=True)] for heat in maps.heats]
  return {"kind": "heat", "spec": spec, "panels": panels}


def paired_data(results: Results, groups: Sequence[Group]) -> dict[str, Any] | None:
  """The paired differences of the main metric between the groups; None if there are none.

  Returns:
    Panels of pairs (first, second, what else, mean, interval, counts), and the groups that can be
    the one all others are compared to: every one, or of very many only the first.
  """
  roles, metric = roles_of(results), results.main
  if roles.colour is None or metric is None:
    return None
  names = [g.name for g in groups]
  settings = max(1, len(results.mean(metric)) // len(names))
  many = len(names) * (len(names) - 1) // 2 * settings > MOST_PAIRS
  value = next(v for v in results.values(roles.colour)
               if shown(v) == names[0]) if many else None
  panels: dict[str, list] = {}
  for d in results.paired(roles.colour, metric, against=value):
    if d.mean is None:
      continue
    a, b = (names.index(shown(v)) for v in (d.first, d.second))
    low, high = d.interval or (None, None)
    panels.setdefault(label(d.settings, roles.panels), []).append(
      [a, b, label(d.settings, roles.rest), _short(d.mean), _short(low), _short(high), d.count,
       d.count + d.over.failed])
  if not panels:
    return None
  return {"kind": "paired", "spec": charts.paired_spec(f"difference in {metric}"),
          "bases": [0] if value is not None else list(range(len(names))),
          "titles": list(panels), "panels": list(panels.values())}


def to_json(data: Any) -> str:
  """JSON that ends no script element and starts no comment in it, whatever the names are."""
  found = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
  return found.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
