# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A cell that raises, dies or takes too long stops no other, and its record says what it was."""

import os
import re
import signal
import time

import jax
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.records import MOST_TRACEBACK, failed_record, payload
from posenc_jax.sweeps.run import training
from posenc_jax.sweeps.run.failing import failure_of
from posenc_jax.sweeps.store import lines
from posenc_jax.sweeps.store.journal import Journal
from tests.support import sweep_toy
from tests.support.sweep_jobs import until
from tests.support.sweep_toy import Line, Trouble

CELLS = sweep_toy.cells(6, widths=(2,))


def run(out=None, cells=CELLS, experiment=None, **kwargs):
  quiet = dict(progress=False, report=False, max_lanes=3)
  return sweeps.run(experiment or Line(), cells, out, **{**quiet, **kwargs})


class Wide:
  """Widths that merge, and compile in no time; some may be refused."""

  def __init__(self, refused=lambda width: False):
    self.refused = refused

  def split(self, cell):
    return cell["width"], {"x": cell["x"]}

  def merge(self, statics):
    return max(statics)

  def make_train(self, static):
    if self.refused(static):
      raise KeyError(f"no width {static}")
    return lambda traced, key: {"loss": traced["x"] * static}


WIDE = sweeps.grid(width=[3, 5, 4], x=[1.0, 2.0])


def statuses(results):
  return [r["status"] for r in results]


def faulty(static):
  """Trains by adding up; the static "bad" cannot be traced."""
  def train(traced, key):
    if static["kind"] == "bad":
      raise ZeroDivisionError("no such thing as bad")
    return {"loss": traced["x"] + 1.0}

  return train


GRID = sweeps.grid(kind=["a", "bad", "b"], x=[1.0, 2.0])


def test_a_program_that_cannot_be_traced_stops_no_other(tmp_path, capsys):
  results = run(tmp_path, GRID, sweeps.simple(faulty))
  assert statuses(results) == ["ok", "ok", "failed", "failed", "ok", "ok"]
  assert results.exit_code == 70
  bad = results.records[2]
  assert bad["error"] == "ZeroDivisionError: no such thing as bad" and bad["attempt"] == 0
  assert "in train\n" in bad["traceback"] and bad["metrics"] == {}
  text = capsys.readouterr().err  # progress=False hides no error.
  assert "ZeroDivisionError: no such thing as bad\n" in text
  assert "posenc_jax.sweeps: 1 group failed; above is the first error" in text
  assert sweeps.load(tmp_path).manifest["runs"][0]["status"] == "finished, 1 group failed"


def test_failed_cells_are_done_until_retry_asks_for_them(tmp_path):
  experiment = sweeps.simple(faulty)
  first = run(tmp_path, GRID, experiment)
  again = run(tmp_path, GRID, experiment)
  assert again.records == first.records and again.exit_code == 70
  retried = run(tmp_path, GRID, experiment, retry="failed")
  assert [r["attempt"] for r in retried] == [0, 0, 1, 1, 0, 0]
  assert statuses(retried) == statuses(first)


def test_a_mistake_in_all_cells_is_raised_at_the_end(tmp_path):
  with pytest.raises(ZeroDivisionError, match="no such thing"):
    run(tmp_path, GRID[2:4], sweeps.simple(faulty))
  assert statuses(sweeps.load(tmp_path)) == ["failed", "failed"]


def test_a_make_train_that_raises_for_one_static_stops_no_other(tmp_path):
  five = Wide(refused=lambda width: width == 5)
  results = run(tmp_path, WIDE, five, batching="bucketed")
  assert statuses(results) == ["ok", "ok", "failed", "failed", "ok", "ok"]
  assert results.records[2]["error"] == "KeyError: 'no width 5'"


def test_a_merged_program_that_fails_is_taken_apart_by_statics(tmp_path):
  wide = Wide(refused=lambda width: width >= 5)
  results = run(tmp_path, WIDE, wide, batching="padded", max_lanes=6)
  assert statuses(results) == ["ok", "ok", "failed", "failed", "ok", "ok"]
  groups = sweeps.load(tmp_path).manifest["groups"]
  assert [len(g["cells"]) for g in groups] == [2, 2, 2]
  assert all("whose program failed" in g["why"] for g in groups)


