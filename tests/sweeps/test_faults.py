# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sweeps that are killed, cut off, filled up, starved and interrupted end as undisturbed ones do.

The undisturbed run is the oracle: after any fault and a rerun every cell has one result, and all of
it but times and places is the same, bit for bit, since groups keep their packing.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.records import payload
from posenc_jax.sweeps.run import runner, signals, training
from posenc_jax.sweeps.run.program import Program
from posenc_jax.sweeps.store import lines
from tests.support import sweep_toy
from tests.support.sweep_jobs import until
from tests.support.sweep_toy import Line
from tests.sweeps.test_run import line_by_hand
from tests.sweeps.test_store import FullDisk

CELLS = sweep_toy.cells(6, widths=(2,))


def run(out=None, cells=CELLS, experiment=None, **kwargs):
  quiet = dict(progress=False, report=False, max_lanes=3)
  return sweeps.run(experiment or Line(), cells, out, **{**quiet, **kwargs})


@pytest.fixture(scope="module")
def undisturbed():
  return [payload(r) for r in run()]


def check_store(directory, wanted):
  """The directory holds each wanted cell once, as wanted, and nothing else."""
  found = [r for p in directory.glob("results*.jsonl") for r in lines.scan(p).records]
  count = collections.Counter(r["id"] for r in found)
  assert set(count) == {r["id"] for r in wanted} and set(count.values()) == {1}
  by_id = {r["id"]: payload(r) for r in found}
  assert [by_id[r["id"]] for r in wanted] == wanted
  assert not list((directory / "checkpoints").glob("*"))


# Killed.


# However often it dies, no group is divided: results are compared bit for bit.
KILLED = ("--cells", 10, "--steps", 30, "--pause", 0.002, "--max_lanes", 2, "--max_deaths", 1000)


def seconds_of(jobs, directory):
  """How long KILLED takes undisturbed, here and now: kills are aimed by it, on any machine."""
  start = time.monotonic()
  assert jobs.run(directory, *KILLED) == 0
  return time.monotonic() - start


def kill_until_done(jobs, directory, rng, kills, seconds):
  """Runs KILLED again and again, killing it at random; then once to its end. Returns its kills.

  A machine may be busier in one run than in the next, so a kill comes at its instant or when four
  of five groups are stored, whichever is first: it never misses a first run.
  """
  killed = 0
  stored = directory / "results.jsonl"
  for _ in range(kills):
    pid = jobs.start(directory, *KILLED)
    until(lambda: _lines(stored) >= 8, rng.uniform(0.0, 0.8 * seconds))
    with contextlib.suppress(ProcessLookupError):  # It may be done already.
      os.kill(pid, signal.SIGKILL)
    if jobs.wait() != -signal.SIGKILL:
      break
    killed += 1
  assert jobs.run(directory, *KILLED) == 0
  return killed


def test_killed_at_random_instants(jobs, tmp_path, rng):
  seconds = seconds_of(jobs, tmp_path / "whole")
  assert kill_until_done(jobs, tmp_path / "killed", rng, 5, seconds) >= 1
  whole = [payload(r) for r in sweeps.load(tmp_path / "whole")]
  assert len(whole) == 10
  check_store(tmp_path / "killed", whole)


@pytest.mark.slow
def test_two_hundred_kills(jobs, tmp_path, rng):
  seconds = seconds_of(jobs, tmp_path / "whole")
  whole = [payload(r) for r in sweeps.load(tmp_path / "whole")]
  killed = run = 0
  while killed < 200:
    run += 1
    assert run <= 200, f"only {killed} kills met a running sweep"
    directory = tmp_path / f"killed{run}"
    killed += kill_until_done(jobs, directory, rng, 5, seconds)
    check_store(directory, whole)


def _lines(path):
  return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_five_hundred_cells_killed_twenty_times(jobs, tmp_path, rng):
  argv = ("--cells", 500, "--steps", 60, "--pause", 0.002, "--max_lanes", 10, "--max_deaths", 1000)
  assert jobs.run(tmp_path / "whole", *argv) == 0
  stored = tmp_path / "killed" / "results.jsonl"
  for kill in range(20):
    # Aimed by progress, so that any machine gets to all kills, and then at random.
    pid = jobs.start(tmp_path / "killed", *argv)
    assert until(lambda least=23 * kill: _lines(stored) >= least)
    time.sleep(rng.uniform(0.0, 0.1))
    os.kill(pid, signal.SIGKILL)
    assert jobs.wait() == -signal.SIGKILL
  assert 0 < len(sweeps.load(tmp_path / "killed")) < 500
  assert jobs.run(tmp_path / "killed", *argv) == 0
  whole = [payload(r) for r in sweeps.load(tmp_path / "whole")]
  assert len(whole) == 500
  check_store(tmp_path / "killed", whole)
  merged = [payload(r) for r in sweeps.load(tmp_path / "killed")]
  assert merged == whole


