# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results of code that was edited since are told from those of the code of now."""

import functools
import json
import subprocess
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import sweeps
from posenc_jax.sweeps.fingerprint import Fingerprints, changes
from posenc_jax.sweeps.run import code, runner, training
from posenc_jax.sweeps.store import lines, manifest
from tests.support.sweep_toy import Line

XS = sweeps.grid(x=[1.0], seed=[0, 1])


def run(experiment, out, cells=XS, **kwargs):
  return sweeps.run(experiment, cells, out, **{**dict(progress=False, report=False), **kwargs})


def times(n):
  return sweeps.simple(lambda static: lambda traced, key: {"loss": n * traced["x"]})


def losses(results):
  return [r["metrics"]["loss"] for r in results]


def lowerings(monkeypatch):
  """Counts the programs that a comparison lowers."""
  found = []

  class Counted(code.Lowered):
    def __init__(self, *args, **kwargs):
      found.append(args)
      super().__init__(*args, **kwargs)

  monkeypatch.setattr(code, "Lowered", Counted)
  return found


def test_a_closed_over_number_that_changed_is_told_and_refused(tmp_path):
  """Fault A3: the mean of results of two codes, without a word."""
  run(times(1.0), tmp_path, XS[:1])
  before = (tmp_path / "results.jsonl").read_bytes()
  with pytest.raises(sweeps.SettingsChanged) as error:
    run(times(9.0), tmp_path, XS)
  text = str(error.value)
  assert text.startswith(f"{tmp_path}: got results of 1 cell from other code or settings of the "
                         "experiment than now:\n")
  assert "<lambda>: n: was 1.0, now 9.0\n, wanted what made them. " in text
  assert 'retrain="changed"' in text and error.value.exit_code == 2
  assert (tmp_path / "results.jsonl").read_bytes() == before
  assert losses(run(times(1.0), tmp_path, XS)) == [1.0, 1.0]


def test_cells_that_the_code_does_not_know_any_more_are_told_and_stay(tmp_path):
  def experiment(*known):
    def make(static):
      values = {name: float(i) for i, name in enumerate(known)}
      return lambda traced, key: {"loss": traced["x"] + values[static["kind"]]}

    found = sweeps.simple(make, static=["kind"])
    split = found.split

    def checked(cell):
      if cell["kind"] not in known:
        raise ValueError(f"no {cell['kind']}")
      return split(cell)

    object.__setattr__(found, "split", checked)
    return found

  cells = sweeps.grid(kind=["a", "b"], x=[0.5])
  quiet = {"progress": False, "report": False}
  sweeps.run(experiment("a", "b"), cells, tmp_path, **quiet)
  with pytest.warns(sweeps.SweepWarning, match=r"1 cell of earlier grids stay.*\(no b\)"):
    sweeps.run(experiment("a"), cells[:1], tmp_path, retrain="changed", **quiet)
  with pytest.warns(sweeps.SweepWarning, match="no b"):
    sweeps.plan(experiment("a"), cells[:1], tmp_path)
  assert len(sweeps.load(tmp_path)) == 2


def test_changed_cells_are_trained_again_and_their_old_records_stay(tmp_path):
  run(times(1.0), tmp_path, XS[:1])
  found = run(times(9.0), tmp_path, XS, retrain="changed")
  assert losses(found) == [9.0, 9.0] and [r["attempt"] for r in found] == [1, 0]
  kept = lines.scan(tmp_path / "results.jsonl").records
  assert [r["metrics"]["loss"] for r in kept] == [1.0, 9.0, 9.0]
  sources = [r["code"]["finish"][0] for r in kept]
  assert sources[0] != sources[1] == sources[2]
  # The newest count, here and on reading; nothing is left to do.
  assert losses(sweeps.load(tmp_path)) == [9.0, 9.0]
  assert run(times(9.0), tmp_path, XS, retrain="changed").records == found.records


