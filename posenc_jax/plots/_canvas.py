# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How every picture looks; matplotlib is imported only here and only when a picture is made."""

from typing import TYPE_CHECKING, Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.plots import _limits

if TYPE_CHECKING:
  from matplotlib.figure import Figure

SMALL = 8
MOST_NAMED = 12  # heads that the legend names; of more, the first, the last and some between


def new_figure(width: float, height: float) -> "Figure":
  """An empty Figure in inches, without pyplot.

  Raises:
    ImportError: matplotlib is not installed.
  """
  try:
    from matplotlib.figure import Figure
  except ImportError as error:
    raise ImportError(_errors.explain_fault(
      "posenc_jax.plots", f"an environment without {error.name}", "matplotlib",
      "Install it: pip install 'posenc_jax[plots]'")) from error
  return Figure(figsize=(width, height), layout="constrained")


def finish(axes: Any, x: str, y: str, title: str = "") -> None:
  """Labels, a faint grid, no box."""
  axes.set_xlabel(x, fontsize=SMALL + 1)
  axes.set_ylabel(y, fontsize=SMALL + 1)
  if title:
    axes.set_title(title, fontsize=SMALL + 2)
  axes.grid(alpha=0.25)
  axes.tick_params(labelsize=SMALL)
  axes.spines[["top", "right"]].set_visible(False)


def finish_image(axes: Any, title: str = "") -> None:
  """Small ticks at whole numbers, and the title."""
  axes.xaxis.get_major_locator().set_params(integer=True)
  axes.yaxis.get_major_locator().set_params(integer=True)
  axes.tick_params(labelsize=SMALL)
  if title:
    axes.set_title(title, fontsize=SMALL + 1)


def label_edges(grid: Any, x: str, y: str) -> None:
  """Axis labels on the lowest panel of each column and on the first column alone."""
  for column in grid.T:
    panel = [panel for panel in column if panel.get_visible()][-1]
    panel.set_xlabel(x, fontsize=SMALL)
    panel.tick_params(labelbottom=True)
  for panel in grid[:, 0]:
    panel.set_ylabel(y, fontsize=SMALL)


def colours(count: int) -> list[Any]:
  """A colour for each of some ordered things, dark to light, none too light for white paper."""
  import matplotlib

  return [matplotlib.colormaps["viridis"](x) for x in np.linspace(0.0, 0.85, max(count, 1))]


def draw_heads(axes: Any, x: np.ndarray, rows: np.ndarray) -> None:
  """A line for each head: x ``[n]``, rows ``[N, n]``; heads that agree are one line "all heads".

  A point without neighbours, of which no line would show, has a marker.
  """
  _limits.check_count("heads", len(rows), _limits.MOST_LINES, "Draw an encoding of fewer heads")
  if len(rows) > 1 and _agree(rows):
    _draw_head(axes, x, rows[0], colours(1)[0], "all heads")
    axes.legend(fontsize=SMALL, frameon=False)
    return
  for head, (row, colour) in enumerate(zip(rows, colours(len(rows)), strict=True)):
    name = f"head {head}" if _is_named(head, len(rows)) else f"_head {head}"
    _draw_head(axes, x, row, colour, name)
  if len(rows) > 1:
    outside(axes)


def _draw_head(axes: Any, x: np.ndarray, row: np.ndarray, colour: Any, name: str) -> None:
  known = np.pad(~np.ma.getmaskarray(row), 1)
  alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:]).tolist()
  axes.plot(x, row, color=colour, linewidth=1.4, label=name, marker="o" if alone else "",
            markersize=4, markevery=alone or None)


def _agree(rows: np.ndarray) -> bool:
  if (np.ma.getmaskarray(rows) != np.ma.getmaskarray(rows)[:1]).any():
    return False
  known = np.ma.filled(rows, 0.0)
  return bool(np.ptp(known, axis=0).max() <= 1e-6 * max(1.0, np.abs(known).max()))


def _is_named(head: int, heads: int) -> bool:
  return head in {round(i) for i in np.linspace(0, heads - 1, min(heads, MOST_NAMED))}


def titled(*lines: str) -> str:
  """A title, and below it what a picture leaves out; empty lines fall away."""
  return "\n".join(filter(None, lines))


def outside(axes: Any) -> None:
  """The legend on the right of the axes, where it hides no line."""
  axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=SMALL, frameon=False)