class Stop(BaseException):
  """Stands for a death that runs no handler of ours."""


def stop_after(monkeypatch, chunks):
  """Lets a group run some chunks and then die; returns the steps each chunk began at."""
  starts, advance = [], Program.advance

  def counted(self, state, traced, start, stop):
    if len(starts) == chunks:
      raise Stop
    starts.append(start)
    return advance(self, state, traced, start, stop)

  monkeypatch.setattr(Program, "advance", counted)
  return starts


def test_a_group_goes_on_at_its_last_checkpoint(tmp_path, monkeypatch, undisturbed):
  with monkeypatch.context() as patch:
    starts = stop_after(patch, 12)
    with pytest.raises(Stop):
      run(tmp_path, chunk_seconds=1e-9, checkpoint_seconds=0)
    assert starts == list(range(12))
  saved, = (tmp_path / "checkpoints").iterdir()
  step = int(json.loads(np.load(saved)["header"].tobytes())["step"])
  assert 1 <= step <= 12
  starts = stop_after(monkeypatch, 999)
  assert [payload(r) for r in run(tmp_path)] == undisturbed
  assert starts[0] == step
  check_store(tmp_path, undisturbed)


@pytest.mark.parametrize("damage", [
  lambda data: data[:-30], lambda data: data[:200] + b"\0" * 40 + data[240:], lambda data: b""])
def test_a_damaged_checkpoint_costs_the_group_only(
    tmp_path, monkeypatch, undisturbed, damage, capsys):
  with monkeypatch.context() as patch:
    stop_after(patch, 12)
    with pytest.raises(Stop):
      run(tmp_path, chunk_seconds=1e-9, checkpoint_seconds=0)
  saved, = (tmp_path / "checkpoints").iterdir()
  saved.write_bytes(damage(saved.read_bytes()))
  starts = stop_after(monkeypatch, 999)
  assert [payload(r) for r in run(tmp_path, progress=True)] == undisturbed
  assert starts[0] == 0
  assert re.search("checkpoint of group .* is damaged.*starts over", capsys.readouterr().err)


# Torn and corrupt files.


def test_a_torn_tail_is_cut_and_its_cells_run_again(tmp_path, undisturbed, capsys):
  run(tmp_path)
  path = tmp_path / "results.jsonl"
  whole = path.read_bytes()
  last = len(whole.splitlines(keepends=True)[-1])
  for cut in (1, 2, last, last + 3):
    path.write_bytes(whole[:len(whole) - cut])
    results = run(tmp_path, progress=True)
    assert [payload(r) for r in results] == undisturbed and results.exit_code == 0
    check_store(tmp_path, undisturbed)
    said = "cut a torn last line" in capsys.readouterr().err
    assert said == (cut not in (1, last))


def test_a_corrupt_line_is_named_kept_and_its_cell_run_again(tmp_path, undisturbed, capsys):
  run(tmp_path)
  path = tmp_path / "results.jsonl"
  parts = path.read_bytes().splitlines(keepends=True)
  parts[2] = parts[2].replace(b"1", b"2", 1)
  damaged = b"".join(parts)
  path.write_bytes(damaged)
  results = run(tmp_path, progress=True)
  assert "results.jsonl: line 3 cannot be trusted: checksum" in capsys.readouterr().err
  assert [payload(r) for r in results] == undisturbed and results.exit_code == 65
  copy, = tmp_path.glob("results.corrupt-*")
  assert copy.read_bytes() == damaged and path.read_bytes().startswith(damaged)
  # Again: still not mended, but no second copy; then mended.
  assert run(tmp_path).exit_code == 65 and len(list(tmp_path.glob("results.corrupt-*"))) == 1
  assert run(tmp_path, repair=True).exit_code == 0
  assert run(tmp_path).exit_code == 0
  check_store(tmp_path, undisturbed)


def test_what_a_kill_left_behind_is_tidied_up(tmp_path, undisturbed):
  run(tmp_path)
  found = sweeps.load(tmp_path).manifest["groups"]
  (tmp_path / "checkpoints").mkdir(exist_ok=True)
  # Killed between storing the results and dropping the checkpoint, and in the middle of a file.
  for name in (f"checkpoints/{found[0]['id']}.npz", ".manifest.json.123.tmp",
               "checkpoints/.x.npz.123.tmp"):
    (tmp_path / name).write_bytes(b"half")
  run(tmp_path)
  check_store(tmp_path, undisturbed)
  assert not list(tmp_path.rglob("*.tmp"))


