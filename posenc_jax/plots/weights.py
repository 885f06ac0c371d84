# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention weights: those of a model, and those of an encoding under random queries and keys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.attention import attention_weights
from posenc_jax.base import Encoding
from posenc_jax.plots import _ask, _canvas, _limits, _panels

if TYPE_CHECKING:
  from matplotlib.figure import Figure

DRAWS = 32
LENGTH = 48  # tokens of a pattern, where none is told
_ACTS = _ask.answers("qk", "expand", "visible", "bias", "scores", "weights")  # on weights
_SLACK = 1e-2  # what bfloat16 adds to a weight of one


def attention(weights: Any, *, tokens: Sequence[str] | None = None, mark: int | None = None
              ) -> "Figure":
  """Who looks at whom: a panel for each head of each layer, queries down, keys across.

  The shade is the square root of the weight, so that a weight of 1/100 is still seen; pairs of
  weight 0 are white.

  Args:
    weights: ``[N, T, S]`` as ``px.attention_weights`` gives of one example, or a sequence of such
      arrays, one a layer, as ``nn.attention_maps`` gives.
    tokens: names of the S keys, written along the axes: at most 14 of them, evenly spaced, of at
      most 12 letters; the picture says what it leaves out.
    mark: the index of a key, such as the training length, marked by lines.

  Returns:
    A Figure of layers x heads panels, at most 8 beside each other.

  Raises:
    ValueError: arrays of another rank, no layer, more than 64 panels, an empty one, weights
      outside of [0, 1]; another number of tokens than of keys, or more queries than these; a mark
      that is no key.
    TypeError: weights that are no numbers, a mark that is no int.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: some weights are NaN; the picture leaves them out and says so.

  Example:
    >>> len(attention(np.full((4, 3, 3), 1 / 3)).axes) - 1
    4
  """
  layers, note = _checked_weights(weights)
  heads, rows, columns = layers[0].shape
  _check_tokens(tokens, rows, columns)
  if mark is not None:
    mark = _errors.check_int("mark", mark, f"the index of one of {columns} keys", "Pass an int",
                             least=0)
    if mark > columns:
      raise _errors.value_error("mark", mark, f"at most the {_errors.counted(columns, 'key')}",
                                "Leave it out where the picture ends before")
  names, told = ([], "") if tokens is None else _panels.short_names(tokens, rows)
  figure, grid, panels = _panels.grid_of(len(layers), heads,
                                         max(map(len, names), default=0), bool(note) + bool(told))
  for (layer, head), panel in panels.items():
    image = _draw_weights(panel, layers[layer][head], bool(note))
    where = f"layer {layer}, " if len(layers) > 1 else ""
    _canvas.finish_image(panel, f"{where}head {head}")
    if mark is not None:
      panel.axvline(mark - 0.5, color="0.5", linewidth=0.7, linestyle=":")
      panel.axhline(mark - 0.5, color="0.5", linewidth=0.7, linestyle=":")
  if names:
    _panels.name(panels.values(), names, rows)  # last, as panels share their ticks
  _canvas.label_edges(grid, "key", "query")
  if lines := _canvas.titled(note, told):
    figure.suptitle(lines, fontsize=_canvas.SMALL + 1)
  shown = [0.0, 0.01, 0.1, 0.5, 1.0]
  bar = figure.colorbar(image, ax=list(panels.values()), ticks=np.sqrt(shown), shrink=0.9)
  bar.ax.set_yticklabels([f"{x:g}" for x in shown], fontsize=_canvas.SMALL)
  bar.set_label("weight", fontsize=_canvas.SMALL)
  return figure


def _draw_weights(panel: Any, weights: np.ndarray, unknown: bool) -> Any:
  """The image of ``[T, S]``, and over it in grey what is no number."""
  aspect = "equal" if weights.shape[0] == weights.shape[1] else "auto"
  image = panel.imshow(np.ma.masked_equal(np.sqrt(weights), 0.0), vmin=0, vmax=1, cmap="magma_r",
                       interpolation="nearest", aspect=aspect)
  if unknown:
    panel.imshow(np.ma.masked_equal(np.ma.getmaskarray(weights) * 0.6, 0.0), vmin=0, vmax=1,
                 cmap="gray", aspect=aspect)
  return image


