# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an encoding adds to the embeddings, as a heat map."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.base import Encoding
from posenc_jax.plots import _ask, _canvas

if TYPE_CHECKING:
  from matplotlib.figure import Figure

MOST = 4096


def table(e: Encoding, dim: int, *, length: int = 64, positions: Any = None,
          key: jax.Array | None = None) -> "Figure":
  """What is added to the embedding of each position.

  Shown is what the encoding makes of embeddings of zeros; of one that multiplies, and so leaves
  zeros as they are, what it makes of ones.

  Args:
    e: an encoding with the hook ``inputs``.
    dim: D, the columns of the embeddings.
    length: T, how many positions, counted from 0.
    positions: ``[T]`` or ``[T, P]`` in place of 0, 1, ..; encodings of several axes need them.
    key: of encodings that draw positions; without one they do what they do in evaluation.

  Returns:
    A Figure of one panel and its scale.

  Raises:
    ValueError: another encoding, with the plots that fit it; sizes below 1 or above 4096; no
      positions for several axes.
    TypeError: no encoding, sizes that are no ints.
    ImportError: matplotlib is not installed.

  Example:
    >>> import posenc_jax as px
    >>> table(px.Sinusoidal(16), 16, length=4).axes[0].images[0].get_array().shape
    (4, 16)
  """
  e = _ask.checked(e)
  dim, length = _canvas.size("dim", dim), _canvas.size("length", length)
  _canvas.check_images("dim, length", [dim, length], MOST, "Draw a part")
  if "table" not in _ask.fitting(e):
    _ask.refuse("table", e, "an encoding that adds to the embeddings")
  found = e.positions(_ask.positions_of(e, length, positions), key=key)
  found = e.align_tokens(found, 0, _ask.count(found, length))
  rows = _ask.count(found, length)
  values = np.asarray(e.inputs(jnp.zeros((rows, dim), jnp.float32), found), np.float32)
  told = "added to the embedding"
  if not values.any():
    values = np.asarray(e.inputs(jnp.ones((rows, dim), jnp.float32), found), np.float32)
    told = "what becomes of an embedding of ones"
  return _drawn(values, told, _canvas.name_of(e))


def _drawn(values: np.ndarray, told: str, title: str) -> "Figure":
  figure = _canvas.new_figure(5.6, 3.6)
  axes = figure.subplots()
  edge = float(np.abs(values).max()) or 1.0
  image = axes.imshow(values, cmap="RdBu_r", vmin=-edge, vmax=edge, aspect="auto",
                      interpolation="nearest", origin="lower")
  _canvas.finish_image(axes, title)
  axes.set_xlabel("column of the embedding", fontsize=_canvas.SMALL + 1)
  axes.set_ylabel("position", fontsize=_canvas.SMALL + 1)
  bar = figure.colorbar(image, ax=axes)
  bar.ax.tick_params(labelsize=_canvas.SMALL)
  bar.set_label(told, fontsize=_canvas.SMALL + 1)
  return figure