# No room, no right, no luck.


def test_a_full_disk_stops_the_sweep_and_loses_nothing(tmp_path, monkeypatch, undisturbed):
  size = len(b"".join(lines.encode(r) for r in undisturbed))
  stopped = 0
  for room in (10, 4000, 5000 + size // 2, 20000):
    with monkeypatch.context() as patch:
      patch.setattr(os, "write", FullDisk(room))
      try:
        run(tmp_path / str(room), checkpoint_seconds=0, chunk_seconds=1e-9)
      except sweeps.StorageFull as error:
        stopped += 1
        assert error.exit_code == 74
        assert re.search(rf"{room}/.*: got a write of \d+ bytes that failed: No space", str(error))
    assert [payload(r) for r in run(tmp_path / str(room))] == undisturbed
    check_store(tmp_path / str(room), undisturbed)
  assert stopped >= 3


def test_a_diverging_lane_leaves_its_neighbours_untouched(tmp_path):
  rates = (0.03, 1e30, 0.01)
  wild = [sweeps.Cell(width=3, lr=lr, seed=1) for lr in rates]
  calm = [c.replace(lr=0.02) if c["lr"] > 1 else c for c in wild]
  results, quiet = run(tmp_path, wild), run(None, calm)
  assert [r["status"] for r in results] == ["ok", "diverged", "ok"]
  assert [payload(results.records[i]) for i in (0, 2)] == [
    payload(quiet.records[i]) for i in (0, 2)]
  bad = results.records[1]
  # By hand: lr 1e30 sends w to about 1e30, whose square no float32 holds, at the second step.
  assert bad["first_bad_step"] == 1 and bad["series"]["loss"][1] is None
  assert bad["series"]["loss"][0] == pytest.approx(line_by_hand(wild[1], 1)[0][0], rel=1e-5)
  assert bad["metrics"]["loss"] is None and bad["nonfinite"]["metrics/loss"] in ("nan", "inf")
  text = (tmp_path / "results.jsonl").read_text()
  refuse = lambda name: pytest.fail(f"{name} in JSON")
  assert [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
  # It counts as done; asked to, a rerun tries it again and says so.
  assert run(tmp_path, wild).records == results.records
  again = run(tmp_path, wild, retry=("diverged",))
  assert [r.get("attempt") for r in again] == [0, 1, 0]
  assert payload(again.records[1]) == payload(bad)


def small_memory(monkeypatch, most):
  """Programs of more lanes than `most` run out of memory at their third chunk."""
  advance = Program.advance

  def starved(self, state, traced, start, stop):
    if self.lanes.width > most and start > 1:
      raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17 bytes.")
    return advance(self, state, traced, start, stop)

  monkeypatch.setattr(Program, "advance", starved)


def test_out_of_memory_halves_the_group_and_records_it(tmp_path, monkeypatch, undisturbed, capsys):
  small_memory(monkeypatch, 2)
  results = run(tmp_path, max_lanes=6, progress=True)
  assert "ran out of memory; trying 3 at a time" in capsys.readouterr().err
  groups = sweeps.load(tmp_path).manifest["groups"]
  assert sorted(len(g["cells"]) for g in groups) == [1, 1, 2, 2]
  assert {r["group"] for r in results} == {g["id"] for g in groups}
  for a, b in zip(results, undisturbed, strict=True):
    assert a["status"] == "ok"
    np.testing.assert_allclose(a["series"]["loss"], b["series"]["loss"], rtol=1e-5, atol=1e-9)
  assert run(tmp_path).records == results.records


def test_a_cell_that_never_fits_is_marked_and_the_rest_goes_on(tmp_path):
  def make_train(static):
    def train(traced, key):
      x = traced["x"] - jax.lax.iota(jnp.float32, static["n"])
      return {"loss": jnp.sort(x)[-1]}  # A sort needs its operand in memory.

    return train

  experiment = sweeps.simple(make_train, static=["n"])
  cells = sweeps.grid(n=[2**43, 4], x=[1.0, 2.0])
  results = run(tmp_path, cells, experiment)
  assert [r["status"] for r in results] == ["oom", "oom", "ok", "ok"]
  assert re.search("RESOURCE_EXHAUSTED|memory", results.records[0]["error"])
  assert results.records[3]["metrics"] == {"loss": 2.0}
  assert run(tmp_path, cells, experiment).records == results.records


def test_what_the_compiler_says_will_not_fit_is_halved_before_it_runs(tmp_path):
  def make_train(static):
    def train(traced, key):
      x = traced["x"] - jax.lax.iota(jnp.float32, 2**16)
      return {"loss": jnp.sort(x)[-1]}  # 256 KiB to sort, for each lane.

    return train

  cells = sweeps.grid(x=[1.0, 2.0, 3.0, 4.0])
  results = run(tmp_path, cells, sweeps.simple(make_train), max_lanes=4, memory_limit=800_000)
  assert [r["metrics"]["loss"] for r in results] == [1.0, 2.0, 3.0, 4.0]
  assert sorted(len(g["cells"]) for g in sweeps.load(tmp_path).manifest["groups"]) == [2, 2]
  alone = run(None, cells[:1], sweeps.simple(make_train), memory_limit=1.0)
  assert alone.records[0]["status"] == "ok"  # A lone lane may try.


def test_directories_that_cannot_be_written(tmp_path):
  assert len(run(tmp_path / "missing" / "deep", CELLS[:1])) == 1
  (tmp_path / "file").write_text("keep")
  for out in (tmp_path / "file", tmp_path / "file" / "below"):
    with pytest.raises(sweeps.CannotWrite, match="directory that cannot be made: .*") as error:
      run(out)
    assert error.value.exit_code == 73
    with pytest.raises(sweeps.CannotWrite, match="directory that cannot be made: .* is a file, w"):
      sweeps.plan(Line(), CELLS, out)


def test_a_profile_that_cannot_be_written_is_told_before_the_run(tmp_path):
  (tmp_path / "file").write_text("keep")
  for start in (sweeps.run, sweeps.plan):
    with pytest.raises(sweeps.CannotWrite, match="file is a file, wanted a directory, or nothing"):
      start(Line(), CELLS[:1], tmp_path / "out", profile_dir=str(tmp_path / "file"))
  assert not (tmp_path / "out").exists()


def test_a_plan_is_of_training(tmp_path):
  with pytest.raises(ValueError, match="options: evaluate_only: got True, wanted False, as a plan"):
    sweeps.plan(Line(), CELLS[:1], tmp_path, evaluate_only=True)


def test_links_are_refused_by_a_run_and_by_its_plan(tmp_path):
  """A link to a directory is one; a link to nothing, or where a file grows, ended runs late."""
  (tmp_path / "real").mkdir()
  (tmp_path / "link").symlink_to(tmp_path / "real")
  (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
  assert len(sweeps.plan(Line(), CELLS[:1], tmp_path / "link").todo) == 1
  assert len(run(tmp_path / "link", CELLS[:1])) == 1
  (tmp_path / "real" / "journal.jsonl").unlink()
  (tmp_path / "real" / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
  for out, told in (("dead", "dead is a symbolic link to nothing, wanted a directory, or nothing"),
                    ("real", "symbolic links where a sweep writes: journal.jsonl, wanted files")):
    for start in (run, lambda out: sweeps.plan(Line(), CELLS, out)):
      with pytest.raises(sweeps.CannotWrite, match=told):
        start(tmp_path / out)
  assert not (tmp_path / "nowhere").exists() and not (tmp_path / "elsewhere").exists()


def test_a_read_only_directory():
  with tempfile.TemporaryDirectory() as name:
    directory = pathlib.Path(name)
    directory.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # Whom no permission stops.
      os.chown(directory, 65534, -1)
      os.seteuid(65534)
    try:
      with pytest.raises(sweeps.CannotWrite, match="directory that is not writable, wanted one"):
        # access() asks for the real user, the write is refused to the effective one.
        run(directory, CELLS[:1])
    finally:
      if root:
        os.seteuid(0)
      directory.chmod(0o755)


# Two at once, and signals.


@pytest.mark.filterwarnings("ignore::posenc_jax.sweeps.SweepWarning")  # A commit in between.
def test_two_runs_on_one_directory(jobs, tmp_path):
  out = tmp_path / "sweep"
  pid = jobs.start(out, "--steps", 300, "--pause", 0.005)
  assert until(lambda: list(out.glob("checkpoints/*.npz")))
  with pytest.raises(sweeps.DirectoryInUse, match=f"in use by process {pid} on"):
    run(out, sweep_toy.cells(12), Line(300, 0.005))
  with pytest.raises(SystemExit) as stop, sweeps.exits():
    run(out, sweep_toy.cells(12), Line(300, 0.005))
  assert stop.value.code == 75
  assert len(sweeps.load(out)) < 12  # Reading is allowed at any time.
  os.kill(pid, signal.SIGKILL)
  assert jobs.wait() == -signal.SIGKILL
  # No lock is stale: the dead process holds nothing.
  assert len(run(out, sweep_toy.cells(2), Line(300, 0.005), chunk_seconds=0.2)) == 2


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_the_state_and_says_how_to_go_on(jobs, tmp_path, signum):
  argv = ("--cells", 6, "--max_lanes", 6, "--steps", 60, "--pause", 0.002,
          "--checkpoint_seconds", 1000)
  out = tmp_path / "sweep"
  pid = jobs.start(out, *argv)
  assert until(lambda: "step 1/60" in jobs.text())
  os.kill(pid, signum)
  assert jobs.wait() == 128 + signum
  text = jobs.text()
  name = signal.Signals(signum).name
  assert re.search(f"Interrupted: stopped by {name} after 0 of 6 cells; the running group is saved "
                   r"at step \d+ of 60; all finished cells are safe in", text)
  assert f"to go on: python sweep_toy.py {out} --cells 6" in text and "Traceback" not in text
  assert sweeps.load(out).manifest["runs"][0]["status"] == "stopped by Interrupted"
  assert len(list(out.glob("checkpoints/*.npz"))) == 1
  assert jobs.run(out, *argv) == 0
  assert re.search(r"group \w+ goes on at step \d+", jobs.text())
  assert jobs.run(tmp_path / "whole", *argv) == 0
  check_store(out, [payload(r) for r in sweeps.load(tmp_path / "whole")])


def test_a_signal_while_the_first_program_is_made_is_told_plainly(jobs, tmp_path):
  pid = jobs.start(tmp_path / "sweep", "--trace_pause", 1.0)
  assert until(lambda: "0/12 cells | compiling group 1 of" in jobs.text())
  os.kill(pid, signal.SIGINT)
  assert jobs.wait() == 130
  assert "\nInterrupted: stopped by SIGINT after 0 of 12 cells; all finished" in jobs.text()
  assert "Traceback" not in jobs.text()
  assert jobs.run(tmp_path / "sweep") == 0 and len(sweeps.load(tmp_path / "sweep")) == 12


def test_a_second_signal_ends_it_at_once(jobs, tmp_path):
  # A chunk of eight steps that take seconds: it is running when the signals come.
  pid = jobs.start(tmp_path / "sweep", "--steps", 60000, "--pause", 0.3, "--chunk_seconds", 600)
  assert until(lambda: "step 1/" in jobs.text())
  for _ in range(2):
    time.sleep(0.5)
    os.kill(pid, signal.SIGINT)
  assert jobs.wait() == 130
  assert "KeyboardInterrupt: \n" in jobs.text() and "stopped by SIGINT" not in jobs.text()
  assert sweeps.load(tmp_path / "sweep").manifest["runs"][0]["status"].endswith("KeyboardInterrupt")


def test_a_signal_that_was_switched_off_stays_so():
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    with signals.listening() as listener:
      signal.raise_signal(signal.SIGINT)
      assert listener.signum is None and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
  finally:
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_notebook_is_a_keyboard_interrupt_and_handlers_come_back(
    tmp_path, monkeypatch, undisturbed):
  before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
  monkeypatch.setattr(sys, "orig_argv", ["python"])  # A prompt.
  with monkeypatch.context() as patch:
    def interrupted(self):
      signal.raise_signal(signal.SIGINT)
      return train(self)

    train = training.Training.train
    patch.setattr(training.Training, "train", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stopped by SIGINT.*to go on: the same call"):
      run(tmp_path)
    with pytest.raises(sweeps.Interrupted, match="in memory only") as error:
      run()
    assert error.value.exit_code == 130
  assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
  assert [payload(r) for r in run(tmp_path)] == undisturbed


def test_the_order_of_events_is_what_makes_it_safe(tmp_path, monkeypatch):
  events = []

  def spy_on(name):
    real = getattr(runner.Store, name)

    def spy(self, *args, **kwargs):
      events.append(name)
      return real(self, *args, **kwargs)

    monkeypatch.setattr(runner.Store, name, spy)

  for name in ("record_groups", "add", "drop_checkpoint", "save_checkpoint"):
    spy_on(name)
  run(tmp_path, CELLS[:2], chunk_seconds=1e-9, checkpoint_seconds=0)
  assert events[0] == "record_groups" and "save_checkpoint" in events[1:-2]
  assert events[-2:] == ["add", "drop_checkpoint"]
