# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an encoding adds to the embeddings, as a heat map."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.encodings import _checks
from posenc_jax.plots import _ask, _canvas, _limits

if TYPE_CHECKING:
  from matplotlib.figure import Figure

LENGTH = 64  # positions, where none is told


def table(e: Encoding, dim: int, *, length: int | None = None, positions: Any = None,
          key: jax.Array | None = None) -> "Figure":
  """What is added to the embedding of each position.

  Shown is what the encoding makes of embeddings of zeros; of one that multiplies, and so leaves
  zeros as they are, what it makes of ones. A row is a token: its tick says the position that the
  encoding read, given or drawn.

  Args:
    e: an encoding with the hook ``inputs``.
    dim: D, the columns of the embeddings, at most 4096.
    length: T, how many positions, counted from 0, at most 4096; None is 64, or as many as
      ``positions`` has.
    positions: ``[T]`` or ``[T, P]`` in place of 0, 1, ..; encodings of several axes need them.
    key: one PRNG key, of encodings that draw positions; without one they do what they do in
      evaluation.

  Returns:
    A Figure of one panel and its scale.

  Raises:
    ValueError: another encoding, with the plots that fit it; sizes below 1 or above 4096; no
      positions for several axes; a length beside positions of another; a key for an encoding that
      changes no positions.
    TypeError: no encoding, sizes that are no ints, no PRNG key.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: some values are NaN or infinite; the picture leaves them out and says so.

  Example:
    >>> import posenc_jax as px
    >>> table(px.Sinusoidal(16), 16, length=4).axes[0].images[0].get_array().shape
    (4, 16)
  """
  e = _ask.checked(e)
  dim = _limits.size("dim", dim, _limits.MOST_COLUMNS)
  if "table" not in _ask.fitting(e):
    _ask.refuse("table", e, "an encoding that adds to the embeddings")
  at, rows = _ask.positions_of(e, length, positions, LENGTH, _limits.MOST_COLUMNS)
  found = e.align_tokens(e.positions(at, key=_checked_key(e, key)), 0, rows)
  values = np.asarray(e.inputs(jnp.zeros((rows, dim), jnp.float32), found), np.float32)
  told = "added to the embedding"
  note = ""
  if not values.any():
    ones = np.asarray(e.inputs(jnp.ones((rows, dim), jnp.float32), found), np.float32)
    if (ones == 1.0).all():
      note = "every value is 0"
    else:
      values, told = ones, "what becomes of an embedding of ones"
  title = _canvas.titled(*_ask.names_of(e, _ask.answers("inputs", "positions")), note)
  return _drawn(values, told, title, np.asarray(found if np.shape(found) else at))


def _checked_key(e: Encoding, key: Any) -> Any:
  if key is None:
    return None
  _checks.key(key)
  if "positions" not in _ask.hooks(e):
    raise _errors.value_error("key", _errors.describe(key), f"None for {type(e).__name__}, which "
                              "draws no positions", "Leave it out")
  return key


def _position_text(position: Any) -> str:
  """A position as a tick says it: "3", "0.25", "(1, 2)"."""
  if np.ndim(position):
    return f"({', '.join(_position_text(x) for x in position)})"
  return f"{int(position)}" if position == int(position) else f"{float(position):.6g}"


def _label_positions(axes: Any, at: np.ndarray) -> None:
  """Ticks at whole rows, that say the positions ``[T]`` or ``[T, P]`` of these rows."""
  text = lambda row, _: (_position_text(at[int(row)])
                         if row == int(row) and 0 <= row < len(at) else "")
  axes.yaxis.set_major_formatter(text)
  several = f" (axes 0 to {at.shape[1] - 1})" if at.ndim > 1 else ""
  axes.set_ylabel(f"position{several}", fontsize=_canvas.SMALL + 1)


def _drawn(values: np.ndarray, told: str, title: str, at: np.ndarray) -> "Figure":
  values, note = _limits.note_not_finite("e", values)
  figure = _canvas.new_figure(5.6, 3.6)
  axes = figure.subplots()
  axes.set_facecolor(_limits.GREY)
  edge = float(np.abs(np.ma.filled(values, 0.0)).max()) or 1.0
  image = axes.imshow(values, cmap="RdBu_r", vmin=-edge, vmax=edge, aspect="auto",
                      interpolation="nearest", origin="lower")
  _canvas.finish_image(axes, _canvas.titled(title, note))
  axes.set_xlabel("column of the embedding", fontsize=_canvas.SMALL + 1)
  _label_positions(axes, at)
  bar = figure.colorbar(image, ax=axes)
  bar.ax.tick_params(labelsize=_canvas.SMALL)
  bar.set_label(told, fontsize=_canvas.SMALL + 1)
  return figure
