# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Forecasts of series with gaps: positions that count observations against those that tell time.

  python -m experiments.forecast
  python -m experiments.forecast --preset=smoke
  python -m experiments.forecast --series=co2 --dropped=0.8 --encodings=rotary,time2vec,none

Weekly CO2 at Mauna Loa and yearly sunspots, of which each seed drops a share. An encoder reads
a window of observations and a token for the one to be forecast, whose position says when that is.
Skill is 1 - mean squared error / that of a baseline. Needs the extras ``experiments`` and
``tasks`` (statsmodels).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from experiments import config as config_lib
from experiments import findings as f
from experiments import script, series
from experiments.fields import Faults, option
from experiments.findings import statistics, study
from experiments.findings.study import listed
from experiments.forecast_task import CLOCKS, Forecast
from posenc_jax import sweeps
from posenc_jax._errors import explain_fault


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train."""

  both_ways: ClassVar[bool] = True
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "forecast",
    smoke=dict(series=("sunspots",), encodings=("none", "rotary"), d_model=(16,), head_dim=8,
               layers=1, steps=80, batch_size=16),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=4000, batch_size=64))

  series: tuple[str, ...] = option(("co2", "sunspots"), "series", choices=tuple(series.PERIODS))
  dropped: float = option(0.5, "share of the observations that is dropped", low=0, high=0.9)
  ahead: int = option(4, "how many observations ahead the forecast is", low=1)
  encodings: tuple[str, ...] = option(("none", "sinusoidal", "rotary", "time2vec", "fourier"),
                                      "encodings, by index and by time")
  d_model: tuple[int, ...] = option((32,), "model width, one", low=1)
  seq_len: tuple[int, ...] = option((24,), "observations that are read, one number", low=2)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters, batches and of what is "
                                  "dropped", low=0, high=2**31 - 1)
  steps: tuple[int, ...] = option((800,), "training steps", low=1)
  out: str | None = option("runs/forecast", "run directory, one below it a series and clock")
  clock: str = dataclasses.field(default="index", repr=False)

  def load(self) -> "Config":
    """Itself, once its series have windows; raises ValueError naming the flag if one has none."""
    if self.faults():
      return self
    faults = []
    for name in self.series:
      most = series.most_ahead(series.load(name), self.dropped, self.seeds, self.seq_len[0])
      if self.ahead > most:
        flag, came, room = (("--seq_len", self.seq_len[0], most + self.seq_len[0] - 1) if most < 1
                            else ("--ahead", self.ahead, most))
        faults.append(explain_fault(
          flag, came, f"at most {room}, for {name} with --dropped={self.dropped:g} to have windows "
          f"before and after {series.TRAINED:.0%} of its time", "Lower it, or drop less"))
    if faults:
      raise ValueError("\n".join(faults))
    return self

  def part(self, name: str, clock: str) -> "Config":
    """The config of one series and clock."""
    out = None if self.out is None else f"{self.out}/{name}-{clock}"
    return dataclasses.replace(self, series=(name,), clock=clock, out=out)

  def task(self) -> Forecast:
    """Forecasts of the first series."""
    return Forecast(series.load(self.series[0]), self.clock, self.seq_len[0], self.ahead,
                    self.dropped)


def run(config: Config) -> dict[str, Any]:
  """Trains and evaluates on each series by each clock.

  Args:
    config: the settings.

  Returns:
    {"co2-time": results, ..}; plans in a dry run.

  Raises:
    Faults: the config does not make sense.
    ValueError: a series has no windows.
    ImportError: statsmodels is not installed.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  config.load()
  return {f"{name}-{clock}": config_lib.run(config.part(name, clock))
          for name in config.series for clock in CLOCKS}


def _metric(results: dict[str, sweeps.Results], where: str, encoding: str, metric: str = "loss"
            ) -> dict[int, float]:
  return f.by_seed(f.part_of(results, where), metric, encoding=encoding)


def _clock(encoding: str):
  def test(results):
    for name in (n for n in series.PERIODS if f"{n}-time" in results):
      yield f.less(_metric(results, f"{name}-time", encoding),
                   _metric(results, f"{name}-index", encoding),
                   f"{name}, {encoding}: error by time - by index")
  return test


