# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a picture of a sweep says of itself: grey lines, lost seeds, bars, its one setting."""

import warnings

import numpy as np
import pytest

from posenc_jax import plots, sweeps
from posenc_jax.sweeps.show import figures


def record(cell, values=(1.0, 1.5), status="ok", at=(16, 32)):
  lost = values is None
  return {"id": repr(cell), "cell": cell, "status": status,
          "metrics": {} if lost else {"loss": values[-1]},
          "series": {} if lost else {"by_length": list(values)},
          "axes": {"by_length": {"label": "length", "values": list(at)}}}


def seeds(encoding, count, step=0.1, **more):
  return [record({"encoding": encoding, "seed": s, **more}, (1 + step * s, 2 + step * s))
          for s in range(count)]


def drawn(records, warns=()):
  """The picture, and its notes as one line; the warnings are all of these beginnings."""
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    figure = plots.loss_against_length(sweeps.Results(tuple(records)))
  came = [str(w.message) for w in caught]
  assert len(came) == len(warns)
  for message, begin in zip(came, warns, strict=True):
    assert message.startswith(begin), message
  figure.draw_without_rendering()
  return figure, figure.get_suptitle().replace("\n", " ")


def names(figure):
  return [text.get_text() for owner in figure.legends for text in owner.get_texts()]


def test_grey_lines_are_told_and_inside_of_the_axes():
  figure, notes = drawn([
    record({"encoding": f"e{i:02d}", "seed": 0}, (5.0, 9.0) if i > 9 else (2 + i / 100, 2.2))
    for i in range(12)], ["results: got 2 of 12 in grey, unnamed, wanted at most 10"])
  assert "2 of 12 in grey, unnamed: the table has them" in notes
  assert names(figure) == [f"e{i:02d}" for i in range(10)]
  low, high = figure.axes[0].get_ylim()
  lines = [line.get_ydata() for line in figure.axes[0].get_lines() if len(line.get_ydata()) == 2]
  assert max(y.max() for y in map(np.asarray, lines)) == 9.0
  assert all(low < y.min() and y.max() < high for y in map(np.asarray, lines))
  assert "grey" not in drawn([record({"encoding": f"e{i}"}) for i in range(10)])[1]


def test_a_grey_line_of_one_length_is_a_point():
  figure, _ = drawn([record({"encoding": f"e{i:02d}"}, (1.0 + i,), at=(16,)) for i in range(11)],
                    ["results: got 1 of 11 in grey"])
  grey, = (line for line in figure.axes[0].get_lines() if line.get_color() == "0.6"
           and len(line.get_xdata()) == 1)
  assert grey.get_marker() == "."


def test_seeds_that_are_lost_are_told_and_hollow():
  figure, notes = drawn([
    record({"encoding": "a", "seed": 0}),
    record({"encoding": "a", "seed": 1}, (9.0, 9.0), "diverged"),
    record({"encoding": "a", "seed": 2}, None, "failed"), *seeds("b", 2)],
    ["results: got by_length of a, 1 of 3 seeds (1 diverged, 1 failed), wanted a value of every"])
  assert "hollow points, fewer seeds: a, 1 of 3 seeds (1 diverged, 1 failed)" in notes
  hollow, = (line for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "white")
  assert np.asarray(hollow.get_xydata()).tolist() == [[16, 1.0], [32, 1.5]]


def test_points_of_other_seeds_are_told_and_hollow():
  figure, notes = drawn([
    record({"encoding": "a", "seed": 0}),
    record({"encoding": "a", "seed": 1}, (2.0, 3.0), at=(32, 64)),
    record({"encoding": "b", "seed": 0})],
    ["results: got by_length of a, 1 to 2 of 2 seeds (1 absent), wanted a value of every seed"])
  assert "a, 1 to 2 of 2 seeds (1 absent)" in notes
  hollow, = (line for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "white")
  assert hollow.get_xdata().tolist() == [16, 64]


@pytest.mark.parametrize("counts, wanted", [
  ((2, 2), "no bars: fewer than 3 seeds"), ((1, 1), "no bars: fewer than 3 seeds"),
  ((2, 3), "bars: 95 % intervals, where there are 3 seeds"), ((3, 3), "bars: 95 % intervals")])
def test_the_picture_says_where_bars_are(counts, wanted):
  assert drawn(seeds("a", counts[0]) + seeds("b", counts[1]))[1] == wanted


def test_bars_that_end_outside_of_the_axes_are_counted():
  _, notes = drawn([record({"encoding": e, "seed": s}, (2 + i / 10 + s, 2.1 + i / 10 + s))
                    for i, e in enumerate("ab") for s in range(3)])
  assert "4 of 4 intervals end outside of the axes" in notes


def test_one_setting_is_named():
  figure, notes = drawn(seeds("rotary", 3, d_model=32))
  assert names(figure) == [] and notes == "encoding rotary, d_model 32 bars: 95 % intervals"
  panels, notes = drawn([*seeds("rotary", 3, d_model=32), *seeds("alibi", 3, d_model=32)])
  assert names(panels) == ["rotary", "alibi"] and notes == "bars: 95 % intervals"


def test_many_widths_are_a_grid():
  figure, _ = drawn([record({"encoding": e, "d_model": 2**i}) for e in "ab" for i in range(11)])
  shown = [axes for axes in figure.axes if axes.get_visible()]
  assert [axes.get_title() for axes in shown] == [f"d_model {2**i}" for i in range(11)]
  assert shown[0].get_gridspec().get_geometry() == (3, 4) and max(figure.get_size_inches()) < 15


def test_names_of_settings_bring_no_control_characters_into_warnings_or_notes():
  bad = "\x1b[31m$x_2$"
  _, notes = drawn([record({"encoding": bad, "seed": 0}), *seeds("b", 2),
                    record({"encoding": bad, "seed": 1}, None, "failed")],
                   ["results: got by_length of ?[31m$x_2$, 1 of 2 seeds (1 failed)"])
  assert r"?[31m\$x_2\$, 1 of 2 seeds" in notes


def test_the_figures_of_a_report_have_the_notes_and_no_warning():
  made = [record({"encoding": f"e{i:02d}", "seed": 0}) for i in range(12)]
  made += [record({"encoding": "e00", "seed": 1}, None, "failed"),
           record({"encoding": "gone", "seed": 0}, None, "oom")]
  results = sweeps.Results(tuple(made))
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    found = dict(figures.figures_of(results))
  notes = found["by_length against length"].get_suptitle().replace("\n", " ")
  assert "2 of 12 in grey, unnamed" in notes and "e00, 1 of 2 seeds (1 failed)" in notes
  assert "no line: encoding gone (1 oom)" in notes