def _checked_weights(weights: Any) -> tuple[list[np.ndarray], str]:
  """``[N, T, S]`` a layer, masked where they are no numbers, and a line that says so."""
  if hasattr(weights, "shape") and np.ndim(weights) > 3:
    raise _errors.value_error("weights", f"shape {tuple(np.shape(weights))}", "[N, T, S], or a "
                              "list of such, one a layer", "Choose one example of a batch, "
                              "weights[0]; list(weights) if the first axis is of layers")
  try:
    given = [weights] if np.ndim(weights) == 3 and hasattr(weights, "shape") else list(weights)
    if any(np.iscomplexobj(x) for x in given):
      raise TypeError("complex numbers")
    layers = [np.asarray(x, np.float64) for x in given]
  except (TypeError, ValueError) as error:
    raise _errors.type_error("weights", f"{_errors.describe(weights)} ({error})".split("\n")[0],
                             "[N, T, S] of floats, or a sequence of such, one a layer",
                             "Pass what px.attention_weights or nn.attention_maps gives"
                             ) from error
  shapes = sorted({x.shape for x in layers})
  if len(shapes) != 1 or layers[0].ndim != 3 or 0 in shapes[0]:
    raise _errors.value_error("weights", f"shapes {[list(s) for s in shapes]}",
                              "[N, T, S], or a sequence of such, one a layer",
                              "Choose one example of a batch, as weights[0]")
  _limits.check_count("weights: panels", shapes[0][0] * len(layers), _limits.MOST_PANELS,
                      "Draw some layers")
  _limits.check_numbers("weights", "weights", len(layers), *shapes[0])
  every, note = _limits.note_not_finite("weights", np.stack(layers))
  known = np.ma.filled(every, 0.0)
  if known.min() < 0 or known.max() > 1 + _SLACK:
    raise _errors.value_error("weights", f"numbers from {known.min():.3g} to {known.max():.3g}",
                              "weights from 0 to 1", "Pass weights, not scores: "
                              "px.attention_weights gives them")
  return list(every), note


def _check_tokens(tokens: Any, rows: int, columns: int) -> None:
  if tokens is None:
    return
  if not hasattr(tokens, "__len__"):
    raise _errors.type_error("tokens", _errors.describe(tokens), "a list of names",
                             "Pass the tokens that the model read")
  if len(tokens) != columns:
    raise _errors.value_error("tokens", _errors.counted(len(tokens), "name"),
                              f"one for each of {columns} keys",
                              "Pass the tokens that the model read")
  if rows > columns:
    raise _errors.value_error("tokens", f"names of {columns} keys for {rows} queries",
                              "queries that are the last of the keys", "Leave the names out")


def _drawn_weights(e: Encoding, sizes: tuple[int, int, int], at: Any, rows: int, causal: bool,
                   draws: int, seed: Any, last: bool = False) -> np.ndarray:
  """``[draws, N, T, T]`` of standard normal queries and keys; of the last query ``[.., 1, T]``."""
  heads, kv_heads, head_dim = sizes
  first = rows - 1 if last else 0
  _limits.check_numbers("length, heads", f"weights of {_errors.counted(draws, 'draw')}", draws,
                        heads, rows - first, rows)
  _limits.check_numbers("length, heads, head_dim", "numbers of queries", draws, rows, heads,
                        head_dim)
  seed = _errors.check_int("seed", seed, "an int, at least 0", "Pass an int", least=0)
  random = np.random.default_rng(seed)
  q, k = (jnp.asarray(random.standard_normal((draws, rows, n, head_dim)), jnp.float32)
          for n in (heads, kv_heads))
  order = np.arange(rows, dtype=np.int32)
  return np.asarray(attention_weights(
    q[:, first:], k, e, q_positions=at[first:] if last else at, k_positions=at,
    q_order=order[first:], k_order=order, causal=causal))


def _checked(plot: str, e: Any, heads: Any, kv_heads: Any, head_dim: Any
             ) -> tuple[Encoding, tuple[int, int, int]]:
  e = _ask.checked(e)
  sizes = _limits.head_sizes(heads, kv_heads, head_dim)
  if plot not in _ask.fitting(e):
    one = " of one position a token" if plot == "receptive_field" else ""
    _ask.refuse(plot, e, f"an encoding{one} that attention runs alone, without a model")
  return e, sizes


