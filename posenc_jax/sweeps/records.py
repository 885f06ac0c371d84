# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""From a lane's arrays to the record that one line of results.jsonl holds.

    id, cell            the settings
    status              one of STATUSES
    first_bad_step      the first step whose watched metric was not finite
    metrics, series     numbers and lists of numbers; null where a number was not finite
    nonfinite           for each null, or list with nulls, what stood there
    axes                for a series, what its entries stand for
    group, lane         where it was trained
    error, traceback    of a cell that failed: one line, and the text that Python showed
    deaths              of a crashed cell: how often the process died in its group
    attempt             counts reruns (retry, changed code, evaluation); the highest counts
    time                seconds and date; all else is the same however often the sweep was killed

The statuses: "ok"; "diverged" has first_bad_step; "failed" raised an error; "timeout" trained for
more than ``timeout_seconds``; "oom" ran out of memory even alone; "crashed" is a cell during which
the process died again and again without a word, as under the kernel's OOM killer.

JSON has no NaN: Python would write one that a browser refuses to read.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posenc_jax.sweeps.cells import Cell

Record = dict[str, Any]
FAILURES = ("failed", "crashed", "timeout", "oom")  # without numbers
STATUSES = ("ok", "diverged", *FAILURES)
MOST_TRACEBACK = 4000


def _short(x: np.floating) -> float:
  """The float32 ``x`` as the Python float with fewest digits that rounds back to it."""
  return float(str(np.float32(x)))


def _numbers(values: np.ndarray) -> list[float | int | None]:
  if values.dtype.kind in "iu":
    return values.tolist()
  return [_short(v) if np.isfinite(v) else None for v in values]


def _reason(values: np.ndarray) -> str | None:
  bad = np.flatnonzero(~np.isfinite(values))
  if not bad.size:
    return None
  first = values[bad[0]]
  name = "nan" if np.isnan(first) else "inf" if first > 0 else "-inf"
  return name if values.size == 1 else f"{bad.size} of {values.size}, first {name} at {bad[0]}"