def _skill(metric: str, text: str):
  def test(results):
    for name in (n for n in series.PERIODS if f"{n}-time" in results):
      yield f.above(_metric(results, f"{name}-time", "rotary", metric), 0,
                    f"{name}, rotary by time: skill against {text}")
  return test


def _order(results: Any) -> Any:
  """Time2Vec below no positions at all."""
  for name in (n for n in series.PERIODS if f"{n}-time" in results):
    yield f.less(_metric(results, f"{name}-time", "time2vec"),
                 _metric(results, f"{name}-time", "none"), f"{name}: error of Time2Vec - of none")


EXPECTATIONS = (
  f.Expectation("Does rotary gain from real times in place of indices?",
                "positions may be real numbers, such as times",
                "source texts; whether it helps is our question", _clock("rotary")),
  f.Expectation("Do sinusoids gain from real times in place of indices?",
                "the formula takes any real position",
                "source texts; whether it helps is our question", _clock("sinusoidal")),
  f.Expectation("Does Time2Vec help a forecast?",
                "models improve where it replaces plain time; here it is "
                "against no positions", "arXiv 1907.05321, abstract", _order),
  f.Expectation("Is a Transformer better than the season before?",
                "a model must beat seasonal-naive",
                "our baseline", _skill("skill_seasonal", "seasonal-naive")),
  f.Expectation("Is a Transformer better than a linear model?",
                "no: a linear model beats Transformers in most cases",
                "arXiv 2205.13504, abstract", lambda results: [
                  dataclasses.replace(c, sign=-1) for c in _skill("skill_linear", "linear")(
                    results)]),
)


def _about(config: Config, name: str) -> tuple[tuple[str, ...], str]:
  """(errors of a series' baselines over seeds, how many windows it has) of the page."""
  task = config.part(name, "index").task()

  def one(seed):
    train, valid = task.parts(seed)
    return series.baselines(train, valid), train.real.sum(), valid.real.sum()

  errors, *counts = jax.jit(jax.vmap(one))(jnp.asarray(config.seeds, jnp.int32))
  span = lambda x: f"{x.min()}" if x.min() == x.max() else f"{x.min()} to {x.max()}"
  told = "{} windows of training and {} of evaluation".format(*map(span, counts))
  return ((name, *(str(statistics.interval_of(np.asarray(errors[k], float).tolist()))
                   for k in ("seasonal-naive", "linear", "last"))), f"{name} has {told}")


def _setup(config: Config, windows: Sequence[str]) -> str:
  return (
    f"Encoders, {study.sizes(config, 'd_model')}, "
    f"{listed(config.steps)} steps of {listed(config.batch_size)} windows, "
    f"{len(config.seeds)} seeds. A seed decides parameters, batches and which {config.dropped:.0%} "
    "of the observations are dropped: as many patterns of gaps as seeds, the same ones for all "
    "encodings, both clocks and the baselines. Intervals are over seeds, so over gaps too, but of "
    f"one history of each series. {config.seq_len[0]} observations are read, the {config.ahead}th "
    f"after them is asked for. Training sees the first {series.TRAINED:.0%} of the time: "
    f"{'; '.join(windows)}, which overlap. Errors are mean squares, in variances of the change "
    "from the last value read.")


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  rows = [(where, str(encoding), *(f.shown(found, m, encoding=encoding)
                                   for m in ("loss", "skill_seasonal", "skill_linear")))
          for where, found in results.items() for encoding in found.values("encoding")]
  base, windows = zip(*(_about(config, name) for name in config.series), strict=True)
  return f.Page(
    "forecast", "Forecasts of series with gaps",
    "Does it matter whether positions count observations or tell the time, where observations are "
    "missing?", _setup(config, windows), tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Error and skill, mean and 95 percent interval over seeds",
             ("series and clock", "encoding", "error", "skill against seasonal-naive",
              "skill against linear"), tuple(rows)),
     f.Table("Errors of the baselines, mean and 95 percent interval over seeds",
             ("series", "seasonal-naive", "linear", "last value"), base)))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
