# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The pictures of ``experiments.properties``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.findings import Picture

if TYPE_CHECKING:
  from matplotlib.figure import Figure

WHOLE = 32  # distances up to here are drawn one by one
BINS = 4  # a doubling of the distance
# Lines that lie on others are dashed and narrow, on top of wide ones.
STYLES = {"rotary": dict(linewidth=4.5, alpha=0.35), "rotary-ntk": dict(linewidth=4.5, alpha=0.35),
          "rotary-longrope": dict(linestyle=(0, (4, 3))), "rotary-resonance": dict(linestyle=":")}

Line = tuple[str, Any, Any]


def envelope(curve: np.ndarray) -> tuple[np.ndarray, ...]:
  """(distance, mean, lowest, highest) of a curve ``[L]`` over distances: one by one, then in bins.

  Distance 0 is left out, as the axis is logarithmic. A bin's distance is the mean of its first and
  last one.

  Example:
    >>> at, mean, low, high = envelope(np.arange(200.0) % 2)
    >>> at[:3].tolist(), mean[:3].tolist(), (float(low[-1]), float(high[-1]))
    ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0], (0.0, 1.0))
  """
  length = len(curve)
  edges = list(range(1, min(WHOLE, length)))
  while edges[-1] < length:
    edges.append(max(edges[-1] + 1, round(edges[-1] * 2 ** (1 / BINS))))
  edges[-1] = length
  pieces = [(a, curve[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
  rows = [(a + (len(x) - 1) / 2, x.mean(), x.min(), x.max()) for a, x in pieces]
  return tuple(np.array(rows).T)


def _drawn(lines: Iterable[Line], x: str, y: str, *, logx: bool = False, logy: bool = False,
           bands: Iterable[Line] = (), styles: Mapping[str, Any] | None = None) -> "Figure":
  """Lines, and bands between pairs of lines in their colours."""
  from matplotlib.figure import Figure

  figure = Figure(figsize=(6.4, 3.8), layout="constrained")
  axes = figure.subplots()
  for label, xs, ys in lines:
    axes.plot(xs, ys, label=label, **{"linewidth": 1.3, **(styles or {}).get(label, {})})
  for line, (_, xs, ends) in zip(axes.get_lines(), bands, strict=False):
    axes.fill_between(xs, *ends, color=line.get_color(), alpha=0.18, linewidth=0)
  axes.set(xlabel=x, ylabel=y, xscale="log" if logx else "linear",
           yscale="log" if logy else "linear")
  if logx:
    axes.xaxis.set_major_formatter("{x:g}")
  axes.grid(alpha=0.25)
  axes.spines[["top", "right"]].set_visible(False)
  axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
  return figure


def _smooth(names: Sequence[str], curves: np.ndarray, y: str) -> "Figure":
  """Curves by distance: their means in bins, and what they reach in each."""
  found = [(name, *envelope(curve)) for name, curve in zip(names, curves, strict=True)]
  return _drawn([(name, at, mean) for name, at, mean, _, _ in found], "distance", y, logx=True,
                bands=[(name, at, (low, high)) for name, at, _, low, high in found])


def pictures(found: Any) -> tuple[Picture, ...]:
  """Those of ``properties.Properties``."""
  length = found.similarity.shape[1]
  widths, bases = found.config.d_model, found.config.bases
  binned = (f"From distance {WHOLE - 1} on a line is the mean over a quarter of a doubling, a "
            "band from the lowest to the highest of each.")
  plain = found.wavelengths["rotary"]
  return (
    Picture("similarity", f"Similarity of two positions by distance, for each width. {binned}",
            _smooth([f"d_model {d}" for d in widths], found.similarity, "similarity")),
    Picture("base", f"The bound on rotary scores by distance, for each base. {binned}",
            _smooth([f"base {b:g}" for b in bases], found.decay_by_base, "bound")),
    Picture("fields", "Attention by position alone, mean over heads: the share of the nearest "
            "tokens.", _drawn([(n, np.arange(1, length + 1), np.cumsum(w, -1).mean(0))
                               for n, w in found.weights.items()],
                              "nearest tokens", "share of attention", logx=True)),
    Picture("buckets", "Buckets of distances; keys lie before the query.", _drawn(
      [(n, np.arange(1, length), b[1:]) for n, b in found.buckets.items()], "distance", "bucket",
      logx=True)),
    Picture("wavelengths", "Wavelength over that of plain rotary, context extended 8 times. "
            "rotary-longrope lies on rotary-ntk; rotary and rotary-resonance are both near 1.",
            _drawn([(n, np.arange(len(w)), w / plain) for n, w in found.wavelengths.items()],
                   "pair of dims", "stretched by", logy=True, styles=STYLES)),
    Picture("precision", "Worst error of an angle by position; a full turn is 2 pi.",
            _drawn([(n, found.positions, np.maximum(e, 1e-9)) for n, e in found.angles.items()],
                   "position", "radians", logx=True, logy=True)))
