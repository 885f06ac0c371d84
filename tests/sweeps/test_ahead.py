# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The next program is compiled while a group trains, and nobody's results or errors move."""

import threading

import jax
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.records import payload
from posenc_jax.sweeps.run import ahead, program
from posenc_jax.sweeps.run.program import Lowered, compiler_options
from posenc_jax.sweeps.run.training import Training
from posenc_jax.sweeps.store.journal import Journal

MAIN, AHEAD = "MainThread", "sweeps compile ahead"


class Sums:
  """One program for each n: adds x up n times."""

  def __init__(self, *bad):
    self.bad = bad

  def split(self, cell):
    return cell["n"], {"x": cell["x"]}

  def make_train(self, static):
    def step(state, traced, index):
      if static in self.bad:
        raise KeyError(f"no n {static}")
      return state + traced["x"], {"loss": state}

    return sweeps.Train(lambda traced, key: 0.0 * traced["x"], step, static,
                        lambda state, traced: {"loss": state})


CELLS = sweeps.grid(n=[3, 4, 5], x=[1.0, 2.0])


def run(out=None, experiment=None, **kwargs):
  return sweeps.run(experiment or Sums(), CELLS, out, **{
    "progress": False, "report": False, "batching": "bucketed", **kwargs})


@pytest.fixture
def threads(monkeypatch):
  """The names of the threads that compiled, in order."""
  found = []
  real = Lowered.compile

  def noted(self):
    if self._compiled is None:
      found.append(threading.current_thread().name)
    return real(self)

  monkeypatch.setattr(Lowered, "compile", noted)
  return found


def test_the_next_program_is_compiled_beside_the_training(threads, capsys):
  results = run(progress=True)
  assert threads == [MAIN, AHEAD, AHEAD]
  assert [r["metrics"]["loss"] for r in results] == [3, 6, 4, 8, 5, 10]
  told = capsys.readouterr().err
  assert "compiling group 1 of 3\n" in told
  assert "compiling group 2 of 3 while group 1 trains\n" in told
  assert not [t for t in threading.enumerate() if t.name == AHEAD]


@pytest.mark.parametrize("how", [{"timeout_seconds": 1e3}, {"profile_dir": "profile"}])
def test_a_group_is_alone_where_its_time_counts(threads, tmp_path, how):
  how = {k: str(tmp_path / v) if isinstance(v, str) else v for k, v in how.items()}
  run(**how)
  assert set(threads) == {MAIN}


def test_a_group_is_alone_where_a_process_has_died(threads, tmp_path, monkeypatch):
  out = tmp_path / "run"
  group = run(out, Sums(3, 4))[CELLS[0]]["group"]
  Journal(out / "journal.jsonl").set_deaths(group, 1)
  threads.clear()
  run(out, retry=("failed",), retrain="changed")
  assert threads == [MAIN, MAIN]


def test_an_error_meets_its_own_group(threads):
  good = [payload(r) for r in run()]
  threads.clear()
  found = run(experiment=Sums(4))
  assert [r["status"] for r in found] == ["ok", "ok", "failed", "failed", "ok", "ok"]
  assert "no n 4" in str(found.records[2])
  for record, other in zip(found, good, strict=True):
    if record["status"] == "ok":
      assert record["metrics"] == other["metrics"]


def test_an_error_of_the_compiler_meets_its_own_group(monkeypatch):
  real = Lowered.compile

  def compile_or_not(self):
    if self.train.steps == 4:
      raise RuntimeError("the compiler gave up")
    return real(self)

  monkeypatch.setattr(Lowered, "compile", compile_or_not)
  found = run()
  assert [r["status"] for r in found] == ["ok", "ok", "failed", "failed", "ok", "ok"]
  assert "the compiler gave up" in found.records[2]["error"]


def test_a_divided_group_does_not_get_the_program_of_the_next(threads, monkeypatch):
  """Its halves come before the group whose program was compiled ahead."""
  real = Training.train

  def train(self):
    if self.group.width == 2 and self.program.train.steps == 3:
      raise RuntimeError("one of the lanes")
    return real(self)

  monkeypatch.setattr(Training, "train", train)
  found = run()
  assert [r["status"] for r in found] == ["ok"] * 6
  assert [r["metrics"]["loss"] for r in found] == [3, 6, 4, 8, 5, 10]
  assert threads[:3] == [MAIN, AHEAD, MAIN]


def test_settings_of_the_caller_reach_a_program_that_is_compiled_ahead():
  """Some belong to a thread: a program traced in another one would be another program."""
  class Dots(Sums):
    def make_train(self, static):
      def step(state, traced, index):
        text = str(jax.make_jaxpr(lambda x: x @ x)(np.ones((2, 2), np.float32)))
        return state + float("HIGHEST" in text), {"loss": state}

      return sweeps.Train(lambda traced, key: 0.0 * traced["x"], step, static,
                          lambda state, traced: {"loss": state})

  with jax.default_matmul_precision("highest"):
    found = run(experiment=Dots())
  assert [r["metrics"]["loss"] for r in found] == [3, 3, 4, 4, 5, 5]


def test_a_compile_that_is_given_up_is_waited_for():
  begun, go = threading.Event(), threading.Event()

  class Slow:
    def compile(self):
      begun.set()
      go.wait(10)

  made = ahead.Ahead("wanted", lambda: (Slow(), "about"))
  assert begun.wait(10) and made.running
  go.set()
  assert made.result()[1] == "about" and not made.running


def test_options_of_the_compiler(monkeypatch):
  monkeypatch.setenv("XLA_FLAGS", "")
  assert program.compiler_options("cpu") == {"xla_backend_optimization_level": 1}
  assert compiler_options("tpu") == {}
  monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
  assert compiler_options("cpu") == {}
