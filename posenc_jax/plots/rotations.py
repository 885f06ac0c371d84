# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations: how many tokens a turn takes, and what turning does to a score."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from posenc_jax.base import Encoding
from posenc_jax.plots import _ask, _canvas, _limits

if TYPE_CHECKING:
  from matplotlib.figure import Figure


def wavelengths(e: Encoding, *, length: int | None = None) -> "Figure":
  """How many tokens each pair of dims takes to turn once; a pair that stands still has none.

  Args:
    e: an encoding that keeps ``frequencies``, alone or in a chain.
    length: tokens, marked by a line: slower pairs never finish a turn in so many.

  Returns:
    A Figure of one panel, a line for each part of a chain (and head, or axis) that turns.

  Raises:
    ValueError: another encoding, with the plots that fit it; one with stacked leaves; a length
      below 1; more than 256 lines.
    TypeError: no encoding, a length that is no int.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: frequencies are NaN or infinite; the picture leaves them out and says so.

  Example:
    >>> import posenc_jax as px
    >>> wavelengths(px.Rotary(4)).axes[0].get_lines()[0].get_ydata().round(2).tolist()
    [6.28, 628.32]
  """
  e = _ask.checked(e)
  if length is not None:
    length = _limits.size("length", length)
  found = _ask.frequencies_of(e)
  if not found:
    _ask.refuse("wavelengths", e, "an encoding that keeps frequencies")
  notes = []
  lines = [(name if len(rows) == 1 else f"{name}, row {i}", row)
           for name, radians in found for rows in [radians.reshape(-1, radians.shape[-1])]
           for i, row in enumerate(rows)]
  _limits.check_count("e: rows of frequencies", len(lines), _limits.MOST_LINES,
                      "Draw an encoding of fewer heads")
  figure = _canvas.new_figure(5.6, 3.4)
  axes = figure.subplots()
  for (name, row), colour in zip(lines, _canvas.colours(len(lines)), strict=True):
    row, note = _limits.note_not_finite("e", row)
    notes += [note] if note else []
    turns = np.flatnonzero(np.ma.filled(row, 0.0))
    still = int((row == 0).sum())
    label = name + (f" ({still} of {len(row)} stand still)" if still else "")
    axes.plot(turns, 2 * np.pi / np.abs(row[turns]), ".-", color=colour, linewidth=1.0,
              label=label)
  axes.set_yscale("log")
  if length is not None:
    axes.axhline(length, color="0.4", linestyle=":", linewidth=1.0, label=f"{length} tokens")
  _canvas.finish(axes, "pair of dims", "tokens in a full turn",
                 _canvas.titled(*_ask.names_of(e, _ask.keeps_frequencies), "; ".join(notes)))
  axes.legend(fontsize=_canvas.SMALL, frameon=False, loc="upper left")
  return figure


def similarity(e: Encoding, head_dim: int, *, heads: int = 1, kv_heads: int | None = None,
               max_distance: int = 128) -> "Figure":
  """The score of a query with a key of the same content, by their distance.

  Query and key are vectors of ones before the encoding acts on them; the score is divided by the
  lengths that both have at distance zero. It shows the hooks ``qk`` and ``expand`` alone, no bias
  and no temperature of the softmax. For a rotary it is the mean of the cosines of all pairs.

  Args:
    e: an encoding that changes q and k by their positions.
    head_dim: H.
    heads: N, of encodings that differ by head.
    kv_heads: K, None for N; encodings with numbers for each key head say which.
    max_distance: in tokens, from 1 to 65,536.

  Returns:
    A Figure of one panel, a line for each head.

  Raises:
    ValueError: another encoding, with the plots that fit it; sizes below 1, or that would fill
      the memory; kv_heads that do not divide heads. What the encoding raises for such heads.
    TypeError: no encoding, sizes that are no ints.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: scores are NaN or infinite; the picture leaves them out and says so.

  Example:
    >>> import posenc_jax as px
    >>> similarity(px.Rotary(2), 2, max_distance=3).axes[0].get_lines()[0].get_ydata().round(2)
    array([ 1.  ,  0.54, -0.42, -0.99])

  References:
    Su et al. 2021, arXiv 2104.09864, section 3.4.3, on the decay with distance.
  """
  e = _ask.checked(e)
  heads, kv_heads, head_dim = _limits.head_sizes(heads, kv_heads, head_dim)
  max_distance = _limits.size("max_distance", max_distance, _limits.MOST_DISTANCE)
  _limits.check_numbers("max_distance, heads, head_dim", "numbers of keys", max_distance + 1, heads,
                        head_dim)
  if "similarity" not in _ask.fitting(e):
    _ask.refuse("similarity", e, "an encoding that changes q and k by one position a token")
  rows, note = _limits.note_not_finite("e", _scores(e, (heads, kv_heads, head_dim), max_distance))
  figure = _canvas.new_figure(5.6, 3.4)
  axes = figure.subplots()
  _canvas.draw_heads(axes, np.arange(max_distance + 1), rows)
  _canvas.finish(axes, "distance to the key, in tokens", "score, of vectors of length 1",
                 _canvas.titled(*_ask.names_of(e, _ask.answers("qk", "expand")), note))
  return figure


def _scores(e: Encoding, sizes: tuple[int, int, int], most: int) -> np.ndarray:
  """``[N, most + 1]``, by distance; the query is the last token."""
  keys: Any = e.align(np.arange(most + 1, dtype=np.int32), 0, most + 1)
  query: Any = e.align(np.array([most], np.int32), 0, 1)
  heads, kv_heads, head_dim = sizes
  q = jnp.ones((1, heads, head_dim), jnp.float32)
  k = jnp.ones((most + 1, kv_heads, head_dim), jnp.float32)
  q, k = e.qk(q, k, query, keys)
  q, k = e.expand(q, k, query, keys)
  q, k = np.asarray(q, np.float64), np.repeat(np.asarray(k, np.float64), heads // kv_heads, axis=1)
  norms = np.sqrt((q[0] ** 2).sum(-1) * (k[-1] ** 2).sum(-1))
  return np.einsum("tnh,snh->ns", q, k)[:, ::-1] / norms[:, None]