def test_a_lane_that_raises_while_it_runs_is_found_by_halves(tmp_path):
  cells = sweep_toy.troubled(5, raises=(2,))
  cells = tuple(c.replace(width=2) for c in cells)
  results = run(tmp_path, cells, Trouble(6, at=3), max_lanes=5)
  assert statuses(results) == ["ok", "ok", "failed", "ok", "ok"]
  assert "trouble at step 3" in results.records[2]["traceback"]
  whole = run(None, [c.replace(trouble=0) for c in cells], Trouble(6, at=3), max_lanes=5)
  for i in (0, 1, 3, 4):
    np.testing.assert_allclose(results.records[i]["series"]["loss"],
                               whole.records[i]["series"]["loss"], rtol=1e-6)
  assert run(tmp_path, cells, Trouble(6, at=3), max_lanes=5).records == results.records


def test_a_long_traceback_keeps_its_end():
  text = "x" * 9000 + "the end"
  record = failed_record(CELLS[0], "failed", "e" * 900, traceback=text)
  assert record["traceback"].endswith("the end") and len(record["error"]) == 500
  assert len(record["traceback"]) <= MOST_TRACEBACK + 20


def test_ctrl_c_and_a_full_disk_are_no_failures_of_a_cell(tmp_path, monkeypatch):
  for error in (KeyboardInterrupt(), sweeps.StorageFull("full")):
    def stop(self, error=error):
      raise error

    monkeypatch.setattr(training.Training, "train", stop)
    with pytest.raises(type(error)):
      run(tmp_path)
  assert len(sweeps.load(tmp_path)) == 0


def test_a_lost_device_fails_the_cells_it_had_and_retry_trains_them(tmp_path, monkeypatch):
  undisturbed = [payload(r) for r in run()]
  train = training.Training.train
  with monkeypatch.context() as patch:
    calls = []

    def lost(self):
      calls.append(self)
      if len(calls) > 1:
        raise jax.errors.JaxRuntimeError("INTERNAL: device lost")
      return train(self)

    patch.setattr(training.Training, "train", lost)
    assert statuses(run(tmp_path)) == ["ok"] * 3 + ["failed"] * 3
  results = run(tmp_path, retry=("failed",))
  assert statuses(results) == ["ok"] * 6 and results.exit_code == 0
  assert [payload(r) for r in results.records[:3]] == undisturbed[:3]


# Too long.


def test_a_timeout_is_recorded_and_more_time_goes_on_where_it_was(tmp_path, monkeypatch):
  cells = (*CELLS[:2], sweeps.Cell(width=3, lr=0.03, seed=0))
  kind = lambda seconds: dict(timeout_seconds=seconds, chunk_seconds=1e-9)
  wait = lambda self, *args: (time.sleep(0.02), advance(self, *args))[1]
  advance = training.Program.advance
  monkeypatch.setattr(training.Program, "advance", wait)
  results = run(tmp_path, cells, Line(10), **kind(0.07))
  assert statuses(results) == ["timeout"] * 3 and results.exit_code == 70
  assert re.fullmatch(r"trained .* s, more than timeout_seconds=0.07, up to step \d of 10",
                      results.records[0]["error"])
  assert len(list((tmp_path / "checkpoints").iterdir())) == 2
  assert run(tmp_path, cells, Line(10), **kind(60)).records == results.records
  monkeypatch.undo()
  starts = []
  spy = lambda self, state, traced, start, stop: (starts.append(start), advance(
    self, state, traced, start, stop))[1]
  monkeypatch.setattr(training.Program, "advance", spy)
  again = run(tmp_path, cells, Line(10), retry=("timeout",), **kind(60))
  assert statuses(again) == ["ok"] * 3 and starts[0] > 0
  assert [payload(r) for r in again] == [payload(r) for r in run(None, cells, Line(10))]
  assert not list((tmp_path / "checkpoints").iterdir())


# Deaths.


