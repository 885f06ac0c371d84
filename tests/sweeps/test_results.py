# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results as data: means over seeds and nothing else, against loops in NumPy and SciPy."""

import csv
import io
import sys

import numpy as np
import pytest
import scipy.stats

from experiments import compare, figures
from posenc_jax import sweeps
from posenc_jax.sweeps import __main__ as report_module
from posenc_jax.sweeps import errors, summaries, tidy
from posenc_jax.sweeps.show import heats, table, tables, views
from tests.support import sweep_results


def record(cell, status="ok", **metrics):
  cell = sweeps.Cell(cell)
  return {"id": cell.id, "cell": dict(cell), "status": status, "first_bad_step": None,
          "metrics": metrics, "series": {}, "axes": {}, "nonfinite": {}}


def results_of(cells, loss, **about):
  """Results whose loss is a function of the cell; None makes a lane that diverged."""
  made = []
  for cell in cells:
    value = loss(cell)
    made.append(record(cell, "ok" if value is not None else "diverged", loss=value))
  return sweeps.Results(tuple(made), **about)


def rates(cell):
  return 2.0 + (0.5 if cell["learning_rate"] == 0.03 else 0.0) + 0.01 * cell["seed"]


def by_rate():
  """Two learning rates: their numbers must never be taken for repeats."""
  return results_of(sweeps.grid(encoding=["rope", "alibi"], d_model=[8, 16], seq_len=[16, 32],
                                learning_rate=[0.003, 0.03], seed=range(3)), rates)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_intervals_are_students(count):
  values = np.random.default_rng(count).normal(size=count).tolist()
  summary = summaries.summarize(values, sweeps.Cell())
  wanted = scipy.stats.t.interval(0.95, count - 1, np.mean(values), scipy.stats.sem(values))
  np.testing.assert_allclose(summary.interval, wanted, rtol=1e-12)
  assert summary.half == pytest.approx((wanted[1] - wanted[0]) / 2)


def test_one_value_has_no_interval_and_none_has_no_mean():
  one = summaries.summarize([3.0], sweeps.Cell())
  assert (one.mean, one.error, one.half, one.interval) == (3.0, None, None, None)
  none = summaries.summarize([None, None], sweeps.Cell(), ["diverged", "oom"])
  assert (none.mean, none.count, none.failed, none.told) == (None, 0, 2, "1 diverged, 1 oom")


def test_learning_rates_are_not_averaged_in_the_table():
  means = by_rate().mean("loss")
  assert len(means) == 16 and all(s.count == 3 for s in means)
  found = {s.settings["learning_rate"]: s.mean for s in means}
  assert found == pytest.approx({0.003: 2.01, 0.03: 2.51})


def test_learning_rates_are_not_averaged_in_lines_and_maps():
  """Fault A4 and A6: the figure drew 2.26 +- 0.11, and the map the mean over learning rates."""
  results = by_rate()
  for chart in views.setting_charts(results, "loss"):
    for line in chart.lines:
      for summary in line.points.entries:
        assert summary.mean == pytest.approx(2.01) or summary.mean == pytest.approx(2.51)
        assert summary.count == 3 and summary.error == pytest.approx(0.01 / 3**0.5)
  maps = heats.size_maps(results, "loss")
  assert [h.title for h in maps.heats] == [
    f"encoding {e}, learning_rate {r}" for e in ("rope", "alibi") for r in ("0.003", "0.03")]
  for heat in maps.heats:
    assert heat.means == pytest.approx([2.51 if "0.03" in heat.title else 2.01] * 4)


