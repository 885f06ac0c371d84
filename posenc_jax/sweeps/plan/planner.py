# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The plan of a sweep: which cells train together as lanes of which program, and in what order.

What has begun in one packing is finished in it (see `group`); cells added later make groups of
their own.

A pack that does not fit into memory is divided into groups of equal width (some repeat a lane), so
that they still share one compile. Shares of n jobs take every n-th group; for them every
pack is divided into at least n groups, if it has the lanes.
"""

import collections
import dataclasses
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from posenc_jax._errors import type_error
from posenc_jax.sweeps import devices
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
    return f"Planned({self.group.id}, {len(self.group.cells)} lanes, {self.static!r})"


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a sweep will do; `describe()` prints it.

  Attributes:
    cells: all cells asked for.
    done: how many of them have results already.
    todo: the groups to run, in order.
    compiles: how many programs will be compiled.
    seconds: expected time, compiling included; None if the experiment gives no cost.
  """

  cells: tuple[Cell, ...]
  done: int
  todo: tuple[Planned, ...]
  compiles: int
  seconds: float | None
  notes: tuple[str, ...]

  def describe(self) -> str:
    """The plan in words: groups, lanes, programs, expected time and memory, and the reasons."""
    lanes = sum(len(p.group.cells) for p in self.todo)
    lines = [f"{len(self.cells)} cells: {self.done} done, {lanes} lanes to run in "
             f"{len(self.todo)} groups, {self.compiles} compiles, expected time "
             + (_duration(self.seconds) if self.seconds is not None else "unknown (no cost given)")]
    for p in self.todo:
      memory = "" if p.bytes is None else f", {p.bytes / 2**20:.0f} MiB"
      extra = p.group.width - len(p.group.cells)
      lines.append(
        f"  group {p.group.id}: {len(p.group.cells)} lanes"
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


def _capacity(pack: Pack, costs: Costs, options: Options, limit: float, count: int) -> int:
  if options.batching == "single":
    return 1
  most = options.max_lanes or pack.lanes
  need = costs.memory(pack.merged)
  if need:
    fit = int(limit // need)
    most = min(most, fit - fit % count if fit > count else max(fit, 1))
  return max(1, min(most, pack.lanes))


def plan(
  experiment: Experiment,
  cells: Iterable[Mapping[str, Any]],
  *,
  options: Options,
  recorded: Sequence[Group] = (),
  done: Iterable[str] = (),
  parts: int = 1,
) -> Plan:
  """Packs cells into groups without running anything.

  Args:
    experiment: an Experiment.
    cells: the grid.
    options: how to pack.
    recorded: groups of an earlier run; what they hold is not packed again.
    done: ids of finished cells.
    parts: among how many jobs the groups will be shared.

  Returns:
    A Plan.

  Raises:
    ValueError: the grid is empty or repeats a cell, or a cell does not suit the experiment.
  """
  if not isinstance(experiment, Experiment):
    raise type_error("experiment", f"a {type(experiment).__name__}",
                     "an object with split(cell) and make_train(static)",
                     "Wrap a function as sweeps.simple(make_train, static=[...])")
  cells, done = as_cells(cells), set(done)
  available = devices.local_devices(options.devices)
  speed = options.flops_per_second or devices.flops_per_second(available)
  limit = options.memory_limit or devices.memory_limit(available)
  costs = Costs(experiment, speed, options.compile_seconds)
  packed = {cell.id for group in recorded for cell in group.cells}
  wanted = {cell.id for cell in cells if cell.id not in done}

  buckets: dict[Hashable, dict[Hashable, list[Cell]]] = collections.defaultdict(dict)
  for cell in cells:
    if cell.id not in packed:
      seed_words(cell)
      static, traced = experiment.split(cell)
      buckets[_signature(cell, traced)].setdefault(static, []).append(cell)

  groups, notes = list(recorded), []
  order = max((group.order for group in recorded), default=-1) + 1
  for by_static in buckets.values():
    packs, why = choose({s: len(c) for s, c in by_static.items()}, options.batching, costs)
    for pack in packs:
      lanes = [cell for static in pack.statics for cell in by_static[static]]
      shapes = tuple(by_static[static][0] for static in pack.statics)
      capacity = _capacity(pack, costs, options, limit, len(available))
      need = costs.memory(pack.merged)
      if need and need > limit:
        notes.append(f"one lane of {pack.merged!r} is expected to need {need / 2**20:.0f} MiB of "
                     f"{limit / 2**20:.0f} MiB")
      count = max(math.ceil(len(lanes) / capacity), min(parts, len(lanes)))
      width = math.ceil(len(lanes) / count)
      ends = [len(lanes) * i // count for i in range(count + 1)]
      for start, stop in zip(ends, ends[1:], strict=False):
        groups.append(Group(tuple(lanes[start:stop]), shapes, width, order, why))
        order += 1

  todo = []
  recorded_ids = {group.id for group in recorded}
  for group in groups:
    if wanted.isdisjoint(cell.id for cell in group.cells):
      continue
    todo.append(_planned(group, experiment, costs, group.id in recorded_ids))
  programs = {p.program: p.static for p in todo}
  compile_seconds = sum(costs.compile(static) for static in programs.values())
  seconds = compile_seconds + sum(p.seconds for p in todo) if costs.known else None
  return Plan(cells, len(cells) - len(wanted), tuple(todo), len(programs), seconds, tuple(notes))


def _planned(group: Group, experiment: Experiment, costs: Costs, recorded: bool) -> Planned:
  statics = tuple(dict.fromkeys(experiment.split(cell)[0] for cell in group.shapes))
  static = costs.merge(statics)
  if static is None:
    raise CorruptStore(f"group {group.id}: the experiment no longer merges {statics!r}; start in "
                       "another output directory")
  lane = group.cells[0]
  program = (static, group.width, _signature(lane, experiment.split(lane)[1]))
  memory = costs.memory(static)
  return Planned(group, static, costs.run(static, group.width),
                 None if memory is None else memory * group.width, program, recorded)
