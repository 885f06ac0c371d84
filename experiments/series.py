# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Time series with gaps as windows to forecast from, and the baselines that a model must beat."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from posenc_jax._errors import explain_fault, value_error

PERIODS = {"co2": 365.25 / 7, "sunspots": 11.0}  # weeks, years
TRAINED = 0.7  # share of the time


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


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
  """Windows of C observations, each with a later one to be forecast.

  Attributes:
    values: float32 ``[W, C]``, less the last of the window, over ``scale``.
    times: float32 ``[W, C + 1]``, since the window's first; the last is the target's.
    targets: float32 ``[W]``, as values.
    seasonal: float32 ``[W]``, what the observation a whole number of periods before says.
    train: bool ``[W]``; the others begin after all that training sees.
    scale: of all values.
    sha256: of all that.
  """

  values: np.ndarray
  times: np.ndarray
  targets: np.ndarray
  seasonal: np.ndarray
  train: np.ndarray
  scale: float
  sha256: str


def load(name: str, *, dropped: float = 0.0, seed: int = 0) -> Series:
  """A series of statsmodels, its missing observations left out, and a share of the others too.

  Args:
    name: "co2" or "sunspots".
    dropped: share of the observations that is dropped, by chance.
    seed: of that chance.

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
  kept = np.isfinite(values) & (np.random.default_rng(seed).random(len(values)) >= dropped)
  return Series(name, times[kept], values[kept], period)


def windows_of(series: Series, context: int, ahead: int) -> Windows:
  """All windows of ``context`` observations, each with the one ``ahead`` observations later.

  Raises:
    ValueError: one of the parts has no window.
  """
  t, y, count = series.times, series.values, len(series.times) - context - ahead + 1
  if count < 1:
    raise value_error("seq_len", context, f"at most {len(t) - ahead} of {len(t)} observations",
                      "Shorten it")
  border = t[0] + TRAINED * (t[-1] - t[0])
  at = np.arange(count)[:, None] + np.arange(context)
  last, target = at[:, -1], at[:, -1] + ahead
  train = t[target] <= border
  kept = train | (t[at[:, 0]] > border)
  at, last, target, train = at[kept], last[kept], target[kept], train[kept]
  if train.all() or not train.any():
    raise value_error("seq_len", context, "windows before and after "
                      f"{TRAINED:.0%} of the time", "Shorten it or drop less")
  scale = float(np.std(y[target[train]] - y[last[train]]))
  back = np.ceil((t[target] - t[last]) / series.period - 1e-9) * series.period
  before = t[target] - np.maximum(back, series.period)
  nearest = np.array([np.abs(t[:stop + 1] - when).argmin()
                      for stop, when in zip(last, before, strict=True)])
  as_values = lambda x: ((x - y[last].reshape(-1, *(1,) * (x.ndim - 1))) / scale).astype(np.float32)
  times = np.concatenate([t[at], t[target][:, None]], axis=1)
  parts = (as_values(y[at]), (times - times[:, :1]).astype(np.float32), as_values(y[target]),
           as_values(y[nearest]))
  digest = hashlib.sha256(b"".join(x.tobytes() for x in parts)).hexdigest()
  return Windows(*parts, train, scale, digest)


def baselines(windows: Windows) -> dict[str, float]:
  """Mean squared errors on windows that training does not see.

  Returns:
    "seasonal-naive": the value whole periods before. "linear": least squares on the window's values
    and the time to the target, with a little ridge. "last": the window's last value.
  """
  features = np.concatenate([windows.values, windows.times[:, -1:] - windows.times[:, -2:-1],
                             np.ones_like(windows.targets)[:, None]], axis=1).astype(np.float64)
  fit, y = features[windows.train], windows.targets[windows.train].astype(np.float64)
  gram = fit.T @ fit + 1e-3 * len(fit) * np.eye(fit.shape[1])
  weights = np.linalg.solve(gram, fit.T @ y)
  wanted = windows.targets[~windows.train].astype(np.float64)
  error = lambda guess: float(np.mean((guess - wanted) ** 2))
  return {"seasonal-naive": error(windows.seasonal[~windows.train].astype(np.float64)),
          "linear": error(features[~windows.train] @ weights), "last": error(np.zeros_like(wanted))}


def positions_of(clock: str, times: Any) -> Any:
  """Positions ``[.., T]`` of a window: its times, or int32 indices for the clock "index"."""
  if clock == "time":
    return times
  return np.broadcast_to(np.arange(times.shape[-1], dtype=np.int32), times.shape)
