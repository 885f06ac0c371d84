# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The plan of a sweep: which cells train together as lanes of which program, and in what order.

Groups that an earlier run recorded keep their packing (see ``group``); cells added later make
groups of their own.

A pack that does not fit into memory is divided into groups of equal width (some repeat a lane), so
that they still share one compile. Shares of n jobs take every n-th group; for them every pack is
divided into at least n groups, if it has enough lanes.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from posenc_jax._errors import counted, explain_fault, type_error
from posenc_jax.sweeps import devices, html
from posenc_jax.sweeps.cells import Cell, as_cells, seed_words
from posenc_jax.sweeps.errors import CorruptStore
from posenc_jax.sweeps.experiment import Experiment, traced_arrays
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options
from posenc_jax.sweeps.plan.packing import Costs, Pack, choose


@dataclasses.dataclass(frozen=True)
class Planned:
  """A group that is to be run, with what the engine needs to know of it."""

  group: Group
  static: Hashable
  steps: int
  seconds: float
  bytes: float | None
  program: Hashable
  recorded: bool

  def with_group(self, group: Group) -> "Planned":
    """The same program with other lanes."""
    part = group.width / self.group.width
    return dataclasses.replace(self, group=group, seconds=self.seconds * part,
                               bytes=None if self.bytes is None else self.bytes * part)

  def __repr__(self) -> str:
    return f"Planned({self.group.id}, {counted(len(self.group.cells), 'lane')}, {self.static!r})"


@dataclasses.dataclass(frozen=True, repr=False)
class Plan:
  """What a sweep will do; ``describe()`` prints it.

  Attributes:
    cells: all cells asked for.
    done: how many of them have results already.
    todo: the groups to run, in order.
    compiles: how many programs will be compiled.
    seconds: expected time, compiling included; None if the experiment gives no cost.
    notes: what a reader should know.
    dropped: ids of recorded groups that are packed again.
  """

  cells: tuple[Cell, ...]
  done: int
  todo: tuple[Planned, ...]
  compiles: int
  seconds: float | None
  notes: tuple[str, ...]
  dropped: tuple[str, ...] = ()

  def __str__(self) -> str:
    return self.describe()

  def _summary(self) -> str:
    lanes = sum(len(p.group.cells) for p in self.todo)
    return (f"{counted(len(self.cells), 'cell')}: {self.done} done, {counted(lanes, 'lane')} to "
            f"run in {counted(len(self.todo), 'group')}, {counted(self.compiles, 'compile')}, "
            "expected time "
            + (_duration(self.seconds) if self.seconds is not None else "unknown (no cost given)"))

  def __repr__(self) -> str:
    return f"Plan({self._summary()})"

  def _repr_html_(self) -> str:
    """What a notebook shows: the summary, a row for each group, the notes."""
    head = ("group", "lanes", "to fill up", "time", "MiB", "static", "why")
    rows = [(p.group.id, len(p.group.cells), p.group.width - len(p.group.cells),
             "-" if self.seconds is None else _duration(p.seconds),
             "-" if p.bytes is None else f"{p.bytes / 2**20:.0f}", repr(p.static),
             "packed as before" if p.recorded else p.group.why) for p in self.todo]
    notes = "".join(f"<p>note: {html.text(note)}</p>" for note in self.notes)
    return f"<p>{html.text(self._summary())}</p>" + (html.table(head, rows) if rows else "") + notes

  def describe(self) -> str:
    """The plan in words: groups, lanes, programs, expected time and memory, and the reasons."""
    lines = [self._summary()]
    for p in self.todo:
      memory = "" if p.bytes is None else f", {p.bytes / 2**20:.0f} MiB"
      extra = p.group.width - len(p.group.cells)
      lines.append(
        f"  group {p.group.id}: {counted(len(p.group.cells), 'lane')}"
        + (f" and {extra} to fill up" if extra else "")
        + (f", {_duration(p.seconds)}" if self.seconds is not None else "") + memory
        + (", packed as before" if p.recorded else "") + f", static {p.static!r}")
      if p.group.why:
        lines.append(f"    {p.group.why}")
    return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def _duration(seconds: float) -> str:
  if seconds < 100:
    return f"{seconds:.2g} s"
  return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _signature(cell: Cell, traced: Mapping[str, Any]) -> Hashable:
  arrays = traced_arrays(cell, traced)
  return tuple((name, a.shape, a.dtype.kind == "b") for name, a in arrays.items())


