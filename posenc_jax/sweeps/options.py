# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How a sweep is run; what it computes is in the cells, so no option changes a cell or its id."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from posenc_jax._errors import (
  check_bool,
  check_choice,
  check_int,
  check_positive,
  describe,
  type_error,
  value_error,
)
from posenc_jax.sweeps.records import FAILURES

BATCHING = ("auto", "padded", "bucketed", "single")
RETRAIN = ("no", "changed")
KEEP = ("weights",)


@dataclasses.dataclass(frozen=True)
class Options:
  """How to pack, run, store and show a sweep.

  Attributes:
    batching: "bucketed" makes one program of each static setting; "padded" merges as many as the
      experiment's ``merge`` allows; "auto" merges where that is expected to cost less; "single"
      runs every cell alone.
    max_lanes: most lanes a group may have.
    memory_limit: bytes all lanes of a group may need together; None asks the devices.
    flops_per_second: what the planner expects of the machine; None guesses from the device.
    compile_seconds: what the planner expects a compile to take; None asks the experiment, or 4.
    devices: how many local devices to spread lanes over; None for all.
    shard: (i, n) runs the i-th of n shares, i from 0, with a results file of its own. Shares that
      have no disk in common must plan alike: give them all the same memory_limit.
    distributed: start ``jax.distributed`` and let every process take its share.
    coordinator_address: of a distributed run, "host:port" of its first process; None lets JAX ask
      the cluster (Slurm, TPU pods, MPI).
    num_processes: of a distributed run; None as above.
    process_id: of this process among them, from 0; None as above.
    distributed_args: more arguments of ``jax.distributed.initialize``.
    chunk_seconds: about how long the device runs between two looks at progress and signals.
    checkpoint_seconds: a group that runs longer saves its state this often; it is stretched so
      that saving takes at most 2 percent of the time.
    curve_points: curves longer than this are averaged into that many bins.
    retry: statuses of finished cells to run again, of "diverged", "failed", "crashed", "timeout"
      and "oom". Failures of code that has changed since are run again unasked.
    retrain: what to do about finished cells whose code has been edited since: "no" ends with an
      error that says what was edited, "changed" trains them again. Old records stay in the file.
    keep: what to keep of each cell besides its record: "weights" saves its final state, for
      ``results.restore(cell)`` and ``evaluate_only``.
    evaluate_only: train nothing; run ``finish`` again on the kept states of finished cells, if it
      has been edited since, and record what it returns.
    timeout_seconds: a group that has trained longer (compiling left out, earlier runs counted) is
      given up with status "timeout" and its state saved. It is looked at between two chunks, so a
      plain train function, which is one chunk, is never given up.
    max_deaths: a group in which the process died this often (kill -9, the kernel's OOM killer)
      without a saved step is put last and divided; a cell that dies alone is recorded as "crashed".
    repair: mend damaged files of the store (after keeping a copy) instead of ending with an error.
    progress: show progress on stderr.
    report: write report.html, table.csv and figures at the end.
    tensorboard: write event files through tensorboardX.
    compile_cache: directory of JAX's persistent compile cache.
    profile_dir: directory for a profile of the first group's run.
    argv: the command line, for the manifest and the resume hint; see ``command_line``.
  """

  batching: str = "auto"
  max_lanes: int | None = None
  memory_limit: float | None = None
  flops_per_second: float | None = None
  compile_seconds: float | None = None
  devices: int | None = None
  shard: tuple[int, int] | None = None
  distributed: bool = False
  coordinator_address: str | None = None
  num_processes: int | None = None
  process_id: int | None = None
  distributed_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  chunk_seconds: float = 2.0
  checkpoint_seconds: float = 30.0
  curve_points: int = 256
  retry: tuple[str, ...] = ()
  retrain: str = "no"
  keep: tuple[str, ...] = ()
  evaluate_only: bool = False
  timeout_seconds: float | None = None
  max_deaths: int = 2
  repair: bool = False
  progress: bool = True
  report: bool = True
  tensorboard: bool = False
  compile_cache: str | None = None
  profile_dir: str | None = None
  argv: tuple[str, ...] | None = None

  def __post_init__(self):
    check_choice("options: batching", self.batching, BATCHING)
    check_choice("options: retrain", self.retrain, RETRAIN)
    self._check_types()
    if not self.checkpoint_seconds >= 0:
      raise value_error("options: checkpoint_seconds", self.checkpoint_seconds, "0 or more",
                        "0 saves after every chunk")
    for what in self.keep:
      check_choice("options: keep", what, KEEP)
    if self.evaluate_only and self.retrain != "no":
      raise value_error("options: evaluate_only", f"True with retrain={self.retrain!r}",
                        "one of them", "Train first, then evaluate")
    if self.evaluate_only and self.retry:
      raise value_error("options: evaluate_only", f"True with retry={self.retry}", "one of them",
                        "Train first, then evaluate")
    for status in self.retry:
      check_choice("options: retry", status, ("diverged", *FAILURES))
    for name in ("coordinator_address", "num_processes", "process_id", "distributed_args"):
      if getattr(self, name) not in (None, {}) and not self.distributed:
        raise value_error(f"options: {name}", f"{getattr(self, name)!r} without distributed=True",
                          "both or neither", "Add distributed=True")
    if self.shard is not None:
      check_shard(self.shard)
      if self.distributed:
        raise value_error("options: shard", f"{self.shard} with distributed=True", "one of them",
                          "Processes of one distributed run share the work by themselves")

  def _check_types(self) -> None:
    for name in ("max_lanes", "devices", "curve_points", "max_deaths", "num_processes"):
      if getattr(self, name) is not None:
        check_int(f"options: {name}", getattr(self, name), "an int, at least 1",
                  "Leave it out for the default", least=1)
    for name in ("memory_limit", "flops_per_second", "compile_seconds", "chunk_seconds",
                 "timeout_seconds"):
      if getattr(self, name) is not None:
        check_positive(f"options: {name}", getattr(self, name), "Leave it out for the default")
    if isinstance(self.checkpoint_seconds, bool) or not isinstance(
        self.checkpoint_seconds, int | float):
      raise type_error("options: checkpoint_seconds", describe(self.checkpoint_seconds),
                       "a number", "0 saves after every chunk")
    for name in ("distributed", "evaluate_only", "repair", "progress", "report", "tensorboard"):
      check_bool(f"options: {name}", getattr(self, name), "Choose")
    for name in ("keep", "retry"):  # One word is as good as a tuple of one.
      given = getattr(self, name)
      if not isinstance(given, str | tuple | list):
        raise type_error(f"options: {name}", describe(given), "a text or a tuple of them",
                         "() is none")
      object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))

  @property
  def processes(self) -> dict[str, Any]:
    """The arguments of ``jax.distributed.initialize``."""
    named = {name: getattr(self, name) for name in
             ("coordinator_address", "num_processes", "process_id")}
    return {**{k: v for k, v in named.items() if v is not None}, **self.distributed_args}

  @property
  def packing(self) -> dict[str, Any]:
    """What decides the packing; groups without results are packed again when it changes."""
    return {name: getattr(self, name) for name in ("batching", "max_lanes", "memory_limit")}


def check_shard(shard: tuple[int, int]) -> None:
  """Raises a ValueError unless ``shard`` is (i, n) with 0 <= i < n."""
  fits = isinstance(shard, (tuple, list)) and len(shard) == 2
  if not (fits and all(type(x) is int for x in shard) and 0 <= shard[0] < shard[1]):
    raise value_error("options: shard", shard, "(i, n) with 0 <= i < n",
                      "The first of four shares is (0, 4)")


def make_options(options: Options | None, changes: Mapping[str, Any]) -> Options:
  """``options`` (default: all defaults) with ``changes`` applied.

  Raises:
    TypeError: a name is not an option; the nearest is named.

  Example:
    >>> make_options(None, {"batching": "single"}).batching
    'single'
  """
  known = [field.name for field in dataclasses.fields(Options)]
  for name in changes:
    if name not in known:
      near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
      raise type_error("run: option", repr(name), "one of " + ", ".join(known),
                       f"Did you mean {near!r}?")
  return dataclasses.replace(options or Options(), **changes)
