# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs every script that checks published statements, each in a process of its own.

  python -m experiments.all --preset=smoke
  python -m experiments.all

Writes a page for each script and one index of all verdicts: docs/results, with the preset smoke
runs/smoke/results. A script that fails does not stop the others; the exit status says so, and so
do words on the pages of the index that are older than this run. Ctrl-C ends the script that runs,
which saves its state first, and the others are not begun.
"""

import dataclasses
import pathlib
import subprocess
import sys
import time
from collections.abc import Collection
from typing import Any, ClassVar

from experiments import fields, script
from experiments.fields import option
from experiments.findings import catalogue, study
from experiments.findings import page as page_lib

SCRIPTS: tuple[str, ...] = ("extrapolation", "masked_lm", "algorithmic", "context_extension",
                           "properties", "claims", "classify", "forecast", "translate", "music",
                           "speech")
PAGES = {"smoke": study.SMOKE_PAGES, "default": study.PAGES, "large": study.LARGE_PAGES}
INTERRUPTED = 130  # the exit status after Ctrl-C


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
  """Runs the scripts one after another; what they print goes through.

  Returns:
    What became of each, the last one INTERRUPTED after Ctrl-C.
  """
  done = []
  for name in config.scripts:
    print(f"\n=== {name}", flush=True)
    start = time.perf_counter()
    try:
      status = _wait([sys.executable, "-m", f"experiments.{name}", f"--preset={config.preset}"])
    except KeyboardInterrupt:
      status = INTERRUPTED
    done.append(Done(name, status, time.perf_counter() - start))
    if status == INTERRUPTED:
      break
  return done


def _wait(command: list[str]) -> int:
  """The exit status of a process, which is waited for after Ctrl-C too: it saves its state.

  The terminal sends Ctrl-C to both. A second one kills the process.
  """
  process = subprocess.Popen(command)
  try:
    return process.wait()
  except KeyboardInterrupt:
    try:
      process.wait()
    except KeyboardInterrupt:
      process.kill()
      process.wait()
    raise


def older(directory: str, since: float) -> list[page_lib.Data]:
  """The pages of a directory's index that were written before a time, in seconds of the epoch."""
  found, _ = catalogue.pages(directory)
  return [page for page in found
          if (pathlib.Path(directory) / f"{page.name}.json").stat().st_mtime < since]


def main(config: Config) -> int:
  """Runs, prints what became of each script; 1 if one failed, 130 after Ctrl-C."""
  start = time.time()
  done = run(config)
  stopped = any(d.status == INTERRUPTED for d in done)
  lines = [f"{d.name:<20} {d.seconds:7.1f} s  {_told(d.status)}" for d in done]
  lines += [f"{name:<20} {'':7}    not begun" for name in config.scripts[len(done):]]
  for page in older(PAGES[config.preset], start):
    lines.append(f"{PAGES[config.preset]}/{page.name}.md is older than this run: made on "
                 f"{page.made.date} by {page.made.command}")
  print("\n" + "\n".join(lines))
  return INTERRUPTED if stopped else int(any(d.status for d in done))


def _told(status: int) -> str:
  if status == INTERRUPTED:
    return "stopped by Ctrl-C"
  return "done" if status == 0 else f"FAILED, exit status {status}"


if __name__ == "__main__":
  script.start(Config, main, __doc__)
