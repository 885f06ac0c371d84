# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Forecasts of series with gaps: positions that count observations against those that tell time.

  python -m experiments.forecast
  python -m experiments.forecast --preset=smoke
  python -m experiments.forecast --series=co2 --dropped=0.8 --encodings=rotary,time2vec,none

Weekly CO2 at Mauna Loa and yearly sunspots, of which a share is dropped by chance. An encoder reads
a window of observations and a token for the one to be forecast, whose position says when that is.
Skill is 1 - mean squared error / that of a baseline. Needs the extras ``experiments`` and
``tasks`` (statsmodels).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments import config as config_lib
from experiments import findings as f
from experiments import script, series, training
from experiments.fields import Faults, option
from experiments.findings import statistics, study
from experiments.training import Shape
from posenc_jax import nn, sweeps

CLOCKS = ("index", "time")


class Forecaster(nnx.Module):
  """Values ``[B, C]`` and positions ``[B, C + 1]`` to forecasts ``[B]``.

  Args:
    d_model, layers, head_dim, encoding, dropout, rngs: of the encoder.
  """

  def __init__(self, d_model: int, layers: int, head_dim: int, *, encoding: Any, dropout: Any,
               rngs: nnx.Rngs):
    draw = lambda *shape: nnx.Param(jax.random.normal(rngs.params(), shape))
    self.slope, self.asked = draw(d_model), draw(d_model)
    self.encoder = nn.TransformerEncoder(None, d_model, layers, head_dim=head_dim,
                                         encoding=encoding, dropout=dropout, rngs=rngs)
    self.out = nnx.Param(jnp.zeros((d_model,)))

  def __call__(self, values: jax.Array, positions: jax.Array, **how: Any) -> jax.Array:
    known = values[..., None] * self.slope[...].reshape(1, 1, -1)
    asked = jnp.broadcast_to(self.asked[...].reshape(1, 1, -1), (*known.shape[:1], 1,
                                                                 known.shape[-1]))
    states = self.encoder(jnp.concatenate([known, asked], axis=1), positions, **how)
    return jnp.sum(states[:, -1] * self.out[...][None], axis=-1)


class Forecast:
  """A later value of a series; a ``training.Task``.

  Args:
    found: the series.
    clock: "index" or "time".
    context, ahead: of its windows.
  """

  def __init__(self, found: series.Series, clock: str, context: int, ahead: int):
    self.windows, self.clock = series.windows_of(found, context, ahead), clock
    self.name = f"forecast {found.name} by {clock}"
    self.data: str | None = self.windows.sha256
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {}
    self.baselines = series.baselines(self.windows)
    self.settings: Mapping[str, Any] = {"ahead": ahead, "clock": clock}

  def longest(self, length: int) -> int:
    """The window and the token for what is asked."""
    return length + 1

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Any:
    """A Forecaster; there is one width."""
    assert width is None, "Config has one width"
    return Forecaster(shape.d_model, shape.layers, shape.head_dim, encoding=encoding,
                      dropout=dropout, rngs=rngs)

  def together(self, lengths: Any) -> bool:
    """Windows of other lengths have other targets."""
    return len(lengths) == 1

  def _rows(self, rows: Any) -> tuple[jax.Array, ...]:
    w = self.windows
    at = series.positions_of(self.clock, w.times)
    return tuple(jnp.asarray(x)[rows] for x in (w.values, at, w.targets))

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(values ``[B, C]``, positions ``[B, C + 1]``, targets ``[B]``)."""
    trained = jnp.asarray(np.flatnonzero(self.windows.train))
    return self._rows(trained[jax.random.randint(key, (shape.batch_size,), 0, trained.shape[0])])

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The mean squared error, in variances of the change that is asked for."""
    values, at, targets = batch
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    guess = model(values, at, deterministic=not shape.dropout, rngs=nnx.Rngs(**streams))
    return jnp.mean((guess - targets) ** 2), {}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """The error on windows after those of training, and skill against both baselines."""
    values, at, targets = self._rows(np.flatnonzero(~self.windows.train))
    always = training.draws_always(self, shape)
    key = training.evaluation_key(traced) if always else None
    error = jnp.mean((model(values, at, rngs=training.position_streams(key)) - targets) ** 2)
    return {"loss": error, "skill_seasonal": 1 - error / self.baselines["seasonal-naive"],
            "skill_linear": 1 - error / self.baselines["linear"]}


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
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((800,), "training steps", low=1)
  out: str | None = option("runs/forecast", "run directory, one below it a series and clock")
  clock: str = dataclasses.field(default="index", repr=False)

  def check(self, bad: Any = ()) -> Any:
    """Everything that is wrong; windows have one length, models one width."""
    found = super().check(bad)
    for name in ("d_model", "seq_len"):
      if found.sound(name) and len(getattr(self, name)) > 1:
        found.add(name, getattr(self, name), "one number", "Choose one")
    return found

  def part(self, name: str, clock: str) -> "Config":
    """The config of one series and clock."""
    out = None if self.out is None else f"{self.out}/{name}-{clock}"
    return dataclasses.replace(self, series=(name,), clock=clock, out=out)

  def task(self) -> Forecast:
    """Forecasts of the first series."""
    return Forecast(series.load(self.series[0], dropped=self.dropped), self.clock,
                    self.seq_len[0], self.ahead)


def run(config: Config) -> dict[str, Any]:
  """Trains and evaluates on each series by each clock.

  Args:
    config: the settings.

  Returns:
    {"co2-time": results, ..}; plans in a dry run.

  Raises:
    Faults: the config does not make sense.
    ImportError: statsmodels is not installed.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
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


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  rows, base = [], []
  for where, found in results.items():
    for encoding in found.values("encoding"):
      told = [str(statistics.interval_of(list(_metric(results, where, str(encoding), m).values())))
              for m in ("loss", "skill_seasonal", "skill_linear")]
      rows.append((where, str(encoding), *told))
  for name in config.series:
    errors = config.part(name, "index").task().baselines
    base.append((name, *(f"{errors[k]:.3f}" for k in ("seasonal-naive", "linear", "last"))))
  return f.Page(
    "forecast", "Forecasts of series with gaps",
    "Does it matter whether positions count observations or tell the time, where observations are "
    "missing?",
    f"{config.seq_len[0]} observations are read, the {config.ahead}th after them is asked for; "
    f"{config.dropped:.0%} are dropped by chance. Training sees the first {series.TRAINED:.0%} of "
    "the time. Errors are mean squares, in variances of the change from the last value read.",
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Error and skill, mean and 95 percent interval over seeds",
             ("series and clock", "encoding", "error", "skill against seasonal-naive",
              "skill against linear"), tuple(rows)),
     f.Table("Errors of the baselines", ("series", "seasonal-naive", "linear", "last value"),
             tuple(base))))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