def test_learning_rates_have_a_line_or_a_panel_in_the_figure():
  matplotlib = pytest.importorskip("matplotlib")
  before = matplotlib.get_backend(auto_select=False)
  axes = {"loss_by_multiple": {"label": "multiple of the training length", "values": [1.0, 2.0]}}
  made = [{**r, "axes": axes, "series": {"loss_by_multiple": [r["metrics"]["loss"] + i
                                                              for i in range(2)]}}
          for r in by_rate()]
  figure = figures.loss_against_length(sweeps.Results(tuple(made)))
  panels = [a for a in figure.axes if a.get_visible()]
  assert [a.get_title() for a in panels] == [
    f"d_model {d}, seq_len {n}" for d in (8, 16) for n in (16, 32)]
  drawn = [bars[0].get_ydata()[0] for bars in panels[0].containers]
  assert sorted(drawn) == pytest.approx([2.01, 2.01, 2.51, 2.51])
  assert matplotlib.get_backend(auto_select=False) == before  # Fault A5: it was Agg ever after.


def test_lanes_that_diverged_show_as_such():
  """A learning rate that diverges at one width only leaves a gap there, not another mean."""
  cells = sweeps.grid(d_model=[8, 16], seq_len=[16, 32], seed=range(3))
  results = results_of(cells, lambda c: None if (c["d_model"], c["seq_len"]) == (8, 16)
                       else None if c["seed"] == 2 and c["d_model"] == 16 else float(c["seed"]))
  heat, = heats.size_maps(results, "loss").heats
  lost, partial, whole = heat.fields[0][0], heat.fields[1][0], heat.fields[0][1]
  assert (lost.mean, lost.told) == (None, "3 diverged")
  assert (partial.mean, partial.count, partial.told) == (0.5, 2, "1 diverged")
  assert (whole.mean, whole.failed) == (1.0, 0)
  chart = next(c for c in views.setting_charts(results, "loss") if c.x == "d_model")
  assert chart.gone == ("d_model 8, seq_len 16 (3 diverged)",)
  assert "3 diverged" in results.table() and "2 (1 diverged)" in results.table()


def test_a_metric_of_a_lane_that_diverged_is_in_no_mean():
  records = [record({"seed": 0}, loss=1.0), record({"seed": 1}, "diverged", loss=99.0)]
  summary, = sweeps.Results(tuple(records)).mean("loss")
  assert (summary.mean, summary.count, summary.failed) == (1.0, 1, 1)


def test_means_of_vectors_are_entry_by_entry():
  results = sweep_results.grid_results()
  vectors = {s.settings: s for s in results.mean("loss_by_multiple")}
  cell = sweeps.Cell(encoding="none", d_model=64, seq_len=64, learning_rate=0.003)
  lanes = np.array([r["series"]["loss_by_multiple"] for r in results if r["status"] == "ok"
                    and sweeps.Cell(r["cell"]).without("seed") == cell])
  assert lanes.shape == (2, 4)  # Of three seeds one ran out of memory.
  found = vectors[cell]
  assert found.at == (1.0, 2.0, 4.0, 8.0) and found.label == "multiple of the training length"
  np.testing.assert_allclose(found.mean, lanes.mean(axis=0), rtol=1e-12)
  np.testing.assert_allclose(found.error, lanes.std(axis=0, ddof=1) / 2**0.5, rtol=1e-9)
  wanted = scipy.stats.t.interval(0.95, 1, lanes.mean(axis=0), scipy.stats.sem(lanes, axis=0))
  np.testing.assert_allclose(np.transpose(found.interval), wanted, rtol=1e-9)
  assert found.count == (2, 2, 2, 2)
  # A name that is a metric and a series: the metric, unless the series is asked for.
  assert isinstance(results.mean("loss")[0], sweeps.Summary)
  assert len(results.mean("series/loss")[0].at) == 240


def test_a_number_that_is_missing_at_one_length_is_told_there():
  """Fault C3: a lane that is "ok" at 1x and not finite at 8x."""
  made = [dict(r) for r in sweep_results.grid_results(("alibi",), failures=False)]
  made[0]["series"] = {**made[0]["series"], "loss_by_multiple": [2.0, 2.0, 2.0, None]}
  results = sweeps.Results(tuple(made))
  vector = results.mean("loss_by_multiple")[0]
  assert vector.count == (3, 3, 3, 2) and vector.entries[3].told == "1 not finite"
  text = compare.table(results)
  assert len(text.splitlines()) == 2 + 4 and text.count(" +- ") == 16