def test_the_journal_counts_deaths_without_progress(tmp_path):
  def opened():
    journal = Journal(tmp_path / "journal.jsonl")
    journal.open()
    return journal

  journal = opened()
  for group in "ab":  # "a" was finished, for "b" began after it.
    journal.started(group)
  assert (opened().deaths("a"), opened().deaths("b")) == (0, 1)
  opened().started("b")
  assert opened().deaths("b") == 2
  journal = opened()
  journal.started("b")
  journal.ended()
  assert opened().deaths("b") == 2
  journal = opened()
  journal.started("b")
  journal.saved("b")
  assert opened().deaths("b") == 0  # Progress: it dies where it has not been before.
  opened().set_deaths("c", 5)
  assert opened().deaths("c") == 5


def test_a_torn_journal_loses_its_last_word_only(tmp_path):
  path = tmp_path / "journal.jsonl"
  whole = lines.encode({"event": "deaths", "group": "a", "count": 2})
  path.write_bytes(whole + lines.encode({"event": "started", "group": "b"})[:-9])
  journal = Journal(path)
  journal.open()
  assert (journal.deaths("a"), journal.deaths("b")) == (2, 0)
  journal.started("c")
  again = Journal(path)
  again.open()
  assert again.deaths("c") == 1


def run_until_it_lives(jobs, *argv, most):
  """Runs a job again and again until it is not killed; returns how often it was, and its status."""
  for deaths in range(most):
    code = jobs.run(*argv)
    if code != -signal.SIGKILL:
      return deaths, code
  pytest.fail(f"killed {most} times")


def until_it_grows(path, seconds):
  size = lambda: path.stat().st_size if path.exists() else 0
  before = size()
  return until(lambda: size() > before, seconds)


def check_troubled(directory, cells, raises, dies, undisturbed):
  results = sweeps.load(directory)
  wanted = ["failed" if i in raises else "crashed" if i in dies else "ok"
            for i in range(len(cells))]
  assert statuses(results) == wanted and not results.missing
  for record, calm in zip(results, undisturbed, strict=True):
    if record["status"] == "ok":
      np.testing.assert_allclose(record["series"]["loss"], calm["series"]["loss"], rtol=1e-5)
      np.testing.assert_allclose(record["series"]["weights"], calm["series"]["weights"], rtol=1e-5)
    if record["status"] == "crashed":
      assert record["deaths"] == 2 and "the process died 2 times in this cell" in record["error"]
    if record["status"] == "failed":
      assert "trouble at step 0" in record["traceback"]


def undisturbed_by(cells):
  return sweeps.run(Trouble(20), [c.replace(trouble=0) for c in cells], progress=False)


def test_a_cell_that_kills_the_process_is_found_and_the_rest_completes(jobs, tmp_path):
  cells = sweep_toy.troubled(8, raises=(1,), dies=(2,))
  out = tmp_path / "sweep"
  argv = (out, "--cells", 8, "--steps", 20, "--max_lanes", 4, "--raises", 1, "--dies", 2)
  deaths, code = run_until_it_lives(jobs, *argv, most=8)
  # Twice the group of four, then once each: a half, the cell.
  assert (deaths, code) == (4, 70)
  check_troubled(out, cells, {1}, {2}, undisturbed_by(cells))
  # The dying group came last: what else there was to do was done before it died a second time.
  assert "died 2 times; trying 2 at a time" in jobs.text()
  assert jobs.run(*argv) == 70 and "Traceback" in jobs.text()


@pytest.mark.slow
def test_eighty_cells_killed_ten_times_with_two_troubled_ones(jobs, tmp_path, rng):
  raises, dies = {17}, {41}
  cells = sweep_toy.troubled(80, raises, dies)
  out = tmp_path / "sweep"
  stored = out / "results.jsonl"
  argv = (out, "--cells", 80, "--steps", 20, "--max_lanes", 8, "--raises", 17, "--dies", 41)
  killed = 0
  while killed < 10:
    pid = jobs.start(*argv)
    until_it_grows(stored, rng.uniform(0.1, 2.0))
    try:
      os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
      pass
    code = jobs.wait()
    assert code in (-signal.SIGKILL, 70)
    if code == 70:
      break
    killed += 1
  _, code = run_until_it_lives(jobs, *argv, most=20)
  assert code == 70
  check_troubled(out, cells, raises, dies, undisturbed_by(cells))
  assert jobs.run(*argv) == 70  # Nothing is left to do.
  assert statuses(sweeps.load(out)).count("ok") == 78


