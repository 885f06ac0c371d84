# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of an experiment's results, as matplotlib figures that a notebook shows."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from posenc_jax import sweeps
from posenc_jax.sweeps.show import figures, groups, views

if TYPE_CHECKING:
  from matplotlib.figure import Figure


def loss_against_length(results: sweeps.Results) -> "Figure | None":
  """Loss against the multiple of the training length, a panel for each width and training length.

  Each setting that varies, a learning rate or a base too, has a line or a panel of its own: means
  are over seeds only, with 95 percent intervals.

  Args:
    results: of ``experiments.language``.

  Returns:
    A matplotlib Figure; None if no lane ended well.

  Raises:
    ImportError: matplotlib is not installed.
  """
  chart = views.series_chart(results, "loss_by_multiple")
  return chart and figures.chart_figure(chart, groups.groups_of(results))


def save(figure: "Figure", directory: pathlib.Path, name: str, kinds: Sequence[str] = ("png", "svg")
         ) -> list[pathlib.Path]:
  """Writes a figure as PNG and SVG; returns the paths."""
  directory.mkdir(parents=True, exist_ok=True)
  paths = [directory / f"{name}.{kind}" for kind in kinds]
  for path in paths:
    path.write_bytes(figures.to_bytes(figure, path.suffix[1:]))
  return paths
