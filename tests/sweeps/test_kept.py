# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Kept states come back bit for bit, and what a sweep reports can be computed from them again."""

import shutil
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import files
from posenc_jax.sweeps.run import training
from posenc_jax.sweeps.store import kept, lines
from tests.support.sweep_toy import Toy

WIDE = sweeps.grid(width=[3, 5], lr=0.03, seed=[0, 1])


def run(experiment, out=None, cells=WIDE, **kwargs):
  return sweeps.run(experiment, cells, out, **{**dict(progress=False, report=False), **kwargs})


@pytest.fixture(scope="module")
def padded(tmp_path_factory):
  """Two widths in one program, with their states."""
  out = tmp_path_factory.mktemp("padded")
  return out, run(Toy(6), out, batching="padded", keep="weights")


def loss_by_hand(weights, width, points):
  """Toy's loss in float64."""
  a, b = (np.asarray(weights[name], np.float64)[:width] for name in "ab")
  x = np.linspace(-1.0, 1.0, points)
  hidden = np.tanh(x[:, None] * a + 0.5)
  return np.mean((hidden @ b * width**-0.5 - np.sin(3.0 * x)) ** 2)


def test_the_reported_numbers_are_those_of_the_restored_weights(padded):
  out, results = padded
  for cell in WIDE:
    state = sweeps.restore(out, cell)
    assert state["weights"]["a"].shape == (5,)  # That of the program, which the widths share.
    found = loss_by_hand(state["weights"], cell["width"], 16)
    assert results[cell]["metrics"]["loss"] == pytest.approx(found, rel=1e-5)
    # As finish takes it: each reported number once more.
    traced = {k: jnp.asarray(v) for k, v in Toy(6).split(cell)[1].items()}
    again = jax.jit(Toy(6).make_train(5).finish)(state, traced)
    assert results[cell]["metrics"]["loss"] == pytest.approx(float(again["loss"]), rel=1e-6)
    np.testing.assert_allclose(results[cell]["series"]["loss_by_length"], again["loss_by_length"],
                               rtol=1e-5)


def test_states_restore_through_results_read_or_run(padded):
  out, results = padded
  for found in (results, sweeps.load(out)):
    state = found.restore(WIDE[0])
    assert jax.tree.structure(state) == jax.tree.structure(sweeps.restore(out, WIDE[0], Toy(6)))
  files = sorted(path.name for path in (out / "states").iterdir())
  assert files == sorted(f"{cell.id}-0.npz" for cell in WIDE)


class Pair(NamedTuple):
  first: jax.Array
  second: jax.Array


def every_kind(traced, key):
  half = (traced["x"] * jnp.arange(3.0)).astype(jnp.bfloat16)
  return Pair({"half": half, "f8": half.astype(jnp.float8_e4m3fn), "on": half > 1,
               "count": jnp.int32(7), "empty": jnp.zeros((2, 0))},
              [key, jax.random.key(3, impl="rbg"), half[0]])


def raw(x):
  return jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def test_every_kind_of_leaf_comes_back_bit_for_bit(tmp_path):
  experiment = sweeps.simple(lambda static: sweeps.Train(
    init=every_kind, step=lambda s, t, i: (s, {"loss": t["x"]}), steps=2))
  cells = sweeps.grid(x=[1.1, 2.7], seed=[4])
  for results in (run(experiment, tmp_path, cells, keep=("weights",)),
                  run(experiment, None, cells, keep=("weights",))):
    for cell in cells:
      words = sweeps.cells.seed_words(cell)
      key = sweeps.experiment.lane_key(*(jnp.uint32(w) for w in words))
      wanted = jax.jit(every_kind)({"x": jnp.float32(cell["x"])}, key)
      found = results.restore(cell)
      assert jax.tree.structure(found) == jax.tree.structure(wanted)
      for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.asarray(raw(a)).tobytes() == np.asarray(raw(b)).tobytes()
  with pytest.raises(ValueError, match="restore: experiment: got None, wanted the experiment"):
    sweeps.restore(tmp_path, cells[0])
  other = sweeps.simple(lambda static: sweeps.Train(
    init=lambda t, key: {"w": t["x"]}, step=lambda s, t, i: (s, {"loss": t["x"]}), steps=2))
  with pytest.raises(ValueError, match="restore: experiment: got a state of"):
    sweeps.restore(tmp_path, cells[0], other)


