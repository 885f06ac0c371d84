# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Running a sweep: plan, then group after group, until nothing is missing.

A rerun can always go on from what it finds, because of the order of writes: the packing of a group
is on disk before its first step, and its results are on disk before its checkpoint is removed. What
becomes of a group that fails is in ``failing``.
"""

import contextlib
import pathlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from posenc_jax._errors import counted, value_error
from posenc_jax.sweeps import devices, files
from posenc_jax.sweeps.cells import Cell, as_cells
from posenc_jax.sweeps.command import how_to_repeat
from posenc_jax.sweeps.errors import Interrupted, warn
from posenc_jax.sweeps.experiment import Experiment, goal_of
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options, make_options
from posenc_jax.sweeps.plan import planner
from posenc_jax.sweeps.plan.planner import Plan
from posenc_jax.sweeps.records import FAILURES, newest, now
from posenc_jax.sweeps.results import EXIT_DAMAGED, EXIT_FAILED, Results, collect
from posenc_jax.sweeps.run import distributed, extras, signals
from posenc_jax.sweeps.run.code import Code, changed_error, check_mixing, statics_of
from posenc_jax.sweeps.run.evaluating import Evaluation, check_kept, note_others
from posenc_jax.sweeps.run.failing import Failure
from posenc_jax.sweeps.run.groups import Groups
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.show import report
from posenc_jax.sweeps.store import kept, manifest
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
    Interrupted: Ctrl-C, SIGTERM or SIGHUP, after the state was saved.
    Exception: what the experiment raised, if it did so in the first group and no cell ended well;
      else the error is in the records of its cells, on stderr and in the exit code.

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
  if out is None and options.evaluate_only:
    raise value_error("run: out", "None with evaluate_only=True", "a directory with kept states",
                      'Run with keep="weights" and a directory first')
  if out is not None and name is not None:
    out = pathlib.Path(out) / files.check_name(name)
  if options.tensorboard:
    extras.check_tensorboard()
  if options.profile_dir is not None:  # else a profile is lost after the training that it is of
    files.check_directory(pathlib.Path(options.profile_dir))
  share = options.shard
  with contextlib.ExitStack() as stack:
    stack.enter_context(extras.compile_cache(options.compile_cache))
    if options.distributed:
      share = distributed.start(options.processes)
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
    self._code = None if store.code is None else Code(
      experiment, store.code, devices.local_devices(options.devices))
    self._changed: set[str] = set()

  def all(self, notes: list[str]) -> Results:
    """Plans and runs, and notes in the manifest how it went."""
    if self.options.evaluate_only and self._code is not None:
      return self._evaluate(self._code, notes)
    agreed = self._plan()
    todo = [p for p in agreed.todo if self._mine(p.group)]
    steps = sum(p.steps * len(p.group.cells) for p in todo)
    missing = sum(self._is_missing(c) for p in todo for c in p.group.cells)
    self.progress = Progress(agreed.done + missing, agreed.done, steps, len(todo),
                             show=self.options.progress)
    self.progress.compiles_left = len({p.program for p in todo})
    for note in notes:
      self.progress.note(note)
    if "weights" in self.options.keep and (without := self._stateless()):
      self.progress.note(f"{without} finished cells were run without keep and have no state; "
                         "another output directory trains them again")
    self.store.log = self.progress.note
    groups = Groups(self.experiment, self.options, self.store, self.listener, self.progress,
                    self._code, self._changed, self._is_done, self._wanted, self._check_signal)
    entry = {"started": now(), "share": self.share and list(self.share),
             "argv": self.options.argv and list(self.options.argv)}
    try:
      groups.all(todo)
      self._wait()
      self._tell_share(len(todo), len(agreed.todo))
      entry["status"] = "finished" + (f", {counted(len(groups.failures), 'group')} failed"
                                      if groups.failures else "")
    except BaseException as error:
      entry["status"] = f"stopped by {type(error).__name__}"
      raise
    finally:
      self.progress.close()
      entry |= {"ended": now(), "compiles": self.progress.compiles,
                "compile_seconds": round(self.progress.compile_seconds, 3)}
      if todo:
        with contextlib.suppress(OSError):  # What stopped the run may stop this too.
          self.store.journal.ended()
          self.store.note_run(entry)
    results = self._results()
    self._tell(groups.failures)
    return results

  def _tell_share(self, own: int, groups: int) -> None:
    if self.options.shard is not None and self.store.directory is not None:
      have = newest(read_records(self.store.directory)[0])
      left = sum(cell.id not in have for cell in self.cells)
      for note in distributed.told(self.options.shard, own, groups, left, self.store.directory):
        self.progress.note(note)

  def _evaluate(self, code: Code, notes: list[str]) -> Results:
    """Runs ``finish`` on kept states; trains nothing."""
    check_kept(self.store)
    groups = statics_of(filter(self._mine, self.store.all_groups()), self.experiment,
                        self.store.records)
    changed = code.compare(groups, self.store.records, self.cells, self._say)
    if trained := [i for i, training in changed.cells.items() if training
                   and self.store.records[i]["status"] not in FAILURES]:
      raise changed_error(self.store.directory, len(trained), changed.lines)
    self.progress = Progress(len(self.cells), 0, 0, 0, show=self.options.progress)
    evaluation = Evaluation(self.experiment, self.store, self.progress, code,
                            devices.local_devices(self.options.devices), self._check_signal)
    try:
      evaluation.all(groups, self.cells)
    finally:
      self.progress.close()
      if evaluation.count or evaluation.first is None:
        note_others(code, self.store, groups)
    without = f"; no kept state of {counted(n, 'finished cell')}" if (
      n := self._stateless()) else ""
    for note in [*notes, f"evaluated {counted(evaluation.count, 'cell')}{without}"]:
      self.progress.note(note)
    if evaluation.first:
      raise evaluation.first
    return self._results()

  def _stateless(self) -> int:
    """How many of the cells have results but no kept state."""
    found = [self.store.records.get(cell.id) for cell in self.cells]
    return sum(r is not None and r["status"] not in FAILURES and "state" not in r for r in found)

  def _plan(self) -> Plan:
    """The plan for what is missing, with its packing recorded."""
    parts = self.share[1] if self.share else 1
    self._changed |= self._compare_code()
    with self.store.planning():
      found = planner.plan(
        self.experiment, self.cells, options=self.options, recorded=self.store.groups(),
        settled=self.store.settled(), packed_for=self.store.packed_for(),
        done=[i for i in self.store.records if self._is_done(i)], parts=parts)
      self.store.record_groups([p.group for p in found.todo], dropped=found.dropped,
                               packed_for=self.options.packing)
    self.store.tidy(self._is_done)
    return found

  def _compare_code(self) -> set[str]:
    """Ids of the cells to train again because their code has changed.

    Raises:
      SettingsChanged: some of them have results, and ``retrain`` does not say to replace them.
    """
    if self._code is None:
      return set()
    every = [Cell(r["cell"]) for r in self.store.records.values()]
    changed = self._code.compare(statics_of(
      self.store.all_groups(), self.experiment, self.store.records),
      self.store.records, every, self._say)
    outside = check_mixing(changed, self.store, self._wanted, self.options.retrain)
    self.store.note_code(self._code.whole(), outside)
    if changed.unknown:
      warn(f"{self.store.directory}: {counted(len(changed.unknown), 'finished cell')} made with "
           "other versions or devices; whether the code has changed since cannot be told, so the "
           "results stay")
    return set(changed.cells)

  def _say(self, text: str) -> None:
    if self.options.progress:
      print(f"posenc_jax.sweeps: {text}", file=sys.stderr, flush=True)

  def _is_done(self, cell_id: str) -> bool:
    record = self.store.records.get(cell_id)
    return (record is not None and record["status"] not in self.options.retry
            and cell_id not in self._changed)

  def _is_missing(self, cell: Cell) -> bool:
    return cell.id in self._wanted and not self._is_done(cell.id)

  def _mine(self, group: Group) -> bool:
    return self.share is None or group.order % self.share[1] == self.share[0]

  def _check_signal(self, saved: str = "") -> None:
    signum = self.listener.signum
    if signum is None:
      return
    if self.store.directory is None:
      kept = "its results were in memory only"
    else:
      kept = "; ".join([*([saved] if saved else []),
                        f"all finished cells are safe in {self.store.directory}",
                        f"to go on: {how_to_repeat(self.options.argv)}"])
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

  def _tell(self, failures: list[Failure]) -> None:
    """Raises the first error if no cell of the sweep has ever ended well, else prints it.

    No option hides it: a mistake that strikes all cells ends in its own traceback, as without this
    engine, and one that strikes some is on stderr.
    """
    first = next((f for f in failures if f.cause is not None), None)
    if first is None or first.cause is None:
      return
    if first.status == "failed" and not any(
        r["status"] not in FAILURES for r in self.store.records.values()):
      raise first.cause
    if first.status == "failed":
      print(f"{first.about['traceback']}posenc_jax.sweeps: "
            f"{counted(len(failures), 'group')} failed; above is the first error, all are in the "
            "records", file=sys.stderr)

  def _results(self) -> Results:
    failed = any(self.store.records.get(c.id, {}).get("status") in FAILURES for c in self.cells)
    results = collect(
      self.cells, self.store.records, manifest=self.store.manifest, directory=self.store.directory,
      exit_code=EXIT_DAMAGED if self.store.damaged else EXIT_FAILED if failed else 0,
      goal=goal_of(self.experiment), restorer=lambda record, experiment: kept.restore(
        self.store.state(record), record["cell"], experiment or self.experiment))
    first = self.share is None or (self.options.distributed and self.share[0] == 0)
    if self.options.report and self.store.directory is not None and first:
      report.write_report(results, self.store.directory)
    return results