def test_what_a_lane_does_not_have_is_absent_and_not_a_number_that_failed():
  made = [dict(r) for r in sweep_results.grid_results(("alibi",), failures=False)]
  name = "loss_by_multiple"
  axis = {**made[0]["axes"][name], "values": made[0]["axes"][name]["values"][:2]}
  made[0] |= {"series": {**made[0]["series"], name: made[0]["series"][name][:2]},
              "axes": {**made[0]["axes"], name: axis}, "metrics": {}}
  made[1] |= {"series": {}, "metrics": {**made[1]["metrics"], "loss": None}}
  results = sweeps.Results(tuple(made))
  vector = results.mean(name)[0]
  assert vector.count == (2, 2, 1, 1)
  assert [s.told for s in vector.entries] == ["1 absent"] * 2 + ["2 absent"] * 2
  assert results.mean("loss")[0].told == "1 absent, 1 not finite"


def test_a_map_of_lanes_without_the_series_says_absent():
  made = [dict(r) for r in sweep_results.grid_results(("alibi", "rope"), failures=False)]
  made = [{**r, "series": {}} if r["cell"]["encoding"] == "rope" else r for r in made]
  for heat in heats.method_maps(sweeps.Results(tuple(made))).heats:
    assert {s.told for s in heat.fields[heat.rows.index("rope")]} == {"3 absent"}


def test_what_became_of_a_setting_without_a_line_counts_every_seed():
  made = [dict(r) for r in sweep_results.grid_results(("alibi", "rope"), failures=False)]
  made = [{**r, "series": {}, "status": "ok" if r["cell"]["seed"] else "oom"}
          if r["cell"]["encoding"] == "rope" else r for r in made]
  chart = views.series_chart(sweeps.Results(tuple(made)), "loss_by_multiple")
  assert chart.gone and all("(1 oom, 2 without a value)" in gone for gone in chart.gone)


def test_tables_of_nothing_and_of_failures():
  """Fault C2: a share without a group ended in StopIteration."""
  assert compare.table(sweeps.Results(())) == "no results yet"
  text = compare.table(sweep_results.grid_results())
  row, = [line for line in text.splitlines()
          if line.split()[:4] == ["32", "learned", "0.003", "32"]]
  assert row.count("3 diverged") == 5 and "0 of 3" in row
  assert any(line.endswith("2 of 3: 1 oom") for line in text.splitlines())


def test_no_metric_and_unknown_metrics():
  with pytest.raises(ValueError, match="mean: metric: got 'los', wanted one of .*'loss'.*"):
    by_rate().mean("los")
  for over in ("seed", ["sede"]):  # averaged over nothing
    with pytest.raises(ValueError, match=r"mean: over: got .*, wanted a list of some of \["):
      by_rate().mean(over=over)
  with pytest.raises(ValueError, match="best: metric: got None"):
    sweeps.Results(()).best()
  accuracy = sweeps.Results((record({"seed": 0}, accuracy=0.5),))
  assert accuracy.table().splitlines()[0].split() == ["accuracy", "std_err", "n"]


