# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The bias on the scores by distance, a line for each head, or a map for each head of two axes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.plots import _ask, _canvas, _limits

if TYPE_CHECKING:
  from matplotlib.figure import Figure

_WANTED = "an encoding whose bias is a function of positions"


def bias(e: Encoding, max_distance: int = 64, *, both: bool = False) -> "Figure":
  """What is added to the score of a key, by its distance from the query.

  The query stands at position ``max_distance``, which matters to encodings that read more than the
  distance, such as FIRE. A key that the encoding hides has a gap in place of a value, and the title
  says so.

  Args:
    e: an encoding with a bias that reads no content. One of two position axes gets a map for each
      head in place of a line, over distances from -max_distance to max_distance in both axes.
    max_distance: in tokens, at least 1; at most 65,536, or 128 for the maps of two axes.
    both: keys after the query as well, at negative distances; maps always have them.

  Returns:
    A Figure of one panel; for two axes of a panel for each head.

  Raises:
    ValueError: another encoding, with the plots that fit it; a max_distance below 1 or too large;
      more than 256 heads, or 16 maps; ``both`` for two axes.
    TypeError: no encoding, max_distance is no int.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: the bias is NaN or infinite somewhere; the picture leaves that out and says so.

  Example:
    >>> import posenc_jax as px
    >>> [line.get_label() for line in bias(px.Alibi(2), 8).axes[0].get_lines()]
    ['head 0', 'head 1']
  """
  e = _ask.checked(e)
  max_distance = _errors.check_int("max_distance", max_distance, "a number of tokens, at least 1",
                                   "Pass an int, such as 64", least=1)
  both = _errors.check_bool("both", both, "Pass True to see keys after the query")
  if "bias" not in _ask.fitting(e):
    _ask.refuse("bias", e, _WANTED)
  if e.position_axes == 2:
    if both:
      raise _errors.value_error("both", both, f"False for {type(e).__name__}, which reads two axes",
                                "Leave it out: a map has the distances of both signs")
    return _maps(e, max_distance)
  _limits.check_count("max_distance", max_distance, _limits.MOST_DISTANCE, "Draw a part")
  keys = np.arange(2 * max_distance + 1 if both else max_distance + 1, dtype=np.int32)
  query = np.array([max_distance], np.int32)
  rows = _ask.bias_at(e, query, keys)
  assert rows is not None  # else it would not fit
  rows, note = _limits.note_not_finite("e", rows[:, 0])
  rows, gaps, shown = _without_hidden(e, rows, query, keys)
  figure = _canvas.new_figure(5.6, 3.4)
  axes = figure.subplots()
  order = np.argsort(max_distance - keys)
  distance = (max_distance - keys)[order]
  _canvas.draw_heads(axes, distance, rows[:, order])
  room = 0.05 * (distance[-1] - distance[0])
  axes.set_xlim(distance[0] - room, distance[-1] + room)  # a gap at an end is seen as well
  _canvas.finish(axes, "distance to the key, in tokens", "added to the score",
                 _canvas.titled(*_ask.names_of(e, shown), gaps, note))
  return figure


def _without_hidden(e: Encoding, rows: np.ndarray, query: np.ndarray, keys: np.ndarray
                    ) -> tuple[np.ndarray, str, Callable[[Encoding], bool]]:
  """Bias ``[N, S]`` masked where a query sees no key, a note of it, and which parts act in it."""
  try:
    hidden = _ask.hidden_at(e, query, keys)
  except _ask.ReadsContent:
    return rows, "", _ask.answers("bias")
  if hidden is None:
    return rows, "", _ask.answers("bias", "visible")
  hidden = np.broadcast_to(hidden[:, 0], rows.shape)
  names = dict.fromkeys(type(part).__name__ for part, *_ in e.parts() if part.has("visible"))
  verb = "hides" if len(names) == 1 else "hide"
  return (np.ma.masked_array(rows, np.ma.getmaskarray(rows) | hidden),
          f"gaps: keys that {' and '.join(names)} {verb}", _ask.answers("bias", "visible"))


def _maps(e: Encoding, most: int) -> "Figure":
  """A map for each head over two distances."""
  _limits.check_count("max_distance", most, _limits.MOST_MAP_DISTANCE, "Draw a part")
  line = np.arange(-most, most + 1, dtype=np.int32)
  distance = np.stack(np.meshgrid(line, line, indexing="ij"), -1)
  found = np.asarray(e.distance_bias(distance), np.float64)
  _limits.check_count("heads", len(found), _limits.MOST_MAPS, "Draw an encoding of fewer heads")
  found, note = _limits.note_not_finite("e", found)
  flat, gaps, shown = _without_hidden(e, found.reshape(len(found), -1), np.zeros((1, 2), np.int32),
                                      -distance.reshape(-1, 2))
  found = flat.reshape(found.shape)
  columns = min(4, len(found))
  rows = -(-len(found) // columns)
  figure = _canvas.new_figure(1.3 + 1.7 * columns, 1.2 + 1.8 * rows)
  grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
  edge = most + 0.5
  for panel in grid.flat[len(found):]:
    panel.set_visible(False)
  low, high = (float(np.ma.filled(x, 0.0)) for x in (found.min(), found.max()))
  drawn = [panel.imshow(values, vmin=low, vmax=high, cmap="viridis",
                        extent=(-edge, edge, edge, -edge))
           for panel, values in zip(grid.flat, found, strict=False)]
  for head in range(len(found)):
    grid.flat[head].set_facecolor(_limits.GREY)
    _canvas.finish_image(grid.flat[head], f"head {head}")
  _canvas.label_edges(grid, "distance, axis 1", "distance, axis 0")
  figure.suptitle(_canvas.titled(*_ask.names_of(e, shown), gaps, note),
                  fontsize=_canvas.SMALL + 1)
  bar = figure.colorbar(drawn[0], ax=grid.ravel().tolist(), shrink=0.8)
  bar.ax.tick_params(labelsize=_canvas.SMALL)
  bar.set_label("added to the score", fontsize=_canvas.SMALL)
  return figure