def test_cells_outside_the_grid_are_not_mixed_either(tmp_path):
  """Reading the directory would have averaged them with those of now."""
  run(times(1.0), tmp_path, XS[:1])
  with pytest.raises(sweeps.SettingsChanged, match=r"1 of the 1 cell not in this grid"):
    run(times(9.0), tmp_path, XS[1:])
  with pytest.warns(sweeps.SweepWarning, match="results of 1 cell of earlier grids"):
    run(times(9.0), tmp_path, XS[1:], retrain="changed")
  with pytest.warns(sweeps.SweepWarning, match="results of 1 cell are of other code"):
    assert sweeps.load(tmp_path).notes
  assert losses(run(times(9.0), tmp_path, XS, retrain="changed")) == [9.0, 9.0]
  assert sweeps.load(tmp_path).notes == ()


def test_shares_of_other_code_are_refused(tmp_path):
  """A share compared its own groups alone: half of the means was of each code."""
  run(times(1.0), tmp_path, shard=(0, 2), max_lanes=1)
  with pytest.raises(sweeps.SettingsChanged, match=r"n: was 1\.0, now 9\.0"):
    run(times(9.0), tmp_path, shard=(1, 2), max_lanes=1)
  run(times(1.0), tmp_path, shard=(1, 2), max_lanes=1)
  assert losses(sweeps.load(tmp_path)) == [1.0, 1.0]


def test_directories_of_other_code_are_told_when_loaded_together(tmp_path):
  for name, n, cells in (("a", 1.0, XS[:1]), ("b", 9.0, XS[1:]), ("c", 1.0, XS[1:])):
    run(times(n), tmp_path / name, cells)
  with pytest.warns(sweeps.SweepWarning, match=r"b: other code.*: n: was 1\.0, now 9\.0"):
    assert len(sweeps.load(tmp_path / "a", tmp_path / "b").notes) == 1
  assert sweeps.load(tmp_path / "a", tmp_path / "c").notes == ()


def test_a_sentence_that_is_no_choice_is_refused():
  with pytest.raises(ValueError, match="options: retrain: got 'changd'.*Did you mean 'changed'"):
    sweeps.Options(retrain="changd")


def test_other_steps_are_told(tmp_path):
  make = lambda steps: sweeps.simple(lambda static: sweeps.Train(
    init=lambda traced, key: traced["x"], step=lambda s, t, i: (s, {"loss": s}), steps=steps))
  run(make(4), tmp_path)
  with pytest.raises(sweeps.SettingsChanged, match="Train.steps: was 4, now 8"):
    run(make(8), tmp_path)


def source(text, **names):
  """A module of this text, as an edited file gives it; not in sys.modules, like a notebook's."""
  module = types.ModuleType("study")
  vars(module).update(jnp=jnp, sweeps=sweeps, **names)
  exec(compile(text, "study.py", "exec"), vars(module))  # noqa: S102
  return module


STUDY = """
def helper(x):
  return 2.0 * x

def make_train(static):
  def train(traced, key):
    return {"loss": helper(traced["x"])}
  return train
"""


def test_an_edited_helper_is_told(tmp_path):
  run(sweeps.simple(source(STUDY).make_train), tmp_path)
  edited = source(STUDY.replace("2.0 * x", "3.0 * x"))
  with pytest.raises(sweeps.SettingsChanged, match="study.helper: its code"):
    run(sweeps.simple(edited.make_train), tmp_path)


def test_comments_line_breaks_and_docstrings_change_nothing(tmp_path, monkeypatch):
  run(sweeps.simple(source(STUDY).make_train), tmp_path)
  counted = lowerings(monkeypatch)
  moved = STUDY.replace("def helper(x):", '# New.\n\n\ndef helper(x):\n  """Doubles."""')
  found = run(sweeps.simple(source(moved).make_train), tmp_path)
  assert losses(found) == [2.0, 2.0] and not counted


def test_an_edit_that_changes_no_program_is_found_out_once(tmp_path, monkeypatch):
  """As a method added to a table, or another way to write the same."""
  run(sweeps.simple(source(STUDY).make_train), tmp_path)
  counted = lowerings(monkeypatch)
  edited = source(STUDY.replace("return 2.0 * x", "y = 2.0 * x\n  return y"))
  for _ in range(2):
    assert losses(run(sweeps.simple(edited.make_train), tmp_path)) == [2.0, 2.0]
    assert len(counted) == 1


def test_an_edited_split_is_told_though_the_program_is_the_same(tmp_path):
  class Scaled:
    factor = 1.0

    def split(self, cell):
      return "one", {"x": cell["x"] * self.factor}

    def make_train(self, static):
      return lambda traced, key: {"loss": traced["x"]}

  run(Scaled(), tmp_path)
  Scaled.factor = 2.0
  with pytest.raises(sweeps.SettingsChanged, match="Scaled.factor: was 1.0, now 2.0"):
    run(Scaled(), tmp_path)