def test_a_crashed_cell_is_tried_once_more_when_asked(tmp_path):
  run(tmp_path, CELLS[:1])
  group, = sweeps.load(tmp_path).manifest["groups"]
  (tmp_path / "results.jsonl").unlink()
  journal = Journal(tmp_path / "journal.jsonl")
  journal.open()
  journal.set_deaths(group["id"], 2)
  first = run(tmp_path, CELLS[:1])
  assert statuses(first) == ["crashed"] and first.exit_code == 70
  assert run(tmp_path, CELLS[:1]).records == first.records
  again = run(tmp_path, CELLS[:1], retry=("crashed",))
  assert statuses(again) == ["ok"] and again.records[0]["attempt"] == 1


# Packed again.


def interrupted(monkeypatch, *args, **kwargs):
  """A run that comes to its packing and no further."""
  def stop(self):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(training.Training, "train", stop)
    with pytest.raises(KeyboardInterrupt):
      run(*args, **kwargs)


def packed(directory):
  return [len(g["shapes"]) for g in sweeps.load(directory).manifest["groups"]]


def test_a_packing_without_results_follows_the_options(tmp_path, monkeypatch):
  interrupted(monkeypatch, tmp_path, WIDE, Wide(), batching="padded")
  assert packed(tmp_path) == [3, 3]
  plan = sweeps.plan(Wide(), WIDE, tmp_path, batching="bucketed", max_lanes=3)
  assert [p.static for p in plan.todo] == [3, 5, 4]
  assert packed(tmp_path) == [3, 3]  # A plan changes nothing.
  run(tmp_path, WIDE[:2], Wide(), batching="bucketed")
  assert packed(tmp_path) == [1]
  # With results it stays as it is, whatever the options.
  run(tmp_path, WIDE, Wide(), batching="padded")
  assert packed(tmp_path) == [1, 2, 2]


def test_the_same_options_keep_the_packing(tmp_path, monkeypatch):
  interrupted(monkeypatch, tmp_path, WIDE, Wide(), batching="padded")
  before = sweeps.load(tmp_path).manifest["groups"]
  run(tmp_path, [*WIDE, sweeps.Cell(width=3, x=9.0)], Wide(), batching="padded")
  assert sweeps.load(tmp_path).manifest["groups"][:2] == before


def test_a_packing_that_no_longer_merges_is_made_again(tmp_path, monkeypatch):
  interrupted(monkeypatch, tmp_path, WIDE, Wide(), batching="padded")
  monkeypatch.setattr(Wide, "merge", lambda self, statics: None)
  results = run(tmp_path, WIDE, Wide(), batching="padded")
  assert statuses(results) == ["ok"] * 6 and packed(tmp_path) == [1, 1, 1]


def test_an_error_of_many_lines_is_one_line_of_the_record():
  """The report showed the first 500 characters of a traceback inside an error."""
  text = "INTERNAL: in a callback\n" + "  File\n" * 99 + "ValueError: why"
  found = failure_of(RuntimeError(text), True)
  assert found.error == "RuntimeError: INTERNAL: in a callback .. ValueError: why"
  assert "  File\n" in found.about["traceback"]


def test_an_exit_in_make_train_is_an_error_of_its_cells():
  def make_train(static):
    if static["kind"] == "bad":
      raise SystemExit(3)
    return lambda traced, key: {"loss": traced["x"]}

  results = sweeps.run(sweeps.simple(make_train), sweeps.grid(kind=["bad", "good"], x=[1.0]),
                       progress=False)
  assert [r["status"] for r in results] == ["failed", "ok"]
  assert "make_train ended the process: sys.exit(3)" in results.records[0]["error"]