@dataclasses.dataclass(frozen=True)
class Machine:
  """What a plan reckons with: how many devices, operations a second and bytes of all together."""

  devices: int
  speed: float
  memory: float


def expected_machine(options: Options) -> Machine:
  """The local devices, as far as the options do not say otherwise."""
  found = devices.local_devices(options.devices)
  return Machine(len(found), options.flops_per_second or devices.flops_per_second(found),
                 options.memory_limit or devices.memory_limit(found))


@dataclasses.dataclass(frozen=True)
class _Packed:
  """The cells of one pack, in lane order, before they are divided into groups."""

  pack: Pack
  lanes: tuple[Cell, ...]
  shapes: tuple[Cell, ...]
  why: str


def _pack_cells(
  experiment: Experiment, cells: Iterable[Cell], batching: str, costs: Costs
) -> list[_Packed]:
  """Packs of cells; only cells whose traced settings have equal names and shapes share one."""
  buckets: dict[Hashable, dict[Hashable, list[Cell]]] = collections.defaultdict(dict)
  for cell in cells:
    seed_words(cell)  # Raises for a seed that cannot be used.
    static, traced = experiment.split(cell)
    buckets[_signature(cell, traced)].setdefault(static, []).append(cell)
  found = []
  for by_static in buckets.values():
    packs, why = choose({static: len(c) for static, c in by_static.items()}, batching, costs)
    for pack in packs:
      lanes = tuple(cell for static in pack.statics for cell in by_static[static])
      shapes = tuple(by_static[static][0] for static in pack.statics)
      found.append(_Packed(pack, lanes, shapes, why))
  return found


