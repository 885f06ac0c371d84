# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report's charts as PNG and SVG files, by matplotlib, which is imported only here.

Figures are made without pyplot, so they need no window system and change no global state. Names
come from cells, which may hold anything: dollar signs are escaped, as matplotlib would read
mathematics, and a file's name is its number and letters of the title.
"""

import functools
import io
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from posenc_jax.sweeps import files
from posenc_jax.sweeps.show.svg import COLOURS
from posenc_jax.sweeps.show.views import Chart, Heat, axes_of, heat_range


def _plain(name: object) -> str:
  shown = "".join(c if c.isprintable() else "?" for c in str(name))[:80]
  return shown.replace("$", r"\$")


def _file_name(index: int, title: str) -> str:
  return f"{index:02d}-{re.sub('[^A-Za-z0-9]+', '-', title)[:40].strip('-')}"


def _draw_chart(figure: Any, chart: Chart) -> None:
  axes, how = figure.subplots(), axes_of(chart)
  in_legend = set()
  for line in chart.lines:
    xs, means, errors = zip(*line.points, strict=True)
    name = None if line.colour in in_legend else _plain(chart.colours[line.colour])
    in_legend.add(line.colour)
    axes.errorbar(xs, means, [e or 0.0 for e in errors] if how.few else None, label=name,
                  color=COLOURS[line.colour % len(COLOURS)], linewidth=1.2,
                  marker="o" if how.few else None, markersize=3, capsize=2)
  axes.set_xscale("log" if how.log_x else "linear")
  axes.set_yscale("log" if how.log_y else "linear")
  if how.few:
    axes.set_xticks(how.few, [f"{x:g}" for x in how.few])
    axes.set_xticks([], minor=True)
  axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y), title=_plain(chart.title))
  if chart.colours != ("all",):
    axes.legend(fontsize=8)
  axes.grid(alpha=0.3)


def _draw_heats(figure: Any, heats: Sequence[Heat]) -> None:
  low, high = heat_range(heats)
  every = figure.subplots(1, len(heats), squeeze=False)[0]
  for axes, heat in zip(every, heats, strict=True):
    values = [[float("nan") if v is None else v for v in row] for row in heat.values]
    image = axes.imshow(values, vmin=low, vmax=high, cmap="viridis", aspect="auto", origin="lower")
    axes.set_xticks(range(len(heat.columns)), heat.columns)
    axes.set_yticks(range(len(heat.rows)), heat.rows)
    axes.set(xlabel=_plain(heat.column), ylabel=_plain(heat.row), title=_plain(heat.title))
  figure.colorbar(image, ax=list(every))


def write_figures(directory: pathlib.Path, charts: Sequence[Chart], heats: Sequence[Heat]) -> int:
  """Writes every chart, and all heat maps together, as PNG and SVG; returns how many files.

  Raises:
    ImportError: matplotlib is not installed.
  """
  import matplotlib
  from matplotlib.figure import Figure

  files.make_directory(directory)
  for path in directory.glob("[0-9][0-9]-*.*"):  # Of an earlier report with other charts.
    path.unlink()
  drawings: list[tuple[str, tuple[float, float], Callable[[Any], None]]] = [
    (c.title, (6.4, 4.0), functools.partial(_draw_chart, chart=c)) for c in charts]
  if heats:
    drawings.append(("heat maps", (3.2 * len(heats) + 1, 3.2), lambda f: _draw_heats(f, heats)))
  for index, (title, size, draw) in enumerate(drawings, start=1):
    # A fixed salt and no date: the same results make the same files.
    with matplotlib.rc_context({"svg.hashsalt": "posenc_jax"}):
      figure = Figure(figsize=size, layout="constrained")
      draw(figure)
      for kind in ("png", "svg"):
        buffer = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=120, metadata=metadata)
        figure.set_layout_engine("none")  # The layout found for the first file serves both.
        path = directory / f"{_file_name(index, title)}.{kind}"
        files.write_atomic(path, buffer.getvalue())
  return 2 * len(drawings)
