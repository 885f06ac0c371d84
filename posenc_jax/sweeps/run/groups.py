# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The groups of a run, one after the other; one that fails stops no other.

The journal says that a group begins before its program is compiled, so that the next run knows
where this one died. Groups in which processes died come last.
"""

import collections
import dataclasses
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax

from posenc_jax._errors import counted
from posenc_jax.sweeps import devices
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import SweepError
from posenc_jax.sweeps.experiment import Experiment, as_train
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options
from posenc_jax.sweeps.plan import planner
from posenc_jax.sweeps.plan.planner import Planned
from posenc_jax.sweeps.records import Record, failed_record, now
from posenc_jax.sweeps.run import extras, signals
from posenc_jax.sweeps.run.ahead import Ahead
from posenc_jax.sweeps.run.code import Code, changed_error, inputs_of
from posenc_jax.sweeps.run.failing import Failure, death_of, failure_of
from posenc_jax.sweeps.run.program import Lowered, Program
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.run.training import Training
from posenc_jax.sweeps.store.kept import Kept


@dataclasses.dataclass
class Groups:
  """Runs groups and stores what comes of them.

  Attributes:
    experiment, options, store, listener, progress: of the run.
    code: what the experiment's code is now; None if nothing is kept.
    changed: ids of finished cells whose code has changed since, to be trained again.
    is_done: whether a cell needs no training, by its id.
    wanted: ids of the run's cells.
    check_signal: raises Interrupted if a signal has come; takes what was saved of a group.
    failures: what went wrong, in order.
  """

  experiment: Experiment
  options: Options
  store: Any
  listener: signals.Listener
  progress: Progress
  code: Code | None
  changed: set[str]
  is_done: Callable[[str], bool]
  wanted: set[str]
  check_signal: Callable[..., None]
  failures: list[Failure] = dataclasses.field(default_factory=list)

  def __post_init__(self):
    self._devices = devices.local_devices(self.options.devices)
    self._program: tuple[Any, Program] | None = None
    self._digests: dict[str, str] = {}
    self._next: Planned | None = None
    self._ahead: Ahead | None = None
    self._profiled = False

  def all(self, todo: Iterable[Planned]) -> None:
    """Runs the groups; those in which processes died last."""
    deaths = lambda planned: self.store.journal.deaths(planned.group.id)
    queue = collections.deque(sorted(todo, key=deaths))
    # A death must tell which group it was, and a limit of time or a profile is of one group alone.
    alone = (any(map(deaths, queue)) or self.options.timeout_seconds is not None
             or self.options.profile_dir is not None or jax.process_count() > 1)
    try:
      self._all(queue, alone)
    finally:
      if self._ahead is not None:
        self._ahead.wait()

  def _all(self, queue: collections.deque[Planned], alone: bool) -> None:
    index = 0
    while queue:
      self.check_signal()
      planned = queue.popleft()
      self._next = queue[0] if queue and not alone else None
      parts = self._one(planned, index)
      index += not parts
      if parts:
        parts = [part for part in parts if self.missing(part)]
        self.progress.groups += len(parts) - 1
        queue.extendleft(self._planned(part, planned) for part in reversed(parts))

  def _planned(self, part: Group, whole: Planned) -> Planned:
    if part.shapes == whole.group.shapes:
      return whole.with_group(part)
    return planner.planned(part, self.experiment, self.options)

  def _one(self, planned: Planned, index: int) -> list[Group]:
    """Runs one group; returns the parts to run in its place, if it is divided."""
    group = planned.group
    deaths = self.store.journal.deaths(group.id)
    if deaths >= self.options.max_deaths and not self._pardoned(group, deaths):
      return self._failed(planned, death_of(deaths))
    self.store.journal.started(group.id)
    failure = self._attempt(planned, index)
    return [] if failure is None else self._failed(planned, failure)

  def _pardoned(self, group: Group, deaths: int) -> bool:
    """Whether a crashed cell is to be tried again, and has not died since it was recorded."""
    found = [self.store.records.get(c.id, {}) for c in group.cells if not self.is_done(c.id)]
    return bool(found) and all(r.get("deaths", -1) >= deaths for r in found)

  def _attempt(self, planned: Planned, index: int) -> Failure | None:
    """Trains a group and stores its records, or says why it could not."""
    running, programs = False, None
    try:
      program, inputs = self._compiled(planned, index)
      programs = self._checked(planned, program, inputs)
      training = self._training(planned, program, inputs, programs, index)
      self._compile_next(index + 1)
      running = True
      profile = None if self._profiled else self.options.profile_dir
      self._profiled = True
      with extras.profile(profile):
        finished = training.train()
      if not finished:
        self.check_signal(training.saved)
      records = training.records()
      states = training.states() if "weights" in self.options.keep else []
    except SweepError:
      raise  # About the directory, not the group.
    except Exception as error:
      if self.listener.signum is not None and "KeyboardInterrupt" in str(error):
        raise KeyboardInterrupt from error  # It struck inside a callback of the program.
      self._program = None if devices.out_of_memory(error) else self._program
      if running:
        traceback.clear_frames(error.__traceback__)  # They hold the group's arrays.
      return dataclasses.replace(failure_of(error, running), programs=programs)
    self._add(records, planned, programs, states)
    self.store.drop_checkpoint(planned.group)
    return None

  def _compiled(self, planned: Planned, index: int) -> tuple[Program, Any]:
    """The group's program, and words and traced settings of its lanes."""
    wanted, inputs = self._wanted(planned)
    if self._program is None or self._program[0] != wanted:
      self._program = None
      lowered, self._digests, start = self._lowered(planned, wanted, inputs, index)
      program = Program(lowered)
      self.progress.compiled(time.monotonic() - start)
      self._check_memory(program)
      self._program = (wanted, program)
    return self._program[1], inputs

  def _lowered(self, planned: Planned, wanted: Any, inputs: Any, index: int
               ) -> tuple[Lowered, dict[str, str], float]:
    """The program, compiled or not yet, its digests, and when work on it began.

    What was compiled while another group trained counts with its lowering and what is left to wait.
    """
    ahead, self._ahead = self._ahead, None
    start = time.monotonic()
    if ahead is None or ahead.wanted != wanted:
      if ahead is not None:
        ahead.wait()
      self.progress.start_compile(index)
      return *self._lower(planned, inputs), start
    if ahead.running:
      self.progress.start_compile(index)
    return *ahead.result(), start - ahead.seconds

  def _wanted(self, planned: Planned) -> tuple[Any, Any]:
    """What tells the group's program from others, and words and traced settings of its lanes."""
    words, stacked = inputs_of(self.experiment, planned.group)
    dtypes = tuple((name, str(x.dtype), x.shape[1:]) for name, x in stacked.items())
    return (planned.static, planned.group.width, dtypes), (words, stacked)

  def _lower(self, planned: Planned, inputs: Any) -> tuple[Lowered, dict[str, str]]:
    """The group's program before its compile, and the digests of its text."""
    lanes = devices.Lanes(planned.group.width, self._devices)
    lowered = Lowered(as_train(self.experiment, planned.static), lanes, *inputs)
    return lowered, {} if self.code is None else lowered.digests()

  def _compile_next(self, index: int) -> None:
    """Begins to compile the next group's program, if it is another one than those at hand."""
    planned = self._next
    if planned is None or self._ahead is not None or self.listener.signum is not None:
      return
    try:
      wanted, inputs = self._wanted(planned)
      if self._program is None or wanted != self._program[0]:
        self.progress.start_compile(index, ahead=True)
        self._ahead = Ahead(wanted, lambda: self._lower(planned, inputs))
    except Exception:  # It strikes again, and is told, when it is the next group's turn.
      self._ahead = None

  def _checked(self, planned: Planned, program: Program, inputs: Any) -> dict[str, str] | None:
    """The names of the group's programs; SettingsChanged if its finished cells had another one."""
    if self.code is None:
      return None
    group = planned.group
    found = self.code.programs(group, planned.static, self._digests, len(program.lanes.devices),
                               inputs)
    other = self.code.differ(group, found, self.store.records) - self.changed
    other = {i for i in other if self.is_done(i)}
    if other and self.options.retrain == "no":
      raise changed_error(self.store.directory, len(other), [
        "its program, for a reason that its source does not show, such as data read from a file"])
    self.changed |= other
    return found

  def _training(self, planned: Planned, program: Program, inputs: Any,
                programs: dict[str, str] | None, index: int) -> Training:
    train = program.train
    self.progress.start_group(index, max(train.steps, 1), len(planned.group.cells), train.tokens)
    code = None
    if self.code is not None and programs:
      code = (self.code.sources(planned.static) or {}).get("train", ""), programs["train"]
    return Training(planned.group, program, *inputs, store=self.store, options=self.options,
                    progress=self.progress, code=code,
                    heard=lambda: self.listener.signum is not None)

  def _check_memory(self, program: Program) -> None:
    """Raises MemoryError if the compiler says that a pack will not fit; a lone lane may try.

    Without this check the host's kernel would kill the process, and each rerun too.
    """
    limit = self.options.memory_limit or devices.memory_limit(self._devices)
    if program.lanes.width > 1 and program.bytes > limit:
      raise MemoryError(f"the program needs {program.bytes} bytes, of {limit:.0f} it may use")

  def _failed(self, planned: Planned, failure: Failure) -> list[Group]:
    """Divides a group that failed, or records its cells; returns the parts."""
    group = planned.group
    parts = self._parts(group, failure)
    if parts:
      self.progress.note(f"group {group.id} of {counted(len(group.cells), 'lane')} "
                         f"{failure.told}; trying {parts[0].width} at a time")
      self.store.record_groups(parts, instead_of=group)
      if failure.status == "crashed":
        for part in parts:
          self.store.journal.set_deaths(part.id, self.options.max_deaths - 1)
      self.store.drop_checkpoint(group)
      return parts
    self.failures.append(failure if not self.failures else dataclasses.replace(failure, cause=None))
    names = f"{group.cells[0]!r}" + (f" and {n} more" if (n := len(group.cells) - 1) else "")
    self.progress.note(f"{names}: {failure.status}: {failure.error}")
    self._add(self._records(group, failure), planned, failure.programs)
    if failure.status != "timeout":
      self.store.drop_checkpoint(group)
    return []

  def _parts(self, group: Group, failure: Failure) -> list[Group]:
    if failure.status == "timeout" or len(group.cells) == 1:
      return []
    if failure.status != "failed" or failure.running:
      return list(group.halves(failure.why))
    if len(group.shapes) == 1:
      return []
    static = lambda cell: self.experiment.split(cell)[0]
    return list(group.apart({cell: static(cell) for cell in (*group.cells, *group.shapes)}))

  def _records(self, group: Group, failure: Failure) -> list[Record]:
    about: Callable[[Cell, int], Record] = lambda cell, lane: {
      **failed_record(cell, failure.status, failure.error, **failure.about), "group": group.id,
      "lane": lane, "time": {"seconds": 0.0, "finished": now()}}
    return [about(cell, lane) for lane, cell in enumerate(group.cells)]

  def _add(self, records: list[Record], planned: Planned, programs: dict[str, str] | None,
           states: Sequence[Kept] = ()) -> None:
    """Stores what is not there yet: after a damaged line the whole group was trained again."""
    before, group = self.store.records, planned.group
    if self.code is not None:
      code = self.code.record(planned.static, programs)
      records = [{**record, "code": code} for record in records]
    fresh = [{**record, "attempt": before[record["id"]].get("attempt", 0) + 1
              if record["id"] in before else 0}
             for record in records if not self.is_done(record["id"])]
    counted = self.missing(group)
    kept = {record["id"]: state for record, state in zip(records, states, strict=False)}
    self.store.add(fresh, kept)
    self.changed.difference_update(record["id"] for record in fresh)
    if self.options.tensorboard and self.store.directory is not None:
      extras.write_events(self.store.directory, fresh)
    self.progress.finish_group(counted)

  def missing(self, group: Group) -> int:
    """How many of the run's cells a group would train."""
    return sum(c.id in self.wanted and not self.is_done(c.id) for c in group.cells)
