# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a sweep found beyond the training length."""

from typing import TYPE_CHECKING

import numpy as np

from posenc_jax import _errors

if TYPE_CHECKING:
  from matplotlib.figure import Figure

  from posenc_jax.sweeps import Results

MOST_GONE = 3  # settings without a line that a picture names


def loss_against_length(results: "Results", series: str | None = None) -> "Figure":
  """A loss against the length of the evaluation, a line for each setting, with 95 percent bars.

  A panel for each width and training length; means are over seeds and over nothing else.

  Args:
    results: of ``experiments.compare``, or of any sweep with a series whose axis is a length or a
      multiple of one.
    series: which series; None for the first such one.

  Returns:
    A Figure.

  Raises:
    ValueError: there is no such series, or no lane that ended well has it.
    TypeError: no Results.
    ImportError: matplotlib is not installed.

  Warns:
    UserWarning: means are NaN or infinite, or a setting has none; the picture says so.

  Example:
    >>> from posenc_jax import sweeps
    >>> record = {"id": "a", "cell": {"encoding": "alibi", "seed": 0}, "status": "ok",
    ...           "metrics": {"loss": 1.0}, "series": {"by_length": [1.0, 1.5]},
    ...           "axes": {"by_length": {"label": "length", "values": [16, 32]}}}
    >>> figure = loss_against_length(sweeps.Results((record,)))
    >>> figure.axes[0].get_xticks().tolist()
    [16, 32]
  """
  from posenc_jax.plots import _canvas, _limits
  from posenc_jax.sweeps.results import Results
  from posenc_jax.sweeps.show import groups, views

  if not isinstance(results, Results):
    raise _errors.type_error("results", _errors.describe(results), "the Results of a sweep",
                             "sweeps.load(directory) reads them")
  _canvas.new_figure(1, 1)  # says what to install, before the sweep's own figures ask
  from posenc_jax.sweeps.show import figures

  wanted = views.length_series(results) if series is None else series
  if wanted is None or wanted not in results.series:
    known = ", ".join(results.series) or "none"
    came = "no series by length" if series is None else repr(series)
    raise _errors.value_error("series", came, f"one of the series of the results: {known}",
                              "Return one from finish, with axes={name: (\"length\", lengths)}")
  chart = views.series_chart(results, wanted)
  if chart is None:
    raise _errors.value_error("results", f"no lane with {wanted} that ended well",
                              "at least one", "See results.table()")
  means = [m for line in chart.lines for m in line.points.mean if m is not None]
  notes = [_limits.note_not_finite("results: means", np.array(means, np.float64))[1]]
  if chart.gone:
    few = "; ".join(chart.gone[:MOST_GONE]) + ("; .." if len(chart.gone) > MOST_GONE else "")
    _errors.warn("results", f"no {wanted} of {few}", "a line for each setting",
                 "See results.table(); the picture says so")
    notes.append(figures.plain(f"no line: {few}", 90))
  figure = figures.chart_figure(chart, groups.groups_of(results))
  if told := "\n".join(filter(None, notes)):
    figure.suptitle(told, fontsize=_canvas.SMALL + 1)
  return figure
