# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The panels of attention weights: where each layer and head goes, and names along their axes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from posenc_jax.plots import _canvas

if TYPE_CHECKING:
  from matplotlib.figure import Figure

MOST_ACROSS = 8  # panels beside each other
MOST_NAMES = 14  # tokens named along an axis, which is as many as a panel has room for
MOST_LETTERS = 12  # of such a name


def grid_of(layers: int, heads: int, letters: int, lines: int
            ) -> tuple["Figure", np.ndarray, dict[tuple[int, int], Any]]:
  """A Figure, its grid, and {(layer, head): panel}, at most 8 across.

  Args:
    layers: a row each, or several in a row where they are many and their heads few.
    heads: in a row, or in several rows where they are more than 8.
    letters: of the longest name along the axes.
    lines: of text above.
  """
  deep = -(-heads // MOST_ACROSS)
  wide = -(-heads // deep)
  beside = MOST_ACROSS // wide if layers > MOST_ACROSS else 1
  rows, columns = -(-layers // beside) * deep, wide * beside
  name = 0.065 * letters  # inches
  ragged = 2 if heads % wide or layers % beside else 1  # names below panels that end a column early
  figure = _canvas.new_figure(1.4 + 1.75 * columns + name,
                              0.8 + 0.4 * bool(lines) + 0.15 * max(lines - 1, 0) + 1.8 * rows
                              + ragged * name)
  grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
  panels = {(layer, head): grid[layer // beside * deep + head // wide,
                                layer % beside * wide + head % wide]
            for layer in range(layers) for head in range(heads)}
  for panel in grid.flat:
    panel.set_visible(any(panel is used for used in panels.values()))
  return figure, grid, panels


def short_names(tokens: Sequence[str], rows: int) -> tuple[list[str], str]:
  """Names that fit along an axis, and a line that says what they lack.

  A line break and whatever else prints no letter is written as in a Python string.
  """
  whole = ["".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(t))
           for t in tokens]
  names = [t if len(t) <= MOST_LETTERS else t[:MOST_LETTERS - 1] + "…" for t in whole]
  told = [f"names cut to {MOST_LETTERS} letters"] if names != whole else []
  every, of_rows = (-(-n // MOST_NAMES) for n in (len(names), rows))
  if every > 1:
    told.append(f"named: 1 key in {every}" + (f" and 1 query in {of_rows}" if of_rows > 1 else ""))
  return [t.replace("$", r"\$") for t in names], "; ".join(told)


def name(panels: Iterable[Any], names: list[str], rows: int) -> None:
  """Ticks with names, at most MOST_NAMES along an axis, the queries being the last of the keys."""
  for panel in panels:
    for ticks, shown, turn in ((panel.set_xticks, names, 90),
                               (panel.set_yticks, names[-rows:], 0)):
      every = -(-len(shown) // MOST_NAMES)
      ticks(range(0, len(shown), every), shown[::every], fontsize=_canvas.SMALL - 1, rotation=turn)
