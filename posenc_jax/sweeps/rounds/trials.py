# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Optuna as a sampler of ``search``: its samplers propose whole packs of lanes.

Optuna is an extra (``pip install 'posenc_jax[search]'``) and is imported where a sampler is made.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from posenc_jax._errors import check_choice, check_int, type_error, value_error
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.experiment import DIRECTIONS
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.results import Results


class OptunaSampler:
  """Proposes ``lanes`` settings a round by Optuna; each is trained once a seed.

  A setting's value is the mean of the metric over its seeds. A setting with a lane that diverged
  counts as infinitely bad, so the sampler stays away from it; one with a lane that failed or ran
  out of memory tells nothing of the setting and is a failed trial. A sampler that has proposed
  everything, as GridSampler and BruteForceSampler do, ends the search.

  Args:
    space: for each setting a list of choices, or one of ``optuna.distributions``, such as
      ``FloatDistribution(1e-4, 1e-1, log=True)``.
    lanes: settings a round; with the seeds, lanes x seeds cells train together.
    seeds: every setting is trained with each.
    fixed: settings that all cells share.
    metric: what to optimise; None for the experiment's main metric.
    direction: "min" or "max"; None for what the experiment's ``goal`` says (a loss is "min").
    sampler: one of ``optuna.samplers``, new and with a seed; None for
      ``TPESampler(seed=seed, constant_liar=True)``, which spreads the settings of a round.
    seed: of the default sampler.

  Raises:
    ImportError: optuna is not installed.
    ValueError: an empty space or list of choices, no lanes or seeds.

  Example:
    >>> from posenc_jax import sweeps
    >>> import optuna
    >>> space = {"x": optuna.distributions.FloatDistribution(-4.0, 4.0), "kind": ["a", "b"]}
    >>> sampler = sweeps.OptunaSampler(space, lanes=8)
    >>> def make_train(static):
    ...   worse = 0.0 if static["kind"] == "a" else 9.0
    ...   return lambda traced, key: {"loss": (traced["x"] - 1.3) ** 2 + worse}
    >>> results = sweeps.search(sweeps.simple(make_train), sampler, 4, progress=False)
    >>> results.best().settings["kind"], results.best().mean < 0.5
    ('a', True)
  """

  def __init__(self, space: Mapping[str, Any], *, lanes: int = 16, seeds: Sequence[int] = (0,),
               fixed: Mapping[str, Any] | None = None, metric: str | None = None,
               direction: str | None = None, sampler: Any = None, seed: int = 0):
    optuna = _optuna()
    self.lanes = check_int("OptunaSampler: lanes", lanes, "an int, at least 1",
                           "Give the settings of a round", least=1)
    self.seeds, self.fixed = tuple(seeds), dict(fixed or {})
    self.metric, self.direction = metric, direction
    if direction is not None:
      check_choice("OptunaSampler: direction", direction, DIRECTIONS)
    if not self.seeds:
      raise value_error("OptunaSampler: seeds", seeds, "at least one", "Pass seeds=(0,)")
    self.space = {name: _distribution(name, given, optuna) for name, given in space.items()}
    both = {"seed", *self.fixed} & set(self.space)
    if not self.space or both:
      raise value_error("OptunaSampler: space", sorted(both) or "no settings",
                        "settings that are neither fixed nor the seed", "Correct the space")
    self._sampler = sampler or optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    self._study: Any = None
    self._asked: list[tuple[Any, tuple[Cell, ...]]] = []
    self._exhausted = False

  @property
  def study(self) -> Any:
    """Optuna's study, for its plots and importances; None before the first round."""
    return self._study

  def begin(self, goal: Mapping[str, str]) -> None:
    """Starts a study; ``goal`` is the experiment's.

    Raises:
      ValueError: the direction of the metric is unknown, or another than the goal says.
    """
    metric = self.metric or next(iter(goal), "loss")
    told = goal.get(metric, "min" if "loss" in metric.lower() else None)
    direction = self.direction or told
    if direction is None or (told is not None and direction != told and metric in goal):
      raise value_error(f"OptunaSampler: direction of {metric!r}", repr(direction),
                        repr(told) if told else "'min' or 'max'",
                        "Say direction=, or correct the experiment's goal")
    self.metric, self.direction = metric, direction
    self._study = _optuna().create_study(
      sampler=self._sampler, direction="maximize" if direction == "max" else "minimize")
    self._study.stop = self._stop  # Optuna's raises outside of its own loop.

  def _stop(self) -> None:
    self._exhausted = True

  def ask(self) -> list[Cell]:
    """The cells of ``lanes`` new trials; none if the sampler has proposed everything."""
    if self._study is None:
      self.begin({})
    if self._exhausted:
      return []
    study: Any = self._study
    trials = [study.ask(self.space) for _ in range(self.lanes)]
    self._asked = [(trial, tuple(Cell({**self.fixed, **trial.params, "seed": seed})
                                 for seed in self.seeds)) for trial in trials]
    return [cell for _, cells in self._asked for cell in cells]

  def tell(self, results: Results) -> None:
    """Gives every trial of the round its mean."""
    if any(r["status"] == "ok" and self.metric not in r["metrics"] for r in results):
      raise value_error("OptunaSampler: metric", repr(self.metric), f"one of {results.metrics}",
                        "Name a metric of the results")
    for trial, cells in self._asked:
      self._tell(trial, [results[cell] for cell in cells])
    self._asked = []

  def _tell(self, trial: Any, records: list[Record]) -> None:
    statuses = {record["status"] for record in records}
    values = [record["metrics"].get(self.metric) for record in records]
    if statuses <= {"ok"} and None not in values:
      self._study.tell(trial, math.fsum(values) / len(values))
    elif statuses <= {"ok", "diverged"}:
      self._study.tell(trial, -math.inf if self.direction == "max" else math.inf)
    else:
      self._study.tell(trial, state=_optuna().trial.TrialState.FAIL)


def _optuna() -> Any:
  try:
    import optuna
  except ImportError as error:
    raise ImportError("OptunaSampler: got no optuna, wanted it installed. "
                      "pip install 'posenc_jax[search]'") from error
  return optuna


def _distribution(name: str, given: Any, optuna: Any) -> Any:
  if isinstance(given, optuna.distributions.BaseDistribution):
    return given
  if isinstance(given, list | tuple) and given:
    return optuna.distributions.CategoricalDistribution(tuple(given))
  raise type_error(f"OptunaSampler: space[{name!r}]", repr(given),
                   "a list of choices or one of optuna.distributions",
                   "A range is FloatDistribution(low, high)")
