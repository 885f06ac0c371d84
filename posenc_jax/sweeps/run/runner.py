# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Running a sweep: plan, then group after group, until nothing is missing.

A rerun can always go on from what it finds, because of the order of writes: the packing of a group
is on disk before its first step, and its results are on disk before its checkpoint is removed. A
group that runs out of memory is halved, the halves are recorded, and the run goes on; a cell that
does not fit even alone is recorded as "oom".
"""

import collections
import contextlib
import pathlib
import shlex
import time
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import jax

from posenc_jax._errors import value_error
from posenc_jax.sweeps import devices, files
from posenc_jax.sweeps.cells import Cell, as_cells
from posenc_jax.sweeps.errors import Interrupted
from posenc_jax.sweeps.experiment import Experiment, Train, as_train, goal_of
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options, make_options
from posenc_jax.sweeps.plan import planner
from posenc_jax.sweeps.plan.planner import Plan, Planned
from posenc_jax.sweeps.records import newest, oom_record
from posenc_jax.sweeps.results import EXIT_DAMAGED, Results, collect
from posenc_jax.sweeps.run import distributed, extras, signals
from posenc_jax.sweeps.run.program import Program, stack_lanes
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.run.training import Training
from posenc_jax.sweeps.show import report
from posenc_jax.sweeps.store import manifest
from posenc_jax.sweeps.store.directory import Store
from posenc_jax.sweeps.store.memory import Memory
from posenc_jax.sweeps.store.reading import read_records


def run(
  experiment: Experiment,
  cells: Iterable[Mapping[str, Any]],
  out: str | pathlib.Path | None = None,
  *,
  name: str | None = None,
  options: Options | None = None,
  **changes: Any,
) -> Results:
  """Runs every cell that has no result yet, and returns the results of all.

  Args:
    experiment: an Experiment; see ``simple`` for making one of a function.
    cells: from ``grid``, or any list of mappings.
    out: the sweep's directory; the same call again finishes what is missing. None keeps the results
      in memory only.
    name: a directory inside ``out`` to use instead, safe to take from a user.
    options: how to run; see Options.
    **changes: fields of Options, which override ``options``.

  Returns:
    Results, in the order of ``cells``.

  Raises:
    ValueError, TypeError: a mistake in the arguments, raised before anything is compiled.
    SettingsChanged, DirectoryInUse, CorruptStore, CannotWrite, StorageFull: about the directory.
    Interrupted: Ctrl-C or SIGTERM, after the state was saved.

  Example:
    >>> from posenc_jax import sweeps
    >>> def make_train(static):
    ...   return lambda traced, key: {"loss": (traced["x"] - static["n"]) ** 2}
    >>> cells = sweeps.grid(n=[1, 2], x=[0.0, 0.5])
    >>> results = sweeps.run(sweeps.simple(make_train, static=["n"]), cells, progress=False)
    >>> [record["metrics"]["loss"] for record in results]
    [1.0, 0.25, 4.0, 2.25]
  """
  options = make_options(options, changes)
  cells = as_cells(cells)
  if out is None and (name is not None or options.distributed):
    raise value_error("run: out", "None with name or distributed=True", "a directory",
                      "Give the directory that should hold the results")
  if out is not None and name is not None:
    out = pathlib.Path(out) / files.check_name(name)
  if options.tensorboard:
    extras.check_tensorboard()
  share = options.shard
  with contextlib.ExitStack() as stack:
    stack.enter_context(extras.compile_cache(options.compile_cache))
    if options.distributed:
      share = distributed.start(options.distributed_args)
      share = share if share[1] > 1 else None
    planner.plan(experiment, cells, options=options)  # Finds mistakes before anything is written.
    listener = stack.enter_context(signals.listening())
    notes: list[str] = []
    if out is None:
      store = Memory()
    else:
      new = manifest.describe(experiment, options.argv, name)
      store = stack.enter_context(Store.open(
        pathlib.Path(out), new, cells=cells, share=share, repair=options.repair, log=notes.append))
    return _Run(experiment, cells, options, store, share, listener).all(notes)


class _Run:
  """One call of ``run``, with what its parts share."""

  def __init__(self, experiment: Experiment, cells: tuple[Cell, ...], options: Options, store: Any,
               share: tuple[int, int] | None, listener: signals.Listener):
    self.experiment, self.cells, self.options = experiment, cells, options
    self.store, self.share, self.listener = store, share, listener
    self._wanted = {cell.id for cell in cells}
    self.devices = devices.local_devices(options.devices)
    self._program: tuple[Any, Program] | None = None
    self._trains: dict[Hashable, Train] = {}
    self._profiled = False

  def all(self, notes: list[str]) -> Results:
    """Plans and runs, and notes in the manifest how it went."""
    agreed = self._plan()
    todo = [p for p in agreed.todo if self._mine(p.group)]
    steps = sum(self._steps(p) * len(p.group.cells) for p in todo)
    cells = agreed.done + sum(self._missing(p.group) for p in todo)
    self.progress = Progress(cells, agreed.done, steps, len(todo), show=self.options.progress)
    self.progress.compiles_left = len({p.program for p in todo})
    for note in notes:
      self.progress.note(note)
    self.store.log = self.progress.note
    entry = {"started": _now(), "share": self.share and list(self.share),
             "argv": self.options.argv and list(self.options.argv)}
    try:
      self._groups(todo)
      self._wait()
      entry["status"] = "finished"
    except BaseException as error:
      entry["status"] = f"stopped by {type(error).__name__}"
      raise
    finally:
      self.progress.close()
      entry |= {"ended": _now(), "compiles": self.progress.compiles,
                "compile_seconds": round(self.progress.compile_seconds, 3)}
      if todo:
        with contextlib.suppress(OSError):  # What stopped the run may stop this too.
          self.store.note_run(entry)
    return self._results()

  def _plan(self) -> Plan:
    """The plan for what is missing, with its packing recorded."""
    parts = self.share[1] if self.share else 1
    with self.store.planning():
      found = planner.plan(
        self.experiment, self.cells, options=self.options, recorded=self.store.groups(),
        done=[i for i in self.store.records if self._is_done(i)], parts=parts)
      self.store.record_groups([p.group for p in found.todo])
    self.store.tidy()
    return found

  def _train(self, static: Hashable) -> Train:
    if static not in self._trains:
      self._trains[static] = as_train(self.experiment, static)
    return self._trains[static]

  def _is_done(self, cell_id: str) -> bool:
    record = self.store.records.get(cell_id)
    return record is not None and record["status"] not in self.options.retry

  def _missing(self, group: Group) -> int:
    return sum(c.id in self._wanted and not self._is_done(c.id) for c in group.cells)

  def _mine(self, group: Group) -> bool:
    return self.share is None or group.order % self.share[1] == self.share[0]

  def _steps(self, planned: Planned) -> int:
    return max(self._train(planned.static).steps, 1)

  def _groups(self, todo: list[Planned]) -> None:
    queue = collections.deque(todo)
    index = 0
    while queue:
      self._check_signal()
      planned = queue.popleft()
      message = self._group(planned, index)
      if message is None:
        index += 1
        continue
      self._program = None
      if len(planned.group.cells) == 1:
        cell = planned.group.cells[0]
        self.progress.note(f"{cell!r} does not fit into memory even alone")
        self._add([{**oom_record(cell, message), "group": planned.group.id, "lane": 0,
                    "time": {"seconds": 0.0, "finished": _now()}}], planned.group)
        index += 1
        continue
      halves = planned.group.halves()
      self.progress.note(f"group {planned.group.id} of {len(planned.group.cells)} lanes ran out of "
                         f"memory; trying {halves[0].width} at a time")
      self.progress.groups += 1
      self.store.record_groups(halves, instead_of=planned.group)
      self.store.drop_checkpoint(planned.group)
      queue.extendleft(reversed([planned.with_group(half) for half in halves]))

  def _group(self, planned: Planned, index: int) -> str | None:
    """Trains one group; returns what the system said if it ran out of memory."""
    try:
      training = self._training(planned, index)
      profile = None if self._profiled else self.options.profile_dir
      self._profiled = True
      with extras.profile(profile):
        finished = training.train()
      if not finished:
        self._check_signal()
      self._add(training.records(), planned.group)
      return None
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
      if self.listener.signum is not None and "KeyboardInterrupt" in str(error):
        raise KeyboardInterrupt from error  # It struck inside a callback of the program.
      if not devices.out_of_memory(error):
        raise
      return str(error)

  def _training(self, planned: Planned, index: int) -> Training:
    group = planned.group
    traced = [self.experiment.split(cell)[1] for cell in group.cells]
    words, stacked = stack_lanes(group.cells, traced, group.width)
    dtypes = tuple((name, str(x.dtype), x.shape[1:]) for name, x in stacked.items())
    wanted = (planned.static, group.width, dtypes)
    if self._program is None or self._program[0] != wanted:
      self._program = None
      lanes = devices.Lanes(group.width, self.devices)
      start = time.monotonic()
      program = Program(self._train(planned.static), lanes, words, stacked)
      self.progress.compiled(time.monotonic() - start)
      self._check_memory(program)
      self._program = (wanted, program)
    program = self._program[1]
    train = program.train
    self.progress.start_group(index, max(train.steps, 1), len(group.cells), train.tokens)
    return Training(group, program, words, stacked, store=self.store, options=self.options,
                    progress=self.progress, heard=lambda: self.listener.signum is not None)

  def _check_memory(self, program: Program) -> None:
    """Raises MemoryError if the compiler says that a pack will not fit; a lone lane may try.

    Without this check the host's kernel would kill the process, and each rerun too.
    """
    limit = self.options.memory_limit or devices.memory_limit(self.devices)
    if program.lanes.width > 1 and program.bytes > limit:
      raise MemoryError(f"the program needs {program.bytes} bytes, of {limit:.0f} it may use")

  def _add(self, records: list[dict[str, Any]], group: Group) -> None:
    """Stores what is not there yet: after a damaged line the whole group was trained again."""
    before = self.store.records
    fresh = [{**record, "attempt": before[record["id"]].get("attempt", 0) + 1
              if record["id"] in before else 0}
             for record in records if not self._is_done(record["id"])]
    counted = self._missing(group)
    self.store.add(fresh)
    self.store.drop_checkpoint(group)
    if self.options.tensorboard and self.store.directory is not None:
      extras.write_events(self.store.directory, fresh)
    self.progress.finish_group(counted)

  def _check_signal(self) -> None:
    signum = self.listener.signum
    if signum is None:
      return
    again = "the same call" if self.options.argv is None else shlex.join(self.options.argv)
    kept = ("its results were in memory only" if self.store.directory is None
            else f"all finished cells are safe in {self.store.directory}; to go on: {again}")
    name = signals.signal.Signals(signum).name
    raise Interrupted(f"stopped by {name} after {self.progress.done} of {self.progress.cells} "
                      f"cells; {kept}", signum)

  def _wait(self) -> None:
    """In a distributed run, waits for the others; their results then count as this one's."""
    if not self.options.distributed or self.share is None:
      return
    def missing() -> bool:
      self.store.records = newest(read_records(self.store.directory)[0])
      return any(cell.id not in self.store.records for cell in self.cells)

    distributed.wait(missing, self.store.all_present, lambda: self.listener.signum is not None)
    self._check_signal()

  def _results(self) -> Results:
    results = collect(
      self.cells, self.store.records, manifest=self.store.manifest, directory=self.store.directory,
      exit_code=EXIT_DAMAGED if self.store.damaged else 0, goal=goal_of(self.experiment))
    first = self.share is None or (self.options.distributed and self.share[0] == 0)
    if self.options.report and self.store.directory is not None and first:
      report.write_report(results, self.store.directory)
    return results


def _now() -> str:
  return time.strftime("%Y-%m-%dT%H:%M:%S%z")
