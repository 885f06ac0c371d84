# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of an experiment's results."""

import math
import pathlib
from collections.abc import Sequence

# Okabe and Ito's colours, which colour-blind readers can distinguish, and a marker each for print.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#7F7F00")
_MARKERS = "os^Dvx*P"


def mean_and_error(values: Sequence[float]) -> str:
  """"mean +- standard error"; one value has no error.

  Example:
    >>> mean_and_error([1.0, 2.0, 3.0])
    '2.000 +- 0.577'
  """
  mean, error = statistics_of(values)
  return f"{mean:.3f}" if len(values) < 2 else f"{mean:.3f} +- {error:.3f}"


def statistics_of(values: Sequence[float]) -> tuple[float, float]:
  """(mean, standard error of the mean)."""
  n = len(values)
  mean = sum(values) / n
  if n < 2:
    return mean, 0.0
  return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def loss_against_length(results, directory: pathlib.Path) -> list[pathlib.Path]:
  """Loss against evaluation length, a panel for each width and training length.

  Args:
    results: ``sweeps.Results`` of ``experiments.language``.
    directory: where to put ``loss_against_length.png`` and ``.svg``.

  Returns:
    The paths written; none if no cell has finished.
  """
  records = [r for r in results if r["status"] == "ok"]
  if not records:
    return []
  import matplotlib

  matplotlib.use("Agg")
  from matplotlib import pyplot

  widths = sorted({r["cell"]["d_model"] for r in records})
  lengths = sorted({r["cell"]["seq_len"] for r in records})
  names = list(dict.fromkeys(r["cell"]["encoding"] for r in records))
  figure, grid = pyplot.subplots(
      len(widths), len(lengths), squeeze=False, sharey=True, layout="constrained",
      figsize=(1.2 + 3.6 * len(lengths), 0.8 + 2.8 * len(widths)))
  for row, width in zip(grid, widths, strict=True):
    for axes, length in zip(row, lengths, strict=True):
      here = [r for r in records
              if (r["cell"]["d_model"], r["cell"]["seq_len"]) == (width, length)]
      _draw_panel(axes, here, names, length)
      axes.set_title(f"width {width}, trained at {length}", fontsize=10)
  figure.supxlabel("evaluation length (characters)", fontsize=10)
  figure.supylabel("nats per character", fontsize=10)
  figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside right center", frameon=False)
  directory.mkdir(parents=True, exist_ok=True)
  paths = [directory / f"loss_against_length.{kind}" for kind in ("png", "svg")]
  for path in paths:
    figure.savefig(path, dpi=160, metadata=None)
  pyplot.close(figure)
  return paths


def _draw_panel(axes, records: Sequence[dict], names: Sequence[str], length: int) -> None:
  """A line for each name that has records; a dotted line marks the training length."""
  axes.set_xscale("log", base=2)  # Before the ticks: a new scale makes ticks of its own.
  axes.axvline(length, color="0.7", linewidth=1, linestyle=":", zorder=0)
  for i, name in enumerate(names):
    here = [r for r in records if r["cell"]["encoding"] == name]
    if not here:
      continue
    multiples = here[0]["axes"]["loss_by_multiple"]["values"]
    points = [statistics_of([r["series"]["loss_by_multiple"][j] for r in here])
              for j in range(len(multiples))]
    axes.errorbar([m * length for m in multiples], [p[0] for p in points],
                  [p[1] for p in points], label=name, capsize=2, linewidth=1.4,
                  color=_COLOURS[i % len(_COLOURS)], marker=_MARKERS[i % len(_MARKERS)],
                  markersize=4)
    axes.set_xticks([m * length for m in multiples], [f"{m * length:g}" for m in multiples])
  axes.grid(alpha=0.25)
  axes.spines[["top", "right"]].set_visible(False)