def test_changed_leaves_of_an_encoding_are_told(tmp_path):
  """Fault A4 of the first hour: one's own method edited, the old numbers returned."""
  def make(slope):
    alibi = px.Alibi(slopes=np.full(2, slope, np.float32))
    x = jnp.ones((4, 2, 8))
    return sweeps.simple(lambda static: lambda traced, key: {
      "loss": traced["x"] * px.attend(x, x, x * jnp.arange(4.0)[:, None, None], alibi).sum()})

  run(make(1.0), tmp_path, XS[:1])
  with pytest.raises(sweeps.SettingsChanged, match=r"Alibi.slopes: was float32\[2\] \w+, now "):
    run(make(50.0), tmp_path)


def test_an_edited_finish_is_told_as_such(tmp_path):
  make = lambda scale: sweeps.simple(lambda static: sweeps.Train(
    init=lambda traced, key: traced["x"], step=lambda s, t, i: (s, {"loss": s}), steps=2,
    finish=lambda s, t: {"loss": s * scale}))
  run(make(1.0), tmp_path)
  with pytest.raises(sweeps.SettingsChanged, match="<lambda>: scale: was 1.0, now 2.0"):
    run(make(2.0), tmp_path)


def test_failures_of_code_that_was_mended_are_run_again_unasked(tmp_path):
  broken = STUDY.replace("2.0 * x", "2.0 * x if x.shape == () else 1 / 0").replace(
    "helper(traced", "(helper if static['kind'] == 'a' else missing)(traced")
  cells = sweeps.grid(kind=["a", "b"], x=[1.0])
  first = run(sweeps.simple(source(broken).make_train), tmp_path, cells)
  assert [r["status"] for r in first] == ["ok", "failed"]
  assert run(sweeps.simple(source(broken).make_train), tmp_path, cells).records == first.records
  mended = source(broken.replace("missing", "helper"))
  plan = sweeps.plan(sweeps.simple(mended.make_train), cells, tmp_path)
  assert [p.group.cells for p in plan.todo] == [(cells[1],)]
  found = run(sweeps.simple(mended.make_train), tmp_path, cells)
  assert [r["status"] for r in found] == ["ok", "ok"]
  assert [r["attempt"] for r in found] == [0, 1]


def test_a_rerun_with_nothing_to_do_lowers_nothing(tmp_path, monkeypatch):
  run(times(1.0), tmp_path)

  def refuse(*args):
    pytest.fail("lowered")

  monkeypatch.setattr(code, "Lowered", refuse)
  monkeypatch.setattr(runner.Groups, "_compiled", refuse)
  assert losses(run(times(1.0), tmp_path)) == [1.0, 1.0]


def test_the_dry_run_tells_of_an_edit_and_lowers_nothing(tmp_path, monkeypatch):
  run(times(1.0), tmp_path, XS)
  counted = lowerings(monkeypatch)
  before = {p: p.read_bytes() for p in tmp_path.rglob("*.jsonl")}
  text = sweeps.plan(times(9.0), XS, tmp_path).describe()
  assert ("note: code or settings of the experiment have changed since 2 cells of the directory "
          "had results (") in text
  assert "n: was 1.0, now 9.0); a run lowers programs" in text and not counted
  assert "have changed" not in sweeps.plan(times(1.0), XS, tmp_path).describe()
  assert before == {p: p.read_bytes() for p in tmp_path.rglob("*.jsonl")}


class Die(BaseException):
  """Stands for a kill."""