def test_the_direction_is_the_experiments():
  """Fault A5: the worst accuracy was in bold."""
  made = [record({"act": a, "seed": s}, accuracy=x + 0.01 * s, loss=1 - x)
          for a, x in (("relu", 0.45), ("gelu", 0.67)) for s in (0, 1)]
  silent = sweeps.Results(tuple(made))
  assert silent.main == "loss" and silent.direction("accuracy") is None
  assert silent.best().settings["act"] == "gelu"
  with pytest.raises(ValueError, match="direction: got none for 'accuracy', wanted min or max"):
    silent.best("accuracy")
  with pytest.raises(ValueError, match="best: direction: got 'most', wanted one of min, max"):
    silent.best("accuracy", direction="most")
  assert silent.best("accuracy", direction="max").settings["act"] == "gelu"
  told = sweeps.Results(tuple(made), goal={"accuracy": "max"})
  assert told.main == "accuracy" and told.best().settings["act"] == "gelu"
  column = next(c for c in tables.columns_of(told) if c.name == "accuracy")
  assert [c["act"] for c in tables.best_of(told, column)] == ["gelu"]
  assert tables.best_of(silent, next(
    c for c in tables.columns_of(silent) if c.name == "accuracy")) == set()


def test_a_goal_travels_through_the_manifest(tmp_path):
  make = lambda static: lambda traced, key: {"score": traced["x"], "loss": traced["x"]}
  experiment = sweeps.simple(make, goal={"score": "max"})
  cells = sweeps.grid(x=[1.0, 2.0], seed=[0])
  quiet = dict(progress=False, report=False)
  for found in (sweeps.run(experiment, cells, **quiet),
                sweeps.run(experiment, cells, tmp_path, **quiet), sweeps.load(tmp_path)):
    assert found.main == "score" and found.best().settings["x"] == 2.0
  # What is best changes no result, so another goal is no other sweep.
  changed = sweeps.run(sweeps.simple(make, goal={"score": "min"}), cells, tmp_path, **quiet)
  assert changed.best().settings["x"] == 1.0 and sweeps.load(tmp_path).direction("score") == "min"


@pytest.mark.parametrize(("goal", "text"), [
  ({"accuracy": "up"}, "experiment: goal: accuracy: got 'up', wanted one of min, max"),
  ("accuracy", "experiment: goal: got 'accuracy', wanted a mapping"),
])
def test_goals_are_checked(goal, text):
  with pytest.raises((TypeError, ValueError), match=text):
    sweeps.simple(lambda static: None, goal=goal)


def test_the_best_has_all_its_seeds_if_any_setting_has():
  cells = sweeps.grid(encoding=["a", "b"], lr=[1, 2], seed=range(2))
  lost = lambda c: None if (c["encoding"], c["lr"], c["seed"]) == ("a", 1, 0) else float(
    c["lr"] + (c["encoding"] == "b"))
  results = results_of(cells, lost)
  # a at 1 has the lowest mean, of its one seed.
  assert results.best().settings == sweeps.Cell(encoding="a", lr=2)
  best = results.best(by="encoding")
  assert {k: v.settings["lr"] for k, v in best.items()} == {"a": 2, "b": 1}
  with pytest.raises(ValueError, match="best: by: got 'width', wanted one of"):
    results.best(by="width")


def test_paired_differences_against_scipy():
  rng = np.random.default_rng(0)
  noise = {s: rng.normal() for s in range(5)}
  own = {(e, s): 0.1 * rng.normal() for e in "abc" for s in range(5)}
  results = results_of(
    sweeps.grid(encoding=list("abc"), d_model=[8, 16], seed=range(5)),
    lambda c: None if (c["encoding"], c["d_model"], c["seed"]) == ("c", 8, 4)
    else noise[c["seed"]] + own[c["encoding"], c["seed"]] + 0.1 * c["d_model"])
  found = {(d.settings["d_model"], d.first, d.second): d for d in results.paired()}
  assert len(found) == 6
  for (width, first, second), d in found.items():
    seeds = range(4) if (width, second) == (8, "c") else range(5)
    a, b = ([own[e, s] for s in seeds] for e in (first, second))
    wanted = scipy.stats.ttest_rel(b, a).confidence_interval(0.95)
    np.testing.assert_allclose(d.interval, (wanted.low, wanted.high), atol=1e-9)
    assert d.count == len(seeds) and d.over.failed == 5 - len(seeds)
    assert d.mean == pytest.approx(np.mean(np.subtract(b, a)))
  against = results.paired("encoding", against="b")
  assert [(d.first, d.second) for d in against[:2]] == [("b", "a"), ("b", "c")]
  assert against[0].mean == pytest.approx(-found[8, "a", "b"].mean)