def test_cells_that_were_not_evaluated_again_are_told_on_reading(tmp_path):
  make = lambda scale: sweeps.simple(lambda static: sweeps.Train(
    lambda traced, key: traced["x"], lambda w, traced, i: (w, {"loss": w}), steps=2,
    finish=lambda w, traced: {"loss": scale * w}))
  cells = sweeps.grid(x=[1.0, 2.0])
  run(make(1.0), tmp_path, cells, keep="weights")
  run(make(5.0), tmp_path, cells[:1], evaluate_only=True)
  with pytest.warns(sweeps.SweepWarning, match="results of 1 cell are of other code"):
    assert [r["metrics"]["loss"] for r in sweeps.load(tmp_path)] == [5.0, 2.0]
  run(make(5.0), tmp_path, cells, evaluate_only=True)
  assert [r["metrics"]["loss"] for r in sweeps.load(tmp_path)] == [5.0, 10.0]


def test_what_was_not_kept_is_told(tmp_path, padded):
  results = run(sweeps.simple(lambda static: lambda t, key: {"loss": t["x"]}), tmp_path,
                [{"x": 1.0}])
  assert not (tmp_path / "states").exists()
  with pytest.raises(KeyError, match='results: state: got none of .*keep="weights"'):
    results.restore({"x": 1.0})
  with pytest.raises(KeyError, match="results: cell"):
    padded[1].restore({"x": 3.0})
  with pytest.raises(ValueError, match="options: keep: got 'wights'"):
    sweeps.Options(keep=("wights",))
  with pytest.raises(ValueError, match="evaluate_only: got True with retrain='changed'"):
    sweeps.Options(evaluate_only=True, retrain="changed")
  with pytest.raises(ValueError, match="evaluate_only: got True with retry="):
    sweeps.Options(evaluate_only=True, retry="failed")
  with pytest.raises(ValueError, match="run: out: got None with evaluate_only"):
    run(Toy(6), None, evaluate_only=True)
  with pytest.raises(sweeps.SettingsChanged, match="got no kept state, so there is nothing to eva"):
    run(Toy(6), tmp_path / "none", evaluate_only=True)


def test_a_damaged_state_is_told(tmp_path):
  experiment = sweeps.simple(lambda static: lambda t, key: {"loss": t["x"]})
  run(experiment, tmp_path, [{"x": 1.0}], keep="weights")
  path, = (tmp_path / "states").iterdir()
  data = path.read_bytes()
  path.write_bytes(data[:-40])
  with pytest.raises(sweeps.CorruptStore, match="got what is damaged"):
    sweeps.restore(tmp_path, {"x": 1.0})
  path.unlink()
  with pytest.raises(sweeps.CorruptStore, match="got what is gone"):
    sweeps.restore(tmp_path, {"x": 1.0})


def test_a_state_is_on_disk_before_its_record_and_goes_after_the_next(tmp_path, monkeypatch):
  events = []

  def spy_on(module, name, event, counts=lambda *args: True):
    real = getattr(module, name)

    def spy(*args):
      if counts(*args):
        events.append(event)
      return real(*args)

    monkeypatch.setattr(module, name, spy)

  spy_on(kept.arrays, "write", "state")
  spy_on(files, "append", "record", lambda path, data: path.name == "results.jsonl")
  spy_on(kept, "drop_others", "drop")
  make = lambda n: sweeps.simple(lambda static: lambda t, key: {"loss": n * t["x"]})
  run(make(1.0), tmp_path, [{"x": 1.0}], keep="weights")
  run(make(2.0), tmp_path, [{"x": 1.0}], keep="weights", retrain="changed")
  assert events == ["state", "record", "drop"] * 2
  path, = (tmp_path / "states").iterdir()
  assert path.name.endswith("-1.npz")


# Evaluated again.


class Better(Toy):
  """Toy with one more number in its finish."""

  def make_train(self, static):
    train = super().make_train(static)

    def finish(state, traced):
      return {**train.finish(state, traced), "norm": jnp.abs(state["weights"]["a"]).sum(),
              "squares": state["weights"]["a"] ** 2}

    return sweeps.Train(train.init, train.step, train.steps, finish, tokens=train.tokens,
                        axes=train.axes)


@pytest.fixture
def again(padded, tmp_path):
  """A copy of the padded sweep, and an experiment of its name with another finish."""
  shutil.copytree(padded[0], tmp_path / "copy")
  better = Better(6)
  object.__setattr__(better, "name", "tests.support.sweep_toy.Toy")
  return tmp_path / "copy", padded[1], better