def thin(curve: np.ndarray, points: int) -> tuple[np.ndarray, dict[str, Any]]:
  """A curve of at most ``points`` values, each the mean of equally many steps, and its axis.

  Example:
    >>> thin(np.array([4.0, 2.0, 1.0, 1.0]), 2)
    (array([3., 1.], dtype=float32), {'label': 'step', 'start': 0.5, 'step': 2})
  """
  steps = len(curve)
  size = -(-len(curve) // points)
  ends = range(0, steps, size)
  if size > 1:
    with np.errstate(over="ignore", invalid="ignore"):
      curve = np.array([np.mean(curve[e:e + size], dtype=np.float64) for e in ends])
      curve = curve.astype(np.float32)
  axis: dict[str, Any] = {"label": "step", "start": (size - 1) / 2, "step": size}
  if steps % size:  # The last bin is shorter, and its middle earlier.
    middles = [(e + min(e + size, steps) - 1) / 2 for e in ends]
    axis = {"label": "step", "values": middles}
  return curve, axis


def _first_bad_step(curves: dict[str, np.ndarray], watch: str) -> int | None:
  """The first step whose watched metric is not finite; without such a metric, any of them."""
  watched = [curve for name, curve in curves.items() if name == watch or watch not in curves]
  bad = [np.flatnonzero(~np.isfinite(curve)) for curve in watched]
  return min((int(steps[0]) for steps in bad if steps.size), default=None)


def _named_arrays(
  curves: dict[str, np.ndarray], results: dict[str, np.ndarray], axes: dict[str, Any], points: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]:
  """(metrics, series, axes of the series): thinned curves, then what finish returned."""
  metrics, series, labelled = {}, {}, {}
  for name, curve in curves.items():
    series[name], labelled[name] = thin(curve, points)
  for name, value in (results or {name: curve[-1] for name, curve in curves.items()}).items():
    if value.ndim == 0:
      metrics[name] = value
      continue
    # A vector from finish may have the name of a curve; both are kept.
    key = name if name not in series else f"final/{name}"
    label, values = axes.get(name, ("index", range(len(value))))
    series[key] = value
    labelled[key] = {"label": label, "values": [float(v) for v in values]}
  return metrics, series, labelled


def _has_diverged(names: Sequence[str], bad: Mapping[str, str], watch: str) -> bool:
  """Whether a watched number of ``names`` ("series/.." or "metrics/..") is in ``bad``.

  If none of the names is watched, every one is.
  """
  watched = [name for name in names if name.split("/", 1)[1] == watch]
  return any(name in bad for name in watched or names)


def make_record(
  cell: Cell,
  curves: dict[str, np.ndarray],
  results: dict[str, np.ndarray],
  *,
  watch: str = "loss",
  axes: dict[str, Any] | None = None,
  points: int = 256,
) -> Record:
  """The record of a finished lane.

  Args:
    cell: its settings.
    curves: metrics of each step, [steps] each.
    results: scalars [] and vectors [n] from finish; if there are none, the curves' last values.
    watch: the name that tells whether the lane diverged; if there is none such, all do.
    axes: (label, values) for vectors in results.
    points: length to which curves are thinned.

  Returns:
    A Record with status "ok" or "diverged", in which JSON can hold every number.
  """
  metrics, series, labelled = _named_arrays(curves, results, axes or {}, points)
  named = {**{f"series/{k}": v for k, v in series.items()},
           **{f"metrics/{k}": v for k, v in metrics.items()}}
  reasons = {name: _reason(np.atleast_1d(values)) for name, values in named.items()}
  nonfinite = {name: why for name, why in reasons.items() if why}
  first = _first_bad_step(curves, watch)
  diverged = first is not None or _has_diverged(list(named), nonfinite, watch)
  return {
    "id": cell.id,
    "cell": dict(cell),
    "status": "diverged" if diverged else "ok",
    "first_bad_step": first,
    "metrics": {name: _numbers(np.atleast_1d(value))[0] for name, value in metrics.items()},
    "series": {name: _numbers(values) for name, values in series.items()},
    "nonfinite": nonfinite,
    "axes": labelled,
  }


def axis_values(record: Record, series: str) -> list[float]:
  """What the entries of a series stand for, as numbers for a plot's axis."""
  axis = record.get("axes", {}).get(series, {})
  if "values" in axis:
    return axis["values"]
  start, step = axis.get("start", 0.0), axis.get("step", 1.0)
  return [float(start + i * step) for i in range(len(record["series"][series]))]


def failed_record(cell: Cell, status: str, error: str, **about: Any) -> Record:
  """The record of a cell without results; ``about`` may hold a traceback, of which the end is kept.

  Example:
    >>> failed_record(Cell(n=1), "oom", "17 bytes wanted")["status"]
    'oom'
  """
  if "traceback" in about:
    text = about["traceback"]
    cut = "" if len(text) <= MOST_TRACEBACK else "[cut] ... "
    about["traceback"] = cut + text[-MOST_TRACEBACK:]
  return {"id": cell.id, "cell": dict(cell), "status": status, "first_bad_step": None,
          "metrics": {}, "series": {}, "nonfinite": {}, "axes": {}, "error": error[:500], **about}


def payload(record: Record) -> Record:
  """What of a record must be the same in an undisturbed run: all but times and attempts."""
  return {k: v for k, v in record.items() if k not in ("time", "attempt", "group", "lane", "code")}


def newest(records: list[Record]) -> dict[str, Record]:
  """One record a cell: of the highest attempt, and of equal ones the first."""
  chosen: dict[str, Record] = {}
  for record in records:
    known = chosen.get(record["id"])
    if known is None or record.get("attempt", 0) > known.get("attempt", 0):
      chosen[record["id"]] = record
  return chosen


def now() -> str:
  """The local time with its zone, as records and the manifest have it."""
  return time.strftime("%Y-%m-%dT%H:%M:%S%z")
