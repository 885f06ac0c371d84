# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs every script that checks published statements, each in a process of its own.

  python -m experiments.all --preset=smoke
  python -m experiments.all

Writes a page for each script and one index of all verdicts: docs/results, with the preset smoke
runs/smoke/results. A script that fails does not stop the others; the exit status says so.
"""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Collection
from typing import Any, ClassVar

from experiments import fields, script
from experiments.fields import option

SCRIPTS: tuple[str, ...] = ("extrapolation", "masked_lm", "algorithmic", "context_extension",
                           "properties", "claims", "classify", "forecast", "translate", "music",
                           "speech")


@dataclasses.dataclass(frozen=True)
class Config:
  """What to run.

  Attributes:
    preset: of every script.
  """

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
    name: {"preset": name} for name in ("smoke", "default", "large")}

  scripts: tuple[str, ...] = option(SCRIPTS, "which scripts", choices=SCRIPTS)
  preset: str = "default"

  def __post_init__(self):
    fields.tuples(self)

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    return fields.Check(self, bad).faults


@dataclasses.dataclass(frozen=True)
class Done:
  """A script that ended: its name, exit status and seconds."""

  name: str
  status: int
  seconds: float


def run(config: Config) -> list[Done]:
  """Runs the scripts one after another; what they print goes through."""
  done = []
  for name in config.scripts:
    print(f"\n=== {name}", flush=True)
    start = time.perf_counter()
    command = [sys.executable, "-m", f"experiments.{name}", f"--preset={config.preset}"]
    status = subprocess.run(command).returncode
    done.append(Done(name, status, time.perf_counter() - start))
  return done


def main(config: Config) -> int:
  """Runs, prints what became of each script; 1 if one failed."""
  done = run(config)
  print("\n" + "\n".join(f"{d.name:<20} {d.seconds:7.1f} s  "
                         f"{'done' if d.status == 0 else f'FAILED, exit status {d.status}'}"
                         for d in done))
  return int(any(d.status for d in done))


if __name__ == "__main__":
  script.start(Config, main, __doc__)