def _capacity(lanes: int, need: float | None, options: Options, machine: Machine) -> int:
  """Most lanes of a group: what is asked for and fits, a multiple of the devices if possible."""
  if options.batching == "single":
    return 1
  most = options.max_lanes or lanes
  if need:
    fit = int(machine.memory // need)
    most = min(most, fit - fit % machine.devices if fit > machine.devices else max(fit, 1))
  return max(1, min(most, lanes))


def _divide(packed: _Packed, capacity: int, parts: int, order: Iterator[int]) -> list[Group]:
  """Groups of one width, at most ``capacity``; at least ``parts`` of them if the lanes suffice."""
  lanes = packed.lanes
  count = max(math.ceil(len(lanes) / capacity), min(parts, len(lanes)))
  width = math.ceil(len(lanes) / count)
  ends = [len(lanes) * i // count for i in range(count + 1)]
  return [Group(lanes[start:stop], packed.shapes, width, next(order), packed.why)
          for start, stop in itertools.pairwise(ends)]


def plan(
  experiment: Experiment,
  cells: Iterable[Mapping[str, Any]],
  *,
  options: Options,
  recorded: Sequence[Group] = (),
  settled: Collection[str] | None = None,
  packed_for: Mapping[str, Any] | None = None,
  done: Iterable[str] = (),
  parts: int = 1,
) -> Plan:
  """Packs cells into groups without running anything.

  Args:
    experiment: an Experiment.
    cells: the grid.
    options: how to pack.
    recorded: groups of an earlier run; what they hold is not packed again, except
    settled: ids of those that must stay, since a result or a checkpoint depends on their packing;
      the others are packed again if they no longer merge or other options are given. None: all.
    packed_for: the ``options.packing`` they were packed for.
    done: ids of finished cells.
    parts: among how many jobs the groups will be shared.

  Returns:
    A Plan.

  Raises:
    ValueError: the grid is empty or repeats a cell, or a cell does not suit the experiment.
    TypeError: the experiment has no split and make_train.
  """
  if not isinstance(experiment, Experiment):
    raise type_error("experiment", f"a {type(experiment).__name__}",
                     "an object with split(cell) and make_train(static)",
                     "Wrap a function as sweeps.simple(make_train, static=[...])")
  cells, done = as_cells(cells), set(done)
  machine = expected_machine(options)
  costs = Costs(experiment, machine.speed, options.compile_seconds)
  loose = [group for group in recorded if settled is not None and group.id not in settled]
  again = packed_for is not None and dict(packed_for) != options.packing
  dropped = tuple(g.id for g in loose if again or _static(g, experiment, costs) is None)
  recorded = [group for group in recorded if group.id not in dropped]
  known = {cell.id for group in recorded for cell in group.cells}
  order = itertools.count(max((group.order for group in recorded), default=-1) + 1)
  groups, notes = list(recorded), []
  new = [cell for cell in cells if cell.id not in known]
  for packed in _pack_cells(experiment, new, options.batching, costs):
    need = costs.memory(packed.pack.merged)
    if need and need > machine.memory:
      notes.append(f"one lane of {packed.pack.merged!r} is expected to need {need / 2**20:.0f} MiB "
                   f"of {machine.memory / 2**20:.0f} MiB")
    capacity = _capacity(len(packed.lanes), need, options, machine)
    groups += _divide(packed, capacity, parts, order)
  wanted = {cell.id for cell in cells} - done
  recorded_ids = {group.id for group in recorded}
  todo = [_planned(group, experiment, costs, group.id in recorded_ids) for group in groups
          if not wanted.isdisjoint(cell.id for cell in group.cells)]
  compiles, seconds = _expected(todo, costs)
  return Plan(cells, len(cells) - len(wanted), tuple(todo), compiles, seconds, tuple(notes),
              dropped)


def planned(group: Group, experiment: Experiment, options: Options) -> Planned:
  """A group that a run has made of another one."""
  costs = Costs(experiment, expected_machine(options).speed, options.compile_seconds)
  return _planned(group, experiment, costs, recorded=False)


def static_of(group: Group, experiment: Experiment) -> Hashable | None:
  """The static of a group's program; None if its shapes do not merge."""
  return _static(group, experiment, Costs(experiment, 1.0, None))


def _static(group: Group, experiment: Experiment, costs: Costs) -> Hashable | None:
  return costs.merge(tuple(dict.fromkeys(experiment.split(cell)[0] for cell in group.shapes)))


def _expected(todo: list[Planned], costs: Costs) -> tuple[int, float | None]:
  """How many programs the groups need, and the time of all; None if no cost is known."""
  programs = {planned.program: planned.static for planned in todo}
  if not costs.known:
    return len(programs), None
  compiling = sum(costs.compile(static) for static in programs.values())
  return len(programs), compiling + sum(planned.seconds for planned in todo)


def _planned(group: Group, experiment: Experiment, costs: Costs, recorded: bool) -> Planned:
  static = _static(group, experiment, costs)
  if static is None:
    statics = tuple(dict.fromkeys(experiment.split(cell)[0] for cell in group.shapes))
    raise CorruptStore(explain_fault(
      f"experiment: merge of group {group.id}", f"None for {statics!r}",
      "one static for all, as when the group was packed", "Start in another output directory"))
  lane = group.cells[0]
  program = (static, group.width, _signature(lane, experiment.split(lane)[1]))
  memory = costs.memory(static)
  return Planned(group, static, costs.steps(static), costs.run(static, group.width),
                 None if memory is None else memory * group.width, program, recorded)
