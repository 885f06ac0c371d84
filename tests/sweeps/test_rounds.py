# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Searches: what a sampler asks for is trained once, what it hears is right, kills cost nothing."""

import json
import math

import jax.numpy as jnp
import optuna
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.rounds import loop
from tests.support.sweep_toy import Line

QUIET = {"progress": False, "report": False}
CURVE = sweeps.simple(lambda static: lambda traced, key: {"loss": (traced["x"] - 1.3) ** 2},
                      settings={"minimum": 1.3})


class Listed:
  """Asks for the given rounds; keeps what it hears."""

  def __init__(self, *rounds):
    self.rounds, self.heard = list(rounds), []

  def ask(self):
    return self.rounds.pop(0) if self.rounds else []

  def tell(self, results):
    self.heard.append([(r["cell"]["x"], round(r["metrics"]["loss"], 4)) for r in results])


def cells(*values):
  return [{"x": v} for v in values]


@pytest.mark.parametrize("stored", [False, True])
def test_each_round_is_heard_in_its_order_and_cells_are_trained_once(stored, tmp_path, monkeypatch):
  trained = []
  monkeypatch.setattr(loop, "run", lambda e, c, *a, **k: (trained.append(len(c)),
                                                         sweeps.run(e, c, *a, **k))[1])
  sampler = Listed(cells(0.3, 2.3), cells(2.3, 1.3, 0.3, 1.3))
  out = tmp_path / "s" if stored else None
  results = sweeps.search(CURVE, sampler, 5, out, **QUIET)
  assert sampler.heard == [[(0.3, 1.0), (2.3, 1.0)], [(2.3, 1.0), (1.3, 0.0), (0.3, 1.0)]]
  assert [r["cell"]["x"] for r in results] == [0.3, 2.3, 1.3]
  assert trained == ([2, 1, 3] if stored else [2, 1])  # The last call of a stored one reads only.


class Killed(BaseException):
  """Stands for a death between two rounds."""


def test_a_killed_search_goes_on(tmp_path):
  class Dies(Listed):
    def tell(self, results):
      super().tell(results)
      if len(self.heard) == 2:
        raise Killed

  rounds = cells(0.3, 2.3), cells(1.0, 1.6), cells(1.3)
  with pytest.raises(Killed):
    sweeps.search(CURVE, Dies(*rounds), 3, tmp_path, **QUIET)
  assert len(sweeps.load(tmp_path)) == 4
  sampler = Listed(*rounds)
  results = sweeps.search(CURVE, sampler, 3, tmp_path, **QUIET)
  assert len(results) == 5 and len(sampler.heard) == 3
  assert [len(ids) for ids in json.loads((tmp_path / "rounds.json").read_text())["rounds"]] == [
    2, 2, 1]
  lines = (tmp_path / "results.jsonl").read_text().splitlines()
  assert len(lines) == 5  # Nothing was trained twice.


def test_a_sampler_that_asks_for_something_else_is_refused(tmp_path):
  sweeps.search(CURVE, Listed(cells(0.3), cells(1.0)), 2, tmp_path, **QUIET)
  with pytest.raises(sweeps.SettingsChanged, match=r"other cells in round 2 .* Make the sampler"):
    sweeps.search(CURVE, Listed(cells(0.3), cells(1.1)), 2, tmp_path, **QUIET)
  (tmp_path / "rounds.json").write_text("[]")
  with pytest.raises(sweeps.CorruptStore, match="no list of rounds"):
    sweeps.search(CURVE, Listed(cells(0.3)), 1, tmp_path, **QUIET)


def test_the_last_call_writes_the_report_of_all_rounds(tmp_path):
  sweeps.search(CURVE, Listed(cells(0.3), cells(1.0)), 2, tmp_path, progress=False)
  table = (tmp_path / "table.csv").read_text()
  assert "0.3" in table and "1.0" in table or "1," in table


