# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report's charts as matplotlib figures; matplotlib is imported only here.

Figures are made without pyplot, so they need no window system and change no global state. Names
come from cells, which may hold anything: dollar signs are escaped, as matplotlib would read
mathematics, and a file's name is its number and letters of the title.
"""

import io
import math
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from posenc_jax._errors import clean
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show import heats, notes, views
from posenc_jax.sweeps.show.groups import ALL, Group, groups_of
from posenc_jax.sweeps.show.heats import Heat, Maps
from posenc_jax.sweeps.show.views import Axes, Chart, Line, Panel, axes_of, is_logarithmic
from posenc_jax.sweeps.summaries import Summary

if TYPE_CHECKING:
  from matplotlib.figure import Figure

MOST_ACROSS = 4  # panels of one setting beside each other
_DASHES = ("-", "--", ":", "-.")


def printable(name: object, most: int = 60) -> str:
  """A name without control characters, cut to so many letters."""
  shown = clean(str(name))
  return shown if len(shown) <= most else shown[:most - 1] + "…"


def plain(name: object, most: int = 60) -> str:
  """A name as matplotlib should draw it: printable, short, no mathematics."""
  return printable(name, most).replace("$", r"\$")


def file_name(index: int, title: str) -> str:
  """A number and the letters of the title."""
  return f"{index:02d}-{re.sub('[^A-Za-z0-9]+', '-', title)[:40].strip('-')}"


def _legend_name(group: str, rest: str) -> str:
  return plain(group + (f", {rest}" if rest else ""), 32)


def _draw_line(axes: Any, line: Line, group: Group, style: Any, few: bool) -> None:
  drawn = line.smooth or line.points
  points = [(x, s.mean, s) for x, s in zip(drawn.at, drawn.entries, strict=True)
            if s.mean is not None]
  xs, means = [x for x, _, _ in points], [m for _, m, _ in points]
  if not group.on:
    axes.plot(xs, means, color="0.6", linewidth=0.6, alpha=0.5, zorder=1,
              marker="." if few else "", markersize=3)
    return
  halves = [_half(s) for _, _, s in points]
  more = {"color": group.colour, "linewidth": 1.3, "linestyle": style,
          "label": _legend_name(line.group, line.rest)}
  if few:
    axes.errorbar(xs, means, halves, marker="o", markersize=3.5, capsize=2, elinewidth=0.8, **more)
    fewer = [(x, m) for x, m, s in points if s.failed]
    if fewer:
      axes.plot(*zip(*fewer, strict=True), "o", markersize=4.5, markerfacecolor="white",
                color=group.colour, zorder=3, label="_fewer seeds")
    return
  axes.plot(xs, means, **more)
  if any(halves):
    low, high = ([m + sign * h for m, h in zip(means, halves, strict=True)] for sign in (-1, 1))
    axes.fill_between(xs, low, high, color=group.colour, alpha=0.15, linewidth=0)


def _half(summary: Summary) -> float:
  """Half of the interval that is drawn, 0 where there is none."""
  return summary.half if summary.drawn and summary.half else 0.0


def _limits(axes: Any, lines: Sequence[Line]) -> str:
  """All means are inside and take at least half of the y axis, however wide their intervals are.

  Returns:
    A note if an interval is cut; "" otherwise.
  """
  entries = [s for line in lines for s in (line.smooth or line.points).entries]
  means = [s.mean for s in entries if s.mean is not None and math.isfinite(s.mean)]
  if not means or axes.get_yscale() == "log":
    return ""
  low, high = min(means), max(means)
  room = (high - low) / 2 or 0.1 * abs(high) or 1.0
  bottom, top = axes.get_ylim()
  bottom, top = max(bottom, low - room), min(top, high + room)
  axes.set_ylim(bottom, top)
  cut = sum(s.mean is not None and _half(s) > min(s.mean - bottom, top - s.mean) for s in entries)
  return f"{cut} of {len(entries)} intervals end outside of the axes" if cut else ""


def _draw_panel(axes: Any, panel: Panel, how: Axes, by_name: dict[str, Group],
                rests: Sequence[str]) -> None:
  """The lines of a panel; dashes tell apart what colours do not."""
  axes.set_visible(True)
  axes.set_xscale("log" if how.log_x else "linear")  # Before the ticks: it makes ticks of its own.
  axes.set_yscale("log" if how.log_y else "linear")
  for line in panel.lines:
    group = by_name[line.group]
    style = (0, group.dash if group.dash != (1, 0) else ())
    if len(rests) > 1:
      style = _DASHES[rests.index(line.rest) % len(_DASHES)]
    _draw_line(axes, line, group, style, bool(how.few))
  if panel.mark is not None:
    axes.axvline(panel.mark, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
  if how.few:
    axes.set_xticks(how.few, [f"{x:g}" for x in how.few])
    axes.set_xticks([], minor=True)
  axes.set_title(plain(panel.title), fontsize=9)
  axes.grid(alpha=0.25)
  axes.tick_params(labelsize=8, labelbottom=True)
  axes.spines[["top", "right"]].set_visible(False)


def _places(chart: Chart) -> tuple[int, int, list[tuple[int, int]]]:
  """Rows and columns, and where each panel goes; the many panels of one setting fill a grid."""
  many = len(chart.panels)
  if min(chart.rows, chart.columns) > 1 or many <= MOST_ACROSS:
    return chart.rows, chart.columns, [(panel.row, panel.column) for panel in chart.panels]
  rows = -(-many // MOST_ACROSS)
  columns = -(-many // rows)
  return rows, columns, [divmod(i, columns) for i in range(many)]


def _tell(figure: Any, lines: Sequence[str]) -> None:
  """Notes above the panels, in lines that fit the figure, which grows by them."""
  width, height = figure.get_size_inches()
  found = [part for line in lines for part in textwrap.wrap(plain(line, 400), int(14 * width))]
  figure.set_size_inches(width, height + 0.15 * len(found))
  figure.suptitle("\n".join(found), fontsize=8)


def chart_figure(chart: Chart, groups: Sequence[Group], also: Sequence[str] = ()) -> "Figure":
  """A chart as a Figure, a subplot for each panel.

  Args:
    chart: from ``views``.
    groups: the colours, from ``groups_of``.
    also: notes beside those that the chart makes of itself.

  Returns:
    A matplotlib Figure, which a notebook shows.

  Raises:
    ImportError: matplotlib is not installed.
  """
  from matplotlib.figure import Figure

  how, by_name = axes_of(chart), {g.name: g for g in (ALL, *groups)}
  rests = list(dict.fromkeys(line.rest for line in chart.lines))
  rows, columns, places = _places(chart)
  figure = Figure(figsize=(1.9 + 3.1 * columns, 0.8 + 2.5 * rows), layout="constrained")
  grid = figure.subplots(rows, columns, squeeze=False, sharey=True,
                         sharex="none" if how.few else "col")
  for axes in grid.flat:
    axes.set_visible(False)
  handles: dict[str, Any] = {}
  for panel, place in zip(chart.panels, places, strict=True):
    axes = grid[place]
    _draw_panel(axes, panel, how, by_name, rests)
    handles |= {name: handle for handle, name in
                zip(*axes.get_legend_handles_labels(), strict=True) if name not in handles}
  cut = _limits(grid[0][0], chart.lines)
  figure.supxlabel(plain(chart.x), fontsize=9)
  figure.supylabel(plain(chart.y), fontsize=9)
  order = [_legend_name(g.name, rest) for g in (*groups, ALL) for rest in rests]
  names = [name for name in dict.fromkeys(order) if name in handles]
  if len(names) > 1:
    figure.legend([handles[name] for name in names], names, loc="outside right center",
                  frameon=False, fontsize=8, title=plain(chart.by, 32), title_fontsize=8)
  _tell(figure, [*notes.notes_of(chart, groups), *filter(None, (cut, *also))])
  return figure


def _draw_heat(axes: Any, heat: Heat, norm: Any, direction: str | None) -> None:
  """A map with its numbers in it."""
  values = [[float("nan") if s is None or s.mean is None else s.mean for s in row]
            for row in heat.fields]
  axes.imshow(values, norm=norm, cmap="YlGnBu" if direction == "max" else "YlGnBu_r", aspect="auto")
  for i, row in enumerate(heat.fields):
    for j, s in enumerate(row):
      if s is None:
        continue
      if s.mean is None:
        shown, colour = s.told, "#a00000"
      else:
        dark = norm(s.mean) > 0.55 if direction == "max" else norm(s.mean) < 0.45
        shown, colour = f"{s.mean:.4g}" + ("*" if s.failed else ""), "white" if dark else "black"
      axes.text(j, i, plain(shown, 16), ha="center", va="center", fontsize=7, color=colour)
  axes.set_xticks(range(len(heat.columns)), [plain(c, 12) for c in heat.columns], fontsize=8)
  axes.set_yticks(range(len(heat.rows)), [plain(r, 24) for r in heat.rows], fontsize=8)
  axes.set_xlabel(plain(heat.column), fontsize=8)
  axes.set_ylabel(plain(heat.row), fontsize=8)
  axes.set_title(plain(heat.title), fontsize=9)


def maps_figure(maps: Maps, direction: str | None) -> "Figure":
  """Heat maps as a Figure; darker is better.

  Args:
    maps: from ``heats``.
    direction: "min", "max", or None: darker is less.

  Returns:
    A matplotlib Figure.

  Raises:
    ImportError: matplotlib is not installed.
  """
  from matplotlib.colors import LogNorm, Normalize
  from matplotlib.figure import Figure

  low, high = maps.range
  norm = LogNorm if is_logarithmic([low, high], 2.5) else Normalize
  columns = min(3, len(maps.heats))
  rows = -(-len(maps.heats) // columns)
  tall = max(len(heat.rows) for heat in maps.heats)
  wide = max(len(heat.columns) for heat in maps.heats)
  figure = Figure(figsize=(1.2 + columns * (1.1 + 0.62 * wide), rows * (0.9 + 0.25 * tall)),
                  layout="constrained")
  grid = figure.subplots(rows, columns, squeeze=False)
  for axes in list(grid.flat)[len(maps.heats):]:
    axes.set_visible(False)
  for axes, heat in zip(grid.flat, maps.heats, strict=False):
    _draw_heat(axes, heat, norm(low, high if high > low else low + 1.0), direction)
  told = any(heat.title != maps.value for heat in maps.heats)  # titles that say where, not what
  starred = any(s is not None and s.mean is not None and s.failed
                for heat in maps.heats for row in heat.fields for s in row)
  if told or starred:
    figure.suptitle(plain(maps.title) + (" (*: some seeds have no value)" if starred else ""),
                    fontsize=9)
  return figure


def figures_of(results: Results) -> list[tuple[str, "Figure"]]:
  """(title, Figure) of every chart of a report.

  Raises:
    ImportError: matplotlib is not installed.
  """
  groups = groups_of(results)
  drawn = views.series_charts(results)
  if results.main:
    drawn += views.setting_charts(results, results.main)
  return [*((chart.title, chart_figure(chart, groups)) for chart in drawn),
          *((maps.title, maps_figure(maps, results.direction(maps.value)))
            for maps in heats.maps_of(results))]


def to_bytes(figure: "Figure", kind: str) -> bytes:
  """A figure as the content of a "png" or "svg" file, the same for the same figure."""
  import matplotlib

  buffer = io.BytesIO()
  # A fixed salt and no date: the same results make the same files.
  with matplotlib.rc_context({"svg.hashsalt": "posenc_jax"}):
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=130, metadata=metadata)
  figure.set_layout_engine("none")  # The layout found for the first file serves both.
  return buffer.getvalue()