def test_a_new_metric_is_computed_from_kept_states_without_training(again, monkeypatch):
  out, before, better = again
  with pytest.raises(sweeps.SettingsChanged, match="results of 4 cells from other code"):
    run(better, out, batching="padded")
  refuse = lambda *args: pytest.fail("trained")
  monkeypatch.setattr(training.Program, "advance", refuse)
  results = run(better, out, evaluate_only=True)
  for old, new, cell in zip(before, results, WIDE, strict=True):
    weights = np.asarray(sweeps.restore(out, cell)["weights"]["a"])
    assert new["metrics"]["norm"] == pytest.approx(np.abs(weights).sum(), rel=1e-6)
    assert new["metrics"]["loss"] == pytest.approx(old["metrics"]["loss"], rel=1e-6)
    np.testing.assert_allclose(new["series"]["squares"], weights**2, rtol=1e-6)
    assert new["series"]["loss"] == old["series"]["loss"]
    assert new["axes"]["loss"] == old["axes"]["loss"] and new["attempt"] == 1
    assert new["status"] == "ok" and new["first_bad_step"] is None
  # Once is enough; and to train is allowed again, for the code is now the recorded one.
  assert run(better, out, evaluate_only=True).records == results.records
  assert run(better, out, batching="padded").records == results.records
  stored = lines.scan(out / "results.jsonl").records
  assert len(stored) == 8 and [r["attempt"] for r in stored] == [0] * 4 + [1] * 4
  assert len(list((out / "states").iterdir())) == 4


def test_a_diverged_lane_stays_so_when_it_is_evaluated_again(tmp_path):
  def make(scale):
    return sweeps.simple(lambda static: sweeps.Train(
      init=lambda t, key: t["x"], step=lambda s, t, i: (s * 0.5, {"loss": t["y"] / (s - 0.25)}),
      steps=600, finish=lambda s, t: {"loss": s * scale}))

  cells = sweeps.grid(x=[1.0, 0.3], y=[1.0])
  before = run(make(1.0), tmp_path, cells, keep="weights", curve_points=200)
  assert [r["status"] for r in before] == ["diverged", "ok"]
  after = run(make(2.0), tmp_path, cells, evaluate_only=True)
  for old, new in zip(before, after, strict=True):
    same = ("status", "first_bad_step", "series", "axes", "nonfinite", "cell", "state")
    assert {k: old[k] for k in same} == {k: new[k] for k in same}
    assert new["metrics"]["loss"] == pytest.approx(2 * old["metrics"]["loss"])


def test_cells_whose_group_was_divided_since_are_compared_and_evaluated(again, monkeypatch):
  out, before, better = again
  calls, init = [], training.Training.records

  def fails(self):  # The group of four fails when it is trained once more, its halves do not.
    calls.append(len(self.group.cells))
    if len(self.group.cells) == 4:
      raise RuntimeError("flaky")
    return init(self)

  kept_lines = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
  (out / "results.jsonl").write_bytes(b"".join(kept_lines[:3]))
  with monkeypatch.context() as patch:
    patch.setattr(training.Training, "records", fails)
    run(Toy(6), out, batching="padded", keep="weights")
  assert calls == [4, 2]  # The half that has its results is not trained for nothing.
  results = run(better, out, evaluate_only=True)
  for old, new, cell in zip(before, results, WIDE, strict=True):
    weights = np.asarray(sweeps.restore(out, cell)["weights"]["a"])
    assert new["metrics"]["norm"] == pytest.approx(np.abs(weights).sum(), rel=1e-6)
    assert new["metrics"]["loss"] == pytest.approx(old["metrics"]["loss"], rel=1e-5)


def test_states_of_another_training_are_not_evaluated(again):
  out, _, better = again
  object.__setattr__(better, "steps", 7)
  with pytest.raises(sweeps.SettingsChanged, match="settings.steps: was 6, now 7"):
    run(better, out, evaluate_only=True)

  def make(scale):
    return sweeps.simple(lambda static: sweeps.Train(
      init=lambda t, key: t["x"], step=lambda s, t, i: (s * scale, {"loss": s}), steps=2,
      finish=lambda s, t: {"loss": s}))

  run(make(1.0), out.parent / "x", [{"x": 1.0}], keep="weights")
  with pytest.raises(sweeps.SettingsChanged, match="scale: was 1.0, now 2.0"):
    run(make(2.0), out.parent / "x", [{"x": 1.0}], evaluate_only=True)


def test_a_finish_that_raises_loses_nothing(again):
  out, before, better = again

  class Broken(Better):
    def make_train(self, static):
      train = super().make_train(static)
      return sweeps.Train(train.init, train.step, train.steps, lambda s, t: {"loss": 1 / 0})

  broken = Broken(6)
  object.__setattr__(broken, "name", better.name)
  with pytest.raises(ZeroDivisionError):
    run(broken, out, evaluate_only=True)
  assert sweeps.load(out).records == before.records
