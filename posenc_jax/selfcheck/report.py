# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a self-check found: rows, a table and one line of JSON."""

import dataclasses
import json
from typing import Any

from posenc_jax import _errors
from posenc_jax.attention.settings import VARIABLE


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
  """What ``selfcheck`` found; ``print`` it.

  Attributes:
    machine: versions, the platform, the kind of device.
    values: a dict for each case, precision and implementation: error, limit, and "fault": None or
      what was raised. The error is that of the output and of every gradient against "reference"
      in float32, beside the largest number of the array.
    speed: a dict for each timed case, precision and implementation: milliseconds, compile seconds,
      MiB of temporary memory, or "fault".
    auto: what ``auto`` takes, by case and precision.
    angle_error: of the exact phases, in radians, up to position 2^31.
    failed: what is wrong here: names of implementations, and "angles".
    left_out: what there was no time for.
    seconds: of the whole check.
  """

  machine: dict[str, Any]
  values: tuple[dict[str, Any], ...]
  speed: tuple[dict[str, Any], ...]
  auto: dict[str, str]
  angle_error: float
  failed: tuple[str, ...]
  left_out: tuple[str, ...]
  seconds: float

  @property
  def ok(self) -> bool:
    """Whether nothing failed."""
    return not self.failed

  def json(self) -> str:
    """Everything in one line, to paste into an issue."""
    found = {"ok": self.ok, **dataclasses.asdict(self)}
    return json.dumps(_finite(found), allow_nan=False)

  def __str__(self) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in self.machine.items())
    lines = [machine]
    lines += _table("values and gradients against reference, float32",
                    ("case", "precision", "implementation", "error", "limit", ""), [
        (r["case"], r["dtype"], r["implementation"], _number(r["error"], ".1e"),
         f"{r['limit']:.0e}", _verdict(r)) for r in self.values])
    lines += _table("speed, one example, 8 heads of 64 dims: milliseconds; MiB; seconds",
                    ("case", "T", "precision", "implementation", "forward", "both passes",
                     "memory", "compile side by side", ""), [
        (r["case"], str(r["t"]), r["dtype"], r["implementation"],
         *(_number(r.get(key), "") for key in ("forward_ms", "both_ms", "temporary_mib",
                                               "compile_s")),
         r["fault"] or "") for r in self.speed])
    lines += _table("what auto takes", ("case and precision", "implementation"),
                    list(self.auto.items()))
    lines += ["", f"angles up to position 2^31: error {self.angle_error:.1e} rad"]
    if self.left_out:
      lines += [f"no time for: {'; '.join(self.left_out)}"]
    return "\n".join([*lines, "", self._verdict()])

  __repr__ = __str__

  def _verdict(self) -> str:
    if self.ok and not self.left_out:
      return f"all is well, in {self.seconds:.0f} s"
    if self.ok:
      done = _errors.counted(len(self.values) + len(self.speed), "check")
      left = _errors.counted(len(self.left_out), "check")
      return (f"no fault in {done}; {left} left out for lack of time ({self.seconds:.0f} s): "
              f"seconds={_more(self.seconds):.0f} gives more")
    off = [name for name in self.failed if name not in ("angles", "reference")]
    text = f"FAILED: {', '.join(self.failed)}"
    if off:
      names = ", ".join(f'"{name}"' for name in off) + ("," if len(off) == 1 else "")
      text += (f"\nSwitch off what failed: with px.config(disable=({names})), or set "
               f"{VARIABLE}={','.join(off)}")
    return text + "\nPlease report it with the line of JSON."


def _verdict(row):
  return row["fault"] or ("ok" if row["ok"] else "WRONG")


def _number(value, form) -> str:
  return "" if value is None else format(value, form)


def _more(seconds):
  """A time to try next: some times what was too little, at least a minute's double."""
  return max(120.0, 5 * seconds)


def _table(title, head, rows) -> list[str]:
  """Lines under an empty one and a title; where there are no rows, one line that says so."""
  if not rows:
    return ["", f"{title}: none measured"]
  rows = [head, *rows]
  widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
  told = ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
          for row in rows]
  return ["", title, *told]


def _finite(x):
  """The same with words for what JSON has no numbers for."""
  if isinstance(x, dict):
    return {key: _finite(value) for key, value in x.items()}
  if isinstance(x, list | tuple):
    return [_finite(value) for value in x]
  return str(x) if isinstance(x, float) and x - x != 0 else x
