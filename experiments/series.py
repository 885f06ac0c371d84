# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Time series with gaps as windows to forecast from, and the baselines that a model must beat.

A seed decides which observations are dropped. All functions take a traced seed, so that lanes of
one program may each have gaps of their own.
"""

import dataclasses
import hashlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._errors import explain_fault

PERIODS = {"co2": 365.25 / 7, "sunspots": 11.0}  # weeks, years
TRAINED = 0.7  # share of the time
DROPPING = 2**31 - 1  # folded into a seed's key: no step of training has this number
RIDGE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
  """Observations of a series.

  Attributes:
    name: "co2" (weekly, Mauna Loa) or "sunspots" (yearly).
    times: float64 ``[M]``, rising, in weeks or years.
    values: float64 ``[M]``.
    period: of the seasons, in the same unit.
  """

  name: str
  times: np.ndarray
  values: np.ndarray
  period: float

  @property
  def border(self) -> float:
    """The end of the time that training sees."""
    return float(self.times[0] + TRAINED * (self.times[-1] - self.times[0]))

  @property
  def sha256(self) -> str:
    """Of times and values."""
    return hashlib.sha256(self.times.tobytes() + self.values.tobytes()).hexdigest()


class Observed(NamedTuple):
  """What is left of a series: float32 times and values ``[M]``, how many of them training sees."""

  times: jax.Array
  values: jax.Array
  seen: jax.Array


class Windows(NamedTuple):
  """Windows of C observations, each with a later one to be forecast.

  Attributes:
    values: float32 ``[W, C]``, less the last of the window, over the scale.
    times: float32 ``[W, C + 1]``, since the window's first; the last is the target's.
    targets: float32 ``[W]``, as values.
    seasonal: float32 ``[W]``, what the observation a whole number of periods before says.
    real: bool ``[W]``; the others only fill up.
  """

  values: jax.Array
  times: jax.Array
  targets: jax.Array
  seasonal: jax.Array
  real: jax.Array


def load(name: str) -> Series:
  """A series of statsmodels, its missing observations left out.

  Args:
    name: "co2" or "sunspots".

  Raises:
    ImportError: statsmodels is not installed.
    KeyError: another name.
  """
  try:
    import statsmodels.datasets as sets
  except ImportError as error:
    raise ImportError(explain_fault(
      "--series", f"{name}, and statsmodels is not installed", "an environment with it",
      "Run: pip install -e '.[tasks]'")) from error
  period = PERIODS[name]
  if name == "co2":
    found = sets.co2.load_pandas().data["co2"]
    days = (found.index - found.index[0]).days
    times, values = np.asarray(days, float) / 7, np.asarray(found, float)
  else:
    found = sets.sunspots.load_pandas().data
    times, values = np.asarray(found["YEAR"], float), np.asarray(found["SUNACTIVITY"], float)
    times = times - times[0]
  kept = np.isfinite(values)
  return Series(name, times[kept], values[kept], period)


def observe(series: Series, dropped: float, seed: Any) -> Observed:
  """The series without a share of its observations, drawn by the seed; their number is fixed."""
  total = len(series.times)
  key = jax.random.fold_in(jax.random.key(seed), DROPPING)
  kept = total - round(dropped * total)
  rows = jnp.sort(jnp.argsort(jax.random.uniform(key, (total,)))[:kept])
  times = jnp.asarray(series.times, jnp.float32)[rows]
  values = jnp.asarray(series.values - series.values.mean(), jnp.float32)[rows]
  return Observed(times, values, jnp.sum(times <= series.border))


def counts(observed: Observed, context: int, ahead: int) -> tuple[jax.Array, jax.Array]:
  """(windows whose targets training sees, windows that begin after that); below 1 for none."""
  rest = observed.times.shape[0] - observed.seen
  return observed.seen - context - ahead + 1, rest - context - ahead + 1


def most_ahead(series: Series, dropped: float, seeds: Any, context: int) -> int:
  """The largest ``ahead`` with a window in both parts, of the seed that has the fewest."""
  def both(seed):
    observed = observe(series, dropped, seed)
    return jnp.minimum(observed.seen, observed.times.shape[0] - observed.seen)

  return int(jax.jit(jax.vmap(both))(jnp.asarray(seeds, jnp.int32)).min()) - context


def scale_of(observed: Observed, context: int, ahead: int) -> jax.Array:
  """The standard deviation of what is asked for, over the windows of training."""
  change = observed.values[context - 1 + ahead:] - observed.values[context - 1:-ahead]
  real = jnp.arange(change.shape[0]) < counts(observed, context, ahead)[0]
  return jnp.std(change, where=real)


def windows_at(observed: Observed, starts: jax.Array, context: int, ahead: int, period: float
               ) -> Windows:
  """The windows that begin at ``starts`` ``[W]``; those beyond the last window are not real."""
  t, y = observed.times, observed.values
  real = starts <= t.shape[0] - context - ahead
  first = jnp.where(real, starts, 0)
  at = first[:, None] + jnp.arange(context)[None]
  last, target = first + context - 1, first + context - 1 + ahead
  back = jnp.ceil((t[target] - t[last]) / period - 1e-6) * period
  before = t[target] - jnp.maximum(back, period)
  far = jnp.abs(t[None] - before[:, None])
  far = jnp.where(jnp.arange(t.shape[0])[None] <= last[:, None], far, jnp.inf)
  scale = scale_of(observed, context, ahead)
  as_values = lambda x: (x - y[last]) / scale
  times = jnp.concatenate([t[at], t[target][:, None]], axis=1)
  return Windows((y[at] - y[last][:, None]) / scale, times - times[:, :1], as_values(y[target]),
                 as_values(y[jnp.argmin(far, axis=1)]), real)


def parts(series: Series, observed: Observed, context: int, ahead: int) -> tuple[Windows, Windows]:
  """(all windows of training, all others); those that see the border are in neither part."""
  whole = int(np.sum(series.times <= series.border)), int(np.sum(series.times > series.border))
  size = [max(1, min(n, observed.times.shape[0]) - context - ahead + 1) for n in whole]
  starts = jnp.arange(size[0]), observed.seen + jnp.arange(size[1])
  train, valid = (windows_at(observed, s, context, ahead, series.period) for s in starts)
  return train._replace(real=starts[0] < counts(observed, context, ahead)[0]), valid


def mean_of(windows: Windows, each: jax.Array) -> jax.Array:
  """The mean of a number of each real window ``[W]``."""
  return jnp.mean(each, where=windows.real)


def _fitted(x: jax.Array, y: jax.Array, others: jax.Array) -> jax.Array:
  """What least squares of y ``[M]`` on x ``[M, P]`` says of other rows ``[W, P]``.

  By the modified Gram-Schmidt process, whose steps are done to both: linear algebra of LAPACK, in
  lanes on several devices of a CPU, waits for threads that wait for it.
  """
  def column(j, carry):
    x, y, others, guess = carry
    norm = jnp.linalg.norm(x[:, j])
    q, theirs = x[:, j] / norm, others[:, j] / norm
    along, share = (q @ x) * (jnp.arange(x.shape[1]) > j).astype(x.dtype), q @ y
    return (x - q[:, None] * along[None], y - share * q, others - theirs[:, None] * along[None],
            guess + share * theirs)

  start = x, y, others, jnp.zeros_like(others[:, 0])
  return jax.lax.fori_loop(0, x.shape[1], column, start)[3]


def baselines(train: Windows, valid: Windows) -> dict[str, jax.Array]:
  """Mean squared errors on the windows of ``valid``.

  Returns:
    "seasonal-naive": the value whole periods before. "linear": least squares on the window's values
    and the time to the target, with a little ridge. "last": the window's last value.
  """
  def features(w):
    since = w.times[:, -1:] - w.times[:, -2:-1]
    return jnp.concatenate([w.values, since, jnp.ones_like(since)], axis=1)

  some = train.real.astype(jnp.float32)
  x = features(train) * some[:, None]
  ridge = jnp.sqrt(RIDGE * jnp.sum(some)) * jnp.eye(x.shape[1])
  guessed = _fitted(jnp.concatenate([x, ridge]), jnp.pad(train.targets * some, (0, x.shape[1])),
                    features(valid))
  error = lambda guess: mean_of(valid, (guess - valid.targets) ** 2)
  return {"seasonal-naive": error(valid.seasonal), "linear": error(guessed),
          "last": error(jnp.zeros_like(valid.targets))}


def positions_of(clock: str, times: Any) -> Any:
  """Positions ``[.., T]`` of a window: its times, or int32 indices for the clock "index"."""
  if clock == "time":
    return times
  return jnp.broadcast_to(jnp.arange(times.shape[-1], dtype=jnp.int32), times.shape)