def test_a_checkpoint_is_never_continued_by_other_code(tmp_path, monkeypatch, capsys):
  def edited(scale):
    def make_train(static):
      step = lambda s, traced, i: (s * scale * traced["x"], {"loss": s})
      return sweeps.Train(init=lambda traced, key: traced["x"], step=step, steps=6)
    return sweeps.simple(make_train)

  advance, often = training.Program.advance, dict(chunk_seconds=1e-9, checkpoint_seconds=0)

  def die(self, state, traced, start, stop):
    if start == 4:
      raise Die
    return advance(self, state, traced, start, stop)

  def killed(scale, out):
    with monkeypatch.context() as patch:
      patch.setattr(training.Program, "advance", die)
      with pytest.raises(Die):
        run(edited(scale), out, XS[:1], **often)

  killed(2.0, tmp_path / "same")
  run(edited(2.0), tmp_path / "same", XS[:1], progress=True)
  assert "goes on at step" in capsys.readouterr().err
  killed(2.0, tmp_path / "other")
  found = run(edited(3.0), tmp_path / "other", XS[:1], progress=True)
  assert "is of other code; the group starts over" in capsys.readouterr().err
  assert found.records[0]["series"]["loss"] == [3.0**i for i in range(6)]


def test_data_that_the_source_does_not_show_is_found_when_the_program_is_made(tmp_path):
  path = tmp_path / "data.txt"

  def make_train(static):
    return lambda traced, key: {"loss": traced["x"] * float(path.read_text())}

  out = tmp_path / "out"
  path.write_text("2")
  run(sweeps.simple(make_train), out)
  stored = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
  path.write_text("3")
  assert losses(run(sweeps.simple(make_train), out)) == [2.0, 2.0]  # Nothing was made.
  (out / "results.jsonl").write_bytes(stored[0])  # One cell of the group is missing.
  with pytest.raises(sweeps.SettingsChanged, match="a reason that its source does not show"):
    run(sweeps.simple(make_train), out)
  found = run(sweeps.simple(make_train), out, retrain="changed")
  assert losses(found) == [3.0, 3.0] and [r["attempt"] for r in found] == [1, 0]


def test_under_other_versions_an_edit_cannot_be_told(tmp_path, monkeypatch):
  run(times(1.0), tmp_path)
  monkeypatch.setattr(code, "environment", lambda count: "0" * 8)
  with pytest.warns(sweeps.SweepWarning, match="2 finished cells made with other v") as warned:
    assert losses(run(times(9.0), tmp_path)) == [1.0, 1.0]
  assert warned[0].filename == __file__  # Fault C11: warnings point at the caller.


def test_results_without_a_directory_need_no_code(monkeypatch):
  monkeypatch.setattr(code.Code, "sources", None)
  assert "code" not in run(times(1.0), None).records[0]


def test_the_same_code_has_one_source_in_every_process():
  script = ("from posenc_jax.sweeps.fingerprint import Fingerprints\n"
            "from tests.support.sweep_toy import Toy\n"
            "train = Toy().make_train(4)\n"
            "print(Fingerprints().source(init=train.init, step=train.step, finish=train.finish))")
  said = {subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                         env={"PYTHONPATH": ".", "PYTHONHASHSEED": seed}).stdout for seed in "12"}
  assert len(said) == 1


# What the fingerprint sees.

A, B = np.arange(3.0), np.arange(3.0) + 1
NUMBER = 1


def uses_number():
  return NUMBER


def calls():
  return uses_number()


def counts(n):
  def count():
    return n

  return count


class Thing:
  def __init__(self, field):
    self.field = field

  def method(self):
    return self.field


class Wrapped:
  """Has a method that a decorator has put around another."""

  def __init__(self, number):
    self.call = types.MethodType(functools.wraps(default)(lambda self: number), self)


def default(x=1):
  return x


def with_gradient(scale):
  """A function whose backward pass has a number of its own."""
  square = jax.custom_vjp(lambda x: x * x)
  square.defvjp(lambda x: (x * x, x), lambda x, g: (scale * x * g,))
  return square


