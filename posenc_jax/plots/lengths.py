# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a sweep found beyond the training length."""

from typing import TYPE_CHECKING

import numpy as np

from posenc_jax import _errors

if TYPE_CHECKING:
  from matplotlib.figure import Figure

  from posenc_jax.sweeps import Results


def loss_against_length(results: "Results", series: str | None = None) -> "Figure":
  """A loss against the length of the evaluation, a line for each setting.

  A panel for each width and training length; means are over seeds and over nothing else. Bars are
  95 percent intervals of the mean, of three seeds or more: two seeds have no bar, as theirs would
  fill the picture. A hollow point is a mean of fewer seeds than its setting has. Beyond ten
  encodings the others are grey. The picture says all this where it is so.

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
    UserWarning: means are NaN or infinite, a setting has none, some seeds of a setting have no
      value, or lines are grey and unnamed; the picture says so.

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
  from posenc_jax.sweeps.show import groups, notes, views

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
  _, unknown = _limits.note_not_finite("results: means", np.array(means, np.float64))
  colours = groups.groups_of(results)
  mend = "See results.table(); the picture says so"
  if chart.gone:
    _errors.warn("results", figures.printable(f"no {wanted} of {notes.listed(chart.gone)}", 300),
                 "a line for each setting", mend)
  if fewer := notes.fewer_seeds(chart):
    _errors.warn("results", figures.printable(f"{wanted} of {notes.listed(fewer)}", 300),
                 "a value of every seed", mend)
  if grey := notes.grey(chart, colours):
    _errors.warn("results", grey.split(":")[0], f"at most {len(groups.COLOURS)} to have a colour "
                 "and a name", "See results.table(), or draw Results of some of the records")
  return figures.chart_figure(chart, colours, [unknown])
