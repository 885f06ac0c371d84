# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The check: what is measured, in which order, and what counts as wrong.

Every implementation of attention that this device can run is held against the dense reference:
values and gradients in float32 and bfloat16, for each kind of bias and of mask. Then the angles of
exact phases, and speed and memory beside the reference.
"""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from posenc_jax import _errors
from posenc_jax._version import __version__
from posenc_jax.attention import settings
from posenc_jax.encodings.rotations.rotary import Rotary
from posenc_jax.precision import precision_report
from posenc_jax.selfcheck import measure
from posenc_jax.selfcheck.cases import CASES, Case
from posenc_jax.selfcheck.report import Report

_ANGLES = 1e-6  # radians; what cosines and sines of the device add is part of it
_DTYPES = ("float32", "bfloat16")
_VALUES = 0.6  # of the time: where compilers are slow, speeds are measured all the same


def selfcheck(*, seconds: float = 60.0, length: int | None = None) -> Report:
  """Checks this machine in about a minute.

  Args:
    seconds: after so many no further measurement begins. Values come first and may take three
      fifths of it, then speed; what there was no time for is in ``left_out``.
    length: T of the timed calls; None is 2048 on a CPU and 4096 elsewhere.

  Returns:
    A ``Report``: ``print`` it; ``ok``, ``failed`` and ``json()``.

  Raises:
    ValueError: a time that is not positive, a length below 1.
    TypeError: a time that is no number, a length that is no int.

  Example:
    >>> import posenc_jax as px
    >>> report = px.selfcheck(seconds=1e-3)     # no time at all
    >>> report.ok, len(report.values), len(report.left_out) > 10
    (True, 0, True)
  """
  mend, wanted = "Give it a minute: seconds=60", "a positive, finite number"
  if isinstance(seconds, bool) or not isinstance(seconds, int | float | np.integer | np.floating):
    raise _errors.type_error("seconds", _errors.describe(seconds), wanted, mend)
  _errors.check_positive("seconds", seconds, mend)
  here = settings.platform_of()
  t = (2048 if here == "cpu" else 4096) if length is None else _errors.check_int(
      "length", length, "an int, at least 1", "T of the timed calls", least=1)
  clock = _Clock(seconds)
  angles = precision_report(Rotary(64), 2**31 - 1).angle_error
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # compilers run side by side
    values = _values(clock, pool)
    speed = _speed(clock, pool, {"t": t, "n": 8, "k": 8, "h": 64})
  wrong = [row["implementation"] for row in values if not row["ok"]]
  # The reference may lack the memory for long sequences, and that is no fault of its own.
  wrong += [r["implementation"] for r in speed if r["fault"] and r["implementation"] != "reference"]
  wrong += [] if angles < _ANGLES else ["angles"]
  auto = {f"{case.name}, {dtype}": measure.choices(case, dtype, measure.small(case))[0]
          for case in CASES for dtype in _DTYPES}
  return Report(_machine(here), tuple(values), tuple(speed), auto, angles,
                tuple(dict.fromkeys(wrong)), tuple(clock.left_out), round(clock.spent(), 1))


class _Clock:
  """Asks before each measurement whether there is time, and keeps what there was none for."""

  def __init__(self, seconds):
    self.start, self.seconds = time.perf_counter(), seconds
    self.left_out: list[str] = []

  def spent(self) -> float:
    return time.perf_counter() - self.start

  def allows(self, what: str, share: float = 1.0) -> bool:
    if self.spent() < self.seconds * share:
      return True
    self.left_out.append(what)
    return False


class _Job(NamedTuple):
  """A program that is being compiled: what it is, its arrays, and the compiler's promise."""

  row: dict[str, Any]
  given: Any
  promise: futures.Future

  def run(self, use: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The row with what ``use(programs, given, compile seconds)`` adds, or with what was raised."""
    try:
      programs, seconds = self.promise.result()
      return self.row | {"fault": None} | use(programs, self.given, seconds)
    except Exception as error:  # whatever a compiler or a device says is what is asked for
      return self.row | {"fault": _said(error)}


def _job(pool, row, make, *args) -> _Job:
  """Traces a program here and compiles it beside others."""
  promise: futures.Future = futures.Future()
  try:
    lowered, given = make(*args)
  except Exception as error:
    promise.set_exception(error)
    return _Job(row, None, promise)
  return _Job(row, given, pool.submit(measure.compiled, lowered))


def _wanted(case: Case, dtype: str, sizes) -> list[str]:
  """What can serve a case here, what ``auto`` takes first."""
  chosen, obstacles = measure.choices(case, dtype, sizes)
  able = [name for name, obstacle in obstacles.items() if obstacle is None]
  return sorted(able, key=lambda name: name != chosen)


def _values(clock: _Clock, pool) -> list[dict[str, Any]]:
  """A row for each case, precision and implementation, against the reference in float32."""
  jobs, references = [], {}
  for case in CASES:
    for dtype in _DTYPES:
      for name in _wanted(case, dtype, measure.small(case)):
        if name == "reference" or not clock.allows(f"{case.name}, {dtype}, {name}", _VALUES):
          continue
        if case.name not in references:
          row = {"case": case.name, "dtype": "float32", "implementation": "reference"}
          references[case.name] = _job(pool, row, measure.values, case, "reference", "float32")
        row = {"case": case.name, "dtype": dtype, "implementation": name, "error": None,
               "limit": measure.TOLERANCE[dtype], "ok": False}
        jobs.append(_job(pool, row, measure.values, case, name, dtype))
  numbers = lambda programs, given, seconds: {"numbers": measure.on_host(programs(*given))}
  truth = {name: job.run(numbers) for name, job in references.items()}
  rows = []
  for job in jobs:
    wanted = truth[job.row["case"]]
    if wanted["fault"]:
      rows.append(job.row | {"implementation": "reference", "fault": wanted["fault"]})
      continue
    row = job.run(numbers)
    if "numbers" in row:
      row["error"] = measure.distance(row.pop("numbers"), wanted["numbers"])
      row["ok"] = row["error"] <= row["limit"]
    rows.append(row)
  return rows


def _speed(clock: _Clock, pool, sizes) -> list[dict[str, Any]]:
  """A row for each timed case, precision and implementation."""
  jobs = []
  for case in CASES:
    for dtype in _DTYPES if case.timed else ():
      for name in _wanted(case, dtype, sizes):
        if name == "reference" and case is not CASES[0]:  # slow, and much the same for all
          continue
        if clock.allows(f"speed of {case.name}, {dtype}, {name}"):
          row = {"case": case.name, "t": sizes["t"], "dtype": dtype, "implementation": name}
          jobs.append(_job(pool, row, measure.timed, case, name, dtype, sizes))
  futures.wait([job.promise for job in jobs])  # what is timed must be alone
  use = lambda programs, given, seconds: {"compile_s": round(seconds, 2),
                                          **measure.speed(programs, given)}
  name = lambda row: f"speed of {row['case']}, {row['dtype']}, {row['implementation']}"
  return [job.run(use) for job in jobs if clock.allows(name(job.row))]


def _said(error: Exception) -> str:
  """The first line of an error, cut to what fits a table."""
  lines = str(error).strip().splitlines() or [""]
  return f"{type(error).__name__}: {lines[0]}"[:200]


def _machine(here: str) -> dict[str, Any]:
  found = {"posenc_jax": __version__, "python": platform.python_version()}
  for name in ("jax", "jaxlib", "libtpu"):
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  device = jax.local_devices()[0]
  found |= {"platform": here, "device": processor() if here == "cpu" else device.device_kind,
            "devices": jax.device_count()}
  peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
  return found if peak is None else found | {"peak_mib": round(peak / 2**20)}


def processor() -> str:
  """The name of the processor, where the system tells one."""
  if sys.platform == "linux":
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
      for line in lines:
        if line.startswith("model name"):
          return line.split(":", 1)[1].strip()
  return platform.processor() or platform.machine()