@pytest.mark.parametrize("one, other", [
  (lambda: 1, lambda: 2),
  (lambda x: x + 1, lambda x: x - 1),
  (lambda x: x.real, lambda x: x.imag),
  (lambda: [i for i in range(3)], lambda: [i for i in range(4)]),
  (counts(1), counts(2)),
  (counts(A), counts(B)),
  (counts(A), counts(A.astype(np.float32))),
  (counts(jnp.arange(3)), counts(jnp.arange(1, 4))),
  (counts(jax.random.key(0)), counts(jax.random.key(1))),
  (counts([1, [2]]), counts([1, [3]])),
  (counts({"a": A}), counts({"a": B})),
  (counts(counts(1)), counts(counts(2))),
  (counts(Thing(1)), counts(Thing(2))),
  (Thing(1).method, Thing(2).method),
  (functools.partial(default, 1), functools.partial(default, 2)),
  (jax.jit(counts(1)), jax.jit(counts(2))),
  (functools.lru_cache(counts(1)), functools.lru_cache(counts(2))),
  (counts(px.Alibi(2)), counts(px.Alibi(4))),
  (counts(np.zeros(2**22)), counts(np.ones(2**22))),
  (counts(np.zeros(2**22)), counts(1.0 * (np.arange(2**22) == 1_234_567))),
  (counts({i: [i] for i in range(99)}), counts({i: [i] for i in range(1, 100)})),
  (counts({counts: 1}), counts({counts: 2})),
  (counts({1, 2}), counts({1, 3})),
  (with_gradient(1.0), with_gradient(2.0)),
  (counts(Wrapped(1)), counts(Wrapped(2))),
])
def test_what_differs_has_another_source(one, other):
  prints = Fingerprints()
  assert prints.source(f=one) != prints.source(f=other)
  assert changes(prints.parts(f=one), prints.parts(f=other))
  assert prints.source(f=one) == Fingerprints().source(f=one)


def test_arrays_of_equal_bytes_differ_by_dtype():
  one, other = (counts(np.zeros(3, dtype)) for dtype in (np.int32, np.float32))
  assert Fingerprints().source(f=one) != Fingerprints().source(f=other)


def test_globals_are_followed_through_functions(monkeypatch):
  before = Fingerprints().parts(f=calls)
  monkeypatch.setattr(sys.modules[__name__], "NUMBER", 2)
  assert changes(before, Fingerprints().parts(f=calls)) == [f"{__name__}.NUMBER: was 1, now 2"]


def test_closures_of_installed_functions_are_followed():
  optax = pytest.importorskip("optax")
  one, other = (Fingerprints().source(f=counts(optax.adam(rate))) for rate in (0.1, 0.2))
  assert one != other


def test_methods_that_flax_wraps_are_seen():
  nn = pytest.importorskip("flax.linen")

  def make(number):
    class Module(nn.Module):
      def __call__(self, x):
        return x * number

    return counts(Module())

  assert Fingerprints().source(f=make(1)) != Fingerprints().source(f=make(2))


def test_what_cannot_be_read_ends_no_sweep(tmp_path):
  class Hostile:
    def __getattr__(self, name):
      raise OSError(f"no {name}")

  hostile = Hostile()
  experiment = sweeps.simple(lambda static: lambda traced, key: {
    "loss": traced["x"] + float(hostile is None)})
  with pytest.warns(sweeps.SweepWarning, match="code cannot be read .OSError: no __wrapped__"):
    assert losses(run(experiment, tmp_path)) == [1.0, 1.0]


def test_large_containers_are_one_part():
  assert len(Fingerprints().parts(f=counts({i: (i, [i]) for i in range(9999)}))) < 5


def test_what_refers_to_itself_ends():
  thing = Thing(None)
  thing.field = {"self": thing, "list": [thing]}
  assert Fingerprints().source(f=thing.method)


# Where the code came from.


def test_the_manifest_says_whose_repository_the_experiment_is_of(tmp_path, monkeypatch):
  git = lambda *args: subprocess.run(
    ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *args], check=True,
    capture_output=True, text=True).stdout.strip()
  (tmp_path / "study").mkdir()
  path = tmp_path / "study" / "mine.py"
  path.write_text("class Mine:\n  pass\n")
  git("init", "-q")
  git("add", ".")
  git("commit", "-q", "-m", "one")
  monkeypatch.syspath_prepend(str(tmp_path / "study"))
  import mine

  found = manifest.callers(mine.Mine())["experiment"]
  assert found == {"file": "study/mine.py", "commit": git("rev-parse", "HEAD"), "dirty": False}
  path.write_text("class Mine:\n  x = 1\n")
  manifest.git_state.cache_clear()
  assert manifest.callers(mine.Mine())["experiment"]["dirty"] is True
  run(Line(2), tmp_path / "out", sweeps.grid(width=[2], lr=0.1))
  about = json.loads((tmp_path / "out" / "manifest.json").read_text())["caller"]
  assert about["experiment"]["file"] == "tests/support/sweep_toy.py" and "main" in about
