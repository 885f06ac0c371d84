# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures and tables of a series, one line or row an encoding."""

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.findings.page import Table
from experiments.findings.select import FAILED
from posenc_jax import sweeps
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.summaries import VectorSummary

if TYPE_CHECKING:
  from matplotlib.figure import Figure

_DASHES = ("-", "--", ":", "-.")
NOTHING = "no lane ended well"
_COVERED = 0.004  # of the height of a panel: about half the width of a line


def vectors(results: sweeps.Results, series: str) -> list[VectorSummary]:
  """The means of a series; none if all lanes failed, so that no record has it.

  Raises:
    ValueError: a lane ended well, but there is no such series.
  """
  if series not in results.series and all(r["status"] != "ok" for r in results):
    return []
  return results.mean(f"series/{series}")


def curves(panels: Sequence[tuple[str, sweeps.Results]], series: str, xlabel: str, ylabel: str, *,
           encodings: Sequence[str] | None = None, logarithmic: bool = False,
           limits: tuple[float, float] | None = None,
           fitted: bool = False, within: tuple[float, float] = (-math.inf, math.inf),
           against: str | None = None) -> "Figure":
  """A panel for each title and results: means over seeds with 95 percent bands, a line an encoding.

  Args:
    panels: (title, results), of which all else but encoding and seed is one setting.
    series: its name.
    xlabel, ylabel: of the axes.
    encodings: which, in the legend's order; None for all.
    logarithmic: whether lengths double from tick to tick.
    limits: of y, of all panels.
    fitted: whether each panel has limits of its own in their place, those of ``mean_limits``.
    within: what values can be, such as (0, 100) for percent: bands end there.
    against: an encoding whose series is taken from the others', seed by seed; None for none.

  Returns:
    A matplotlib Figure.
  """
  from matplotlib import colormaps
  from matplotlib.figure import Figure

  columns = min(3, len(panels))
  rows = -(-len(panels) // columns)
  figure = Figure(figsize=(max(4.2 * columns, 6.0) + 1.6, 3.1 * rows + 0.4), layout="constrained")
  axes = figure.subplots(rows, columns, squeeze=False, sharey=not fitted)
  names = list(dict.fromkeys(str(s.settings["encoding"]) for _, results in panels
                             for s in vectors(results, series)))
  names = [n for n in (encodings or names) if n in names]
  colours = colormaps["tab10"].colors
  for i, (title, results) in enumerate(panels):
    ax = axes[i // columns][i % columns]
    shown = results if against is None else minus(results, series, against)
    for vector in vectors(shown, series):
      name = str(vector.settings["encoding"])
      points = [(x, s.mean, s.half or 0.0) for x, s in zip(vector.at, vector.entries, strict=True)
                if s.mean is not None]
      if name not in names or not points:
        continue
      xs, means, halves = map(list, zip(*points, strict=True))
      at = names.index(name)
      style = {"color": colours[at % 10], "linestyle": _DASHES[at // 10 % 4]}
      ax.plot(xs, means, label=name, linewidth=1.3, marker="o" if len(xs) == 1 else "", **style)
      low, high = ([min(max(m + sign * h, within[0]), within[1])
                    for m, h in zip(means, halves, strict=True)] for sign in (-1, 1))
      ax.fill_between(xs, low, high, color=style["color"], alpha=0.15, linewidth=0)
    if not ax.get_lines():
      ax.text(0.5, 0.5, NOTHING, transform=ax.transAxes, ha="center", va="center", fontsize=9)
    if logarithmic:
      ax.set_xscale("log", base=2)
      ax.xaxis.set_major_formatter("{x:g}")
    if fitted and (own := mean_limits(shown, series)) is not None:
      ax.set_ylim(*own)
    ax.set_title(title, fontsize=9)
    ax.grid(alpha=0.3)
    ax.tick_params(labelsize=8)
  for ax in list(axes.flat)[len(panels):]:
    ax.set_visible(False)
  if limits is not None:
    axes[0][0].set_ylim(*limits)
  figure.supxlabel(xlabel, fontsize=9)
  figure.supylabel(ylabel, fontsize=9)
  handles = {h.get_label(): h for ax in axes.flat for h in ax.get_lines()}
  figure.legend([handles[n] for n in names if n in handles], [n for n in names if n in handles],
                loc="outside right upper", fontsize=8, frameon=False)
  return figure


def mean_limits(results: sweeps.Results, series: str) -> tuple[float, float] | None:
  """Limits of y that hold every mean line, however wide the bands are; None without values."""
  means = [s.mean for vector in vectors(results, series) for s in vector.entries
           if s.mean is not None]
  if not means:
    return None
  room = 0.05 * (max(means) - min(means)) or 0.05 * abs(max(means)) or 1.0
  return min(means) - room, max(means) + room


def hidden(figure: "Figure") -> str:
  """Which lines of ``curves`` others cover, by panel: "Lines that others cover: .."; "" for none.

  A line is covered if one that is drawn later has its points to half the width of a line.
  """
  told = []
  for ax in figure.axes:
    low, high = ax.get_ylim()
    lines = [line for line in ax.get_lines() if ax.get_visible()]
    below: dict[str, list[str]] = {}
    for i, line in enumerate(lines):
      above = [o for o in lines[i + 1:] if _covers(o, line, _COVERED * (high - low))]
      if above:
        below.setdefault(str(above[-1].get_label()), []).append(str(line.get_label()))
    pairs = [f"{' and '.join(names)} under {over}" for over, names in below.items()]
    told += [", ".join(filter(None, (ax.get_title(), *pairs)))] if pairs else []
  return f"Lines that others cover: {'; '.join(told)}." if told else ""


def _covers(over: Any, under: Any, most: float) -> bool:
  """Whether a line has the points of another, and none between them; points alone have marks."""
  points = dict(zip(under.get_xdata(), under.get_ydata(), strict=True))
  ends = min(points), max(points)
  found = {x: y for x, y in zip(over.get_xdata(), over.get_ydata(), strict=True)
           if ends[0] <= x <= ends[1]}
  return (over.get_marker() == under.get_marker() and found.keys() == points.keys()
          and all(abs(y - points[x]) <= most for x, y in found.items()))


def minus(results: sweeps.Results, series: str, against: str) -> sweeps.Results:
  """Results whose series is its difference from that of one encoding, seed by seed."""
  found = {r["cell"]["seed"]: r["series"][series] for r in results
           if r["cell"]["encoding"] == against and r["status"] == "ok"}
  less = lambda x, y: None if x is None or y is None else x - y
  kept = []
  for r in results:
    base = found.get(r["cell"]["seed"])
    if r["status"] == "ok" and base is not None:
      values = [less(x, y) for x, y in zip(r["series"][series], base, strict=True)]
      kept.append({**r, "series": {**r["series"], series: values}})
  return dataclasses.replace(results, records=tuple(kept))


def table(title: str, results: sweeps.Results, series: str, unit: str = "") -> Table:
  """Mean and half of the 95 percent interval, a row an encoding, a column an entry of a series.

  The last column says how many seeds count, "2 of 5" if lanes diverged or failed; entries of an
  encoding of which no lane ended well are "failed".
  """
  found = {v.settings: v for v in vectors(results, series)}
  at = sorted({x for v in found.values() for x in v.at})
  lanes = collections.defaultdict(list)
  for r in results:
    lanes[Cell(r["cell"]).without("seed")].append(r["status"])
  rows = []
  for settings, statuses in lanes.items():
    v = found.get(settings)
    entries = {} if v is None else dict(zip(v.at, v.entries, strict=True))
    count = max((s.count for s in entries.values()), default=0)
    none = "-" if "ok" in statuses else FAILED
    shown = []
    for x in at:
      s = entries.get(x)
      half = "" if s is None or s.half is None else f" ± {s.half:.3f}"
      shown.append(none if s is None or s.mean is None else f"{s.mean:.3f}{half}")
    rows.append((str(settings["encoding"]), *shown,
                 str(count) if count == len(statuses) else f"{count} of {len(statuses)}"))
  return Table(title, ("encoding", *(f"{x:g}{unit}" for x in at), "seeds"), tuple(rows))


def part(results: sweeps.Results, **cell: object) -> sweeps.Results:
  """The results of the cells that have these settings."""
  kept = tuple(r for r in results if all(r["cell"].get(k) == v for k, v in cell.items()))
  return dataclasses.replace(results, records=kept)