def test_pairs_that_do_not_exist():
  results = by_rate()
  with pytest.raises(ValueError, match="paired: by: got 'seed', wanted one of"):
    results.paired("seed")
  with pytest.raises(ValueError, match="paired: against: got 'rop', wanted one of"):
    results.paired(against="rop")
  one = results_of(sweeps.grid(encoding=["a", "b"], seed=[0]), lambda c: 1.0).paired()[0]
  assert (one.count, one.mean, one.interval) == (1, 0.0, None)


def test_pandas_has_a_row_a_cell_and_a_row_a_point():
  pytest.importorskip("pandas")
  results = sweep_results.grid_results()
  frame = results.to_pandas()
  assert len(frame) == len(results) == 72 and list(frame.columns)[:4] == [
    "encoding", "d_model", "seq_len", "seed"]
  wanted = {(s.settings["encoding"], s.settings["d_model"], s.settings["seq_len"]): s.mean
            for s in results.mean("loss") if s.mean is not None}
  found = frame[frame.status == "ok"].groupby(["encoding", "d_model", "seq_len"]).loss.mean()
  assert found.to_dict() == pytest.approx(wanted)
  points = results.to_pandas(series=True)
  here = points[(points.series == "loss_by_multiple") & (points.x == 8)]
  assert len(here) == 67 + 3 and set(here.axis) == {"multiple of the training length"}
  one = here[(here.encoding == "alibi") & (here.d_model == 32) & (here.seq_len == 32)]
  vector = next(v for v in results.mean("loss_by_multiple") if v.settings == sweeps.Cell(
    encoding="alibi", d_model=32, seq_len=32, learning_rate=0.003))
  assert one.value.mean() == pytest.approx(vector.mean[3])


def test_without_pandas_the_message_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "pandas", None)
  with pytest.raises(ImportError, match=r"to_pandas: got .* wanted pandas. Install it: pip "):
    by_rate().to_pandas()


def test_columns_that_have_a_settings_name_keep_both():
  made = record({"loss": 1, "status": "x", "value": 2, "seed": 0}, loss=5.0)
  made["series"], made["axes"] = {"a": [1.0]}, {"a": {"label": "n", "values": [4.0]}}
  results = sweeps.Results((made,))
  columns = tidy.cells(results)
  assert columns["loss"] == [1] and columns["metrics/loss"] == [5.0]
  assert columns["status"] == ["x"] and columns["record/status"] == ["ok"]
  points = tidy.points(results)
  assert points["value"] == [2] and points["record/value"] == [1.0] and points["x"] == [4.0]


def test_the_csv_holds_the_loss_at_each_multiple():
  results = sweep_results.grid_results()
  rows = list(csv.DictReader(io.StringIO(table.to_csv(results))))
  for row, r in zip(rows, results, strict=True):
    for i, m in enumerate((1, 2, 4, 8)):
      text = row[f"loss_by_multiple[{m}]"]
      values = r["series"].get("loss_by_multiple")
      assert text == "" if values is None else float(text) == values[i]
  assert not any("loss_by_position" in name for name in rows[0])  # Too many for columns.


def test_short_curves_are_no_columns():
  made = record({"seed": 0}, loss=1.0)
  made["series"] = {"loss": [3.0, 2.0]}
  made["axes"] = {"loss": {"label": "step", "start": 0.0, "step": 1}}
  assert tidy.short_series(sweeps.Results((made,))) == {}