@pytest.mark.parametrize("call, error, message", [
  (lambda: sweeps.search(CURVE, object(), 1), TypeError,
   r"search: sampler: got .*, wanted an object with ask\(\) and tell"),
  (lambda: sweeps.search(CURVE, Listed(), 1), ValueError, "search: sampler: got no cells in"),
  (lambda: sweeps.search(CURVE, Listed(), 0), ValueError, "search: rounds: got 0, wanted an"),
  (lambda: sweeps.search(CURVE, Listed(), 1, shard=(0, 2)), ValueError, "options: got shard"),
  (lambda: sweeps.search(CURVE, Listed(), 1, name="a"), ValueError, "search: out: got None with"),
  (lambda: sweeps.search(CURVE, Listed(None), 1, **QUIET), TypeError,
   "sampler: got None of ask.., wanted a list of cells"),
  (lambda: sweeps.search(CURVE, Listed([3]), 1, **QUIET), TypeError, r"of ask.., wanted a list of"),
  (lambda: sweeps.search(CURVE, Listed({"x": 1.0}), 1, **QUIET), TypeError, "wanted a list of ce"),
  (lambda: sweeps.OptunaSampler({}), ValueError, "space: got no settings"),
  (lambda: sweeps.OptunaSampler({"x": (0.0, 1.0)}, fixed={"x": 1}), ValueError, "space: got .'x'"),
  (lambda: sweeps.OptunaSampler({"x": 3}), TypeError, r"space\['x'\]: got 3, wanted a list of cho"),
  (lambda: sweeps.OptunaSampler({"x": [1]}, lanes=0), ValueError, "lanes: got 0"),
  (lambda: sweeps.OptunaSampler({"x": [1]}, seeds=()), ValueError, "seeds: got "),
  (lambda: sweeps.OptunaSampler({"x": [1]}, direction="up"), ValueError, "direction: got 'up'"),
  (lambda: sweeps.OptunaSampler({"x": [1]}, metric="score").ask(), ValueError,
   "direction of 'score': got None, wanted 'min' or 'max'"),
  (lambda: sweeps.OptunaSampler({"x": [1]}, direction="min").begin({"score": "max"}), ValueError,
   "direction of 'score': got 'min', wanted 'max'"),
  (lambda: sweeps.search(CURVE, sampler(metric="lossy"), 1, **QUIET), ValueError,
   r"metric: got 'lossy', wanted one of \['loss'\]"),
])
def test_errors(call, error, message):
  with pytest.raises(error, match=message):
    call()


def sampler(**kwargs):
  space = {"x": optuna.distributions.FloatDistribution(-4.0, 4.0)}
  return sweeps.OptunaSampler(space, **{"lanes": 4, **kwargs})


def test_optuna_finds_the_minimum_again_and_again(tmp_path):
  first = sweeps.search(CURVE, sampler(lanes=8), 4, tmp_path, **QUIET)
  assert len(first) == 32 and first.best().mean < 0.05
  again = sampler(lanes=8)
  same = sweeps.search(CURVE, again, 4, tmp_path, **QUIET)  # Killed or not: it asks the same.
  assert [r["id"] for r in same] == [r["id"] for r in first]
  assert again.study.best_value == pytest.approx(first.best().mean)


def test_a_trial_is_the_mean_over_its_seeds_and_maximised_if_asked():
  def train(traced, key):
    return {"score": traced["x"] * traced["scale"] + traced["seed"].astype(jnp.float32)}

  score = sweeps.simple(lambda static: train, goal={"score": "max"})
  found = sampler(seeds=(0, 2), fixed={"scale": 10.0})
  results = sweeps.search(score, found, 1, **QUIET)
  assert len(results) == 8 and found.study.direction.name == "MAXIMIZE"
  for trial in found.study.trials:
    assert trial.value == pytest.approx(10.0 * trial.params["x"] + 1.0, rel=1e-6)


def test_a_diverged_lane_is_infinitely_bad_and_a_failed_one_says_nothing():
  bad = sweeps.simple(lambda static: lambda traced, key: {
    "loss": jnp.where(traced["x"] < 0, jnp.nan, traced["x"])})
  found = sampler(lanes=8)
  sweeps.search(bad, found, 1, **QUIET)
  values = {t.params["x"] < 0: t.value for t in found.study.trials}
  assert values[True] == math.inf and 0 <= values[False] <= 4
  failing = sampler()
  failing.tell(sweeps.Results(tuple(
    {"id": cell.id, "cell": dict(cell), "status": "oom", "metrics": {}} for cell in failing.ask())))
  assert {t.state.name for t in failing.study.trials} == {"FAIL"}


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("make", [
  lambda: optuna.samplers.GridSampler({"x": [1.0, 2.0, 3.0]}, seed=0),
  lambda: optuna.samplers.BruteForceSampler(seed=0)], ids=["grid", "brute force"])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_that_has_proposed_everything_ends_the_search(make, lanes):
  found = sweeps.OptunaSampler({"x": [1.0, 2.0, 3.0]}, lanes=lanes, sampler=make())
  results = sweeps.search(CURVE, found, 9, **QUIET)
  assert {record["cell"]["x"] for record in results} == {1.0, 2.0, 3.0}
  assert len(found.study.trials) == lanes * -(-3 // lanes)
  assert {t.state.name for t in found.study.trials} == {"COMPLETE"}


def test_settings_that_come_twice_are_one_cell():
  found = sweeps.OptunaSampler({"x": [1.0, 2.0]}, lanes=6)
  results = sweeps.search(CURVE, found, 2, **QUIET)
  assert len(results) == 2 and len(found.study.trials) == 12


def test_a_trained_experiment_is_searched_in_packs():
  space = {"lr": optuna.distributions.FloatDistribution(1e-3, 0.3, log=True)}
  results = sweeps.search(Line(), sweeps.OptunaSampler(
    space, lanes=3, seeds=(0, 1), fixed={"width": 2}, metric="loss", direction="min"), 2, **QUIET)
  assert len(results) == 12 and {r["status"] for r in results} == {"ok"}
  assert len({r["group"] for r in results}) == 2  # A round is one program.
