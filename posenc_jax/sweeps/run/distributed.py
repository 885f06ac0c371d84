# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Several processes on one sweep: each takes its share of groups on its own devices.

Lanes do not communicate, so the processes need not either: each runs like one share of n with a
results file of its own in the common directory. ``jax.distributed`` numbers them (it recognises TPU
pods and Slurm) and ends them all if one dies; a rerun then trains what is missing.

A process that has finished its share reads the results files until all cells of the grid have
results. A collective would not do here, as its time limit is shorter than most sweeps.
"""

import pathlib
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

from posenc_jax._errors import counted, explain_fault
from posenc_jax.sweeps.errors import NoCoordinator, SweepError


def start(arguments: Mapping[str, Any]) -> tuple[int, int]:
  """Joins the other processes; returns this one's number and how many there are.

  Must come before anything that uses a device. A process that has joined already may call it again.

  Raises:
    NoCoordinator: the first process is unknown, or cannot be reached.
  """
  if not jax.distributed.is_initialized():
    try:
      jax.distributed.initialize(**arguments)
    except (ValueError, RuntimeError) as error:
      raise NoCoordinator(explain_fault(
        "options: distributed", f"True, but no way to the other processes: {error}",
        "coordinator_address, num_processes and process_id, or a cluster that JAX knows",
        'Give for instance coordinator_address="10.0.0.1:1234", num_processes=2, process_id=0'
        )) from error
  return jax.process_index(), jax.process_count()


def told(share: tuple[int, int], own: int, groups: int, left: int, directory: pathlib.Path
         ) -> list[str]:
  """What a share says at its end: what it left to others, and who makes the report.

  Args:
    share: (i, n).
    own, groups: how many groups it had to run, and how many were to be run by all.
    left: cells without a result.
    directory: of the sweep.
  """
  nothing = [f"share {share[0]}/{share[1]} has nothing to run: {counted(groups, 'group')} left for "
             "all shares, none its own"]
  when = (f"{counted(left, 'cell')} left to other shares; when all are done" if left
          else "all are done")
  again = shlex.join(["python", "-m", "posenc_jax.sweeps", str(directory)])
  return [*(nothing if not own else []), f"{when}, for the report: {again}"]


def wait(missing: Callable[[], bool], present: Callable[[], bool], heard: Callable[[], bool], *,
         pause: float = 0.5, patience: float = 120.0) -> None:
  """Returns when no cell lacks a result, or when ``heard()`` says that a signal has come.

  Args:
    missing: whether a cell of the grid has no result yet.
    present: whether the other processes have left their traces in the directory.
    heard: whether to stop waiting.
    pause: seconds between two looks; it grows to 5.
    patience: seconds after which all must be present.

  Raises:
    SweepError: the others write somewhere else.
  """
  start = time.monotonic()
  while missing() and not heard():
    if time.monotonic() - start > patience and not present():
      raise SweepError(explain_fault(
        "run: out", "a directory in which the other processes left no trace",
        "one on a disk that all processes share", "Give such a one or run shard=(i, n) in each"))
    time.sleep(pause)
    pause = min(5.0, pause * 1.2)