def test_results_are_printed_without_their_curves():
  records = tuple({"id": str(s), "cell": {"lr": 0.1, "seed": s}, "status": status,
                   "metrics": {"loss": 2.0}, "series": {"curve": [1.0] * 500}}
                  for s, status in enumerate(("ok", "ok", "diverged")))
  results = sweeps.Results(records)
  assert repr(results) == ("Results(3 cells: 2 ok, 1 diverged; settings seed, lr; metrics loss; "
                           "series curve)")
  assert str(results).splitlines()[1:] == [
    "lr   loss  std_err  n", "0.1  2     0        2 (1 diverged)"]
  assert repr(sweeps.Results(())) == str(sweeps.Results(())) == "Results(no cells)"


def test_settings_that_one_side_does_not_read_are_no_difference():
  """ALiBi has no base, so it is compared with a rotary of each base."""
  cells = [{"encoding": "rotary", "base": base, "lr": lr, "seed": s, "loss": base + lr + s}
           for base in (1.0, 2.0) for lr in (0.25, 0.5) for s in (0, 1)]
  cells += [{"encoding": "alibi", "lr": lr, "seed": s, "loss": lr + s + 0.5}
            for lr in (0.25, 0.5) for s in (0, 1)]
  records = tuple({"id": str(i), "cell": {k: v for k, v in c.items() if k != "loss"},
                   "status": "ok", "metrics": {"loss": c["loss"]}} for i, c in enumerate(cells))
  found = sweeps.Results(records).paired()
  assert [(dict(d.settings), d.count, d.mean) for d in found] == [
    ({"base": base, "lr": lr}, 2, 0.5 - base) for base in (1.0, 2.0) for lr in (0.25, 0.5)]


def test_a_record_is_asked_for_by_its_cell():
  results = sweeps.run(sweeps.simple(lambda static: lambda traced, key: {"loss": traced["x"]}),
                       sweeps.grid(x=[1.0]), progress=False)
  assert results[{"x": 1.0}]["metrics"] == {"loss": 1.0}
  with pytest.raises(TypeError, match=r"results\[\.\.\]: got 0, wanted a cell.*results\.records\["):
    results[0]


EVIL = "\x1b[31mred\x9b\nforged line"


def test_nothing_of_a_cell_commands_a_terminal(tmp_path, capsys):
  """Escape sequences of labels reached the terminal in plans, tables and reports."""
  class Bare:  # a static whose repr is the label itself, as that of experiments
    def split(self, cell):
      return Label(cell["encoding"]), {"seed": cell["seed"]}

    def make_train(self, static):
      return lambda traced, key: {f"loss {EVIL}": traced["seed"].astype("float32")}

  cells = sweeps.grid(encoding=[EVIL, "plain"], seed=[0, 1])
  plan = sweeps.plan(Bare(), cells)
  assert_printable(plan.describe(), lines=len(plan.describe().splitlines()))
  assert "?[31mred??forged line" in plan.describe() and "\nforged" not in plan.describe()
  results = sweeps.run(Bare(), cells, tmp_path)
  for text, lines in ((results.table(), 3), (repr(results), 1), (str(results), 4)):
    assert_printable(text, lines)
  capsys.readouterr()
  report_module.main([str(tmp_path)])
  told = capsys.readouterr()
  assert_printable(told.out, 4)
  assert_printable(told.err, len(told.err.splitlines()))
  with pytest.raises(SystemExit), sweeps.exits():
    raise sweeps.CorruptStore(EVIL)
  assert capsys.readouterr().err == "CorruptStore: ?[31mred?\nforged line\n"
  with pytest.warns(sweeps.SweepWarning, match=r"^\?\[31mred\?"):
    errors.warn(EVIL)


class Label(str):
  """A text whose repr is itself."""

  __repr__ = str.__str__


def assert_printable(text, lines):
  assert not [c for c in text if not c.isprintable() and c != "\n"], repr(text)
  assert len(text.splitlines()) == lines, text