def pattern(e: Encoding, heads: int, head_dim: int, *, kv_heads: int | None = None,
            length: int | None = None, positions: Any = None, causal: bool = True, seed: int = 0
            ) -> "Figure":
  """Attention weights of standard normal queries and keys: what the encoding does to them.

  Args:
    e: an encoding whose hooks are all of attention (no ``inputs``, ``positions`` or ``layer``).
    heads: N; head_dim: H, of the queries and keys.
    kv_heads: K, None for N; encodings with numbers for each key head say which.
    length: T; None is 48, or as many as ``positions`` has.
    positions: ``[T]`` or ``[T, P]`` in place of 0, 1, ..; encodings of several axes need them.
    causal: whether a query sees no later key.
    seed: of the queries and keys.

  Returns:
    A Figure of a panel for each head.

  Raises:
    ValueError: another encoding, with the plots that fit it; sizes below 1, or that would fill
      the memory; kv_heads that do not divide heads. What ``attend`` raises.
    TypeError: no encoding, sizes or a seed that are no ints.
    ImportError: matplotlib is not installed.

  Example:
    >>> import posenc_jax as px
    >>> image = pattern(px.HardAlibi(2, 2), 2, 8, length=6).axes[0].images[0]
    >>> image.get_array().mask[-1].tolist()            # the first head sees its token alone
    [True, True, True, True, True, False]
  """
  e, sizes = _checked("pattern", e, heads, kv_heads, head_dim)
  causal = _errors.check_bool("causal", causal, "Pass True if a query sees no later key")
  _limits.check_count("heads", sizes[0], _limits.MOST_PANELS, "Draw fewer heads")
  at, rows = _ask.positions_of(e, length, positions, LENGTH, _limits.MOST_COLUMNS)
  figure = attention(_drawn_weights(e, sizes, at, rows, causal, 1, seed)[0])
  note = figure.get_suptitle()
  names, without = _ask.names_of(e, _ACTS)
  width, height = figure.get_size_inches()
  figure.set_size_inches(width, height + 0.2 + 0.2 * bool(without))
  figure.suptitle(_canvas.titled(f"{names}, random queries and keys", without, note),
                  fontsize=_canvas.SMALL + 2)
  return figure


def receptive_field(e: Encoding, heads: int, head_dim: int, *, kv_heads: int | None = None,
                    length: int = 128, seed: int = 0) -> "Figure":
  """Which share of its attention the last token gives to its n nearest tokens.

  Weights are the mean over 32 draws of standard normal queries and keys under causal attention, so
  the curve shows how far the encoding alone lets a token look. The dotted line is attention that
  looks everywhere alike.

  Args:
    e: an encoding whose hooks are all of attention, of one position a token.
    heads: N; head_dim: H, of the queries and keys.
    kv_heads: K, None for N; encodings with numbers for each key head say which.
    length: T, at most 4096.
    seed: of the queries and keys.

  Returns:
    A Figure of one panel, a line for each head.

  Raises:
    ValueError: another encoding, with the plots that fit it; sizes below 1, or that would fill
      the memory; kv_heads that do not divide heads. What ``attend`` raises.
    TypeError: no encoding, sizes or a seed that are no ints.
    ImportError: matplotlib is not installed.

  Example:
    >>> import posenc_jax as px
    >>> line = receptive_field(px.HardAlibi(2, 2), 2, 8, length=6).axes[0].get_lines()[0]
    >>> line.get_ydata()[0].item()                     # the first head sees its token alone
    1.0
  """
  e, sizes = _checked("receptive_field", e, heads, kv_heads, head_dim)
  at, length = _ask.positions_of(e, length, None, length, _limits.MOST_COLUMNS)
  found = _drawn_weights(e, sizes, at, length, True, DRAWS, seed, last=True)
  share, note = _limits.note_not_finite("e", found.mean(0)[:, 0, ::-1].cumsum(-1))
  figure = _canvas.new_figure(5.6, 3.4)
  axes = figure.subplots()
  near = np.arange(1, length + 1)
  _canvas.draw_heads(axes, near, share)
  axes.plot(near, near / length, ":", color="0.4", linewidth=1.0, label="_everywhere alike")
  axes.set_xscale("log", base=2)
  axes.xaxis.set_major_formatter("{x:g}")
  axes.set_ylim(0.0, 1.03)
  _canvas.finish(axes, "nearest tokens, itself included", "share of the attention",
                 _canvas.titled(*_ask.names_of(e, _ACTS), note))
  return figure
