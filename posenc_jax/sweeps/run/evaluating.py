# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``finish`` alone, on the kept states of cells that were trained before.

A cell is evaluated in the program of its group, in which a lane without a state repeats another.
Its curves and what they tell of divergence stay as they were; its metrics and vectors are new.
Cells that this ``finish`` has evaluated are left alone, so a rerun goes on where a kill struck.
"""

import dataclasses
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.devices import Lanes
from posenc_jax.sweeps.errors import SettingsChanged, SweepError
from posenc_jax.sweeps.experiment import Experiment, Train, as_train
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.records import FAILURES, Record, make_record
from posenc_jax.sweeps.run.code import Code, inputs_of, program_hash
from posenc_jax.sweeps.run.program import Lowered
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.store.kept import Kept, state_struct


def _stacked(group: Group, states: Mapping[str, Kept], tree: Any, lanes: Lanes) -> Any:
  """The states of all lanes on the devices; one that is missing repeats another."""
  some = next(iter(states.values()))
  each = [states.get(cell.id, some) for cell in group.cells]
  each += [each[0]] * (group.width - len(each))
  leaves = []
  for index, kind in enumerate(some.keys):
    x = lanes.put(np.stack([kept.leaves[index] for kept in each]))
    leaves.append(x if kind is None else jax.random.wrap_key_data(x, impl=kind))
  return jax.tree.unflatten(tree, leaves)


def note_others(code: Code, store: Any, groups: Sequence[tuple[Group, Hashable]]) -> None:
  """Records which cells were not evaluated by the code of now: outside the grid, without state."""
  every = [Cell(record["cell"]) for record in store.records.values()]
  changed = code.compare(groups, store.records, every, lambda text: None).cells
  store.note_code(code.whole(), sorted(
    i for i in changed if store.records[i]["status"] not in FAILURES))


def check_kept(store: Any) -> None:
  """Raises SettingsChanged if no cell has a kept state."""
  if not any("state" in record for record in store.records.values()):
    raise SettingsChanged(explain_fault(
      f"{store.directory}", "no kept state, so there is nothing to evaluate",
      "cells that were run with keep", 'Run with keep="weights" first'))


@dataclasses.dataclass
class Evaluation:
  """Evaluates groups and stores what comes of them.

  Attributes:
    experiment, store, progress, code: of the run; see ``groups.Groups``.
    devices: to use.
    check_signal: raises Interrupted if a signal has come.
    first: the first error that a finish raised.
    count: of evaluated cells.
  """

  experiment: Experiment
  store: Any
  progress: Progress
  code: Code
  devices: Sequence[Any]
  check_signal: Callable[[], None]
  first: Exception | None = None
  count: int = 0

  def all(self, groups: Sequence[tuple[Group, Hashable]], cells: Sequence[Cell]) -> None:
    """Evaluates the wanted cells of these groups; an error in one group stops no other."""
    wanted = {cell.id for cell in cells}
    todo = [(group, static, self._records(group, static, wanted)) for group, static in groups]
    todo = [one for one in todo if one[2]]
    self.progress.groups = len(todo)
    for index, (group, static, records) in enumerate(todo):
      self.check_signal()
      self.progress.start_compile(index)
      try:
        fresh = self._one(group, static, records)
      except SweepError:
        raise
      except Exception as error:
        self.first = self.first or error
        self.progress.note(f"group {group.id} could not be evaluated: {type(error).__name__}: "
                           f"{error}")
        continue
      self.store.add(fresh)
      self.count += len(fresh)

  def _records(self, group: Group, static: Hashable, wanted: set[str]) -> dict[str, Record]:
    """The records of the group that have a state and were not evaluated by this code."""
    source = (self.code.sources(static) or {}).get("finish")
    found = {cell.id: self.store.records.get(cell.id, {}) for cell in group.cells}
    return {i: r for i, r in found.items() if i in wanted and "state" in r
            and r["group"] == group.id and r["code"]["finish"][0] != source}

  def _one(self, group: Group, static: Hashable, records: dict[str, Record]) -> list[Record]:
    train, lanes = as_train(self.experiment, static), Lanes(group.width, self.devices)
    if train.finish is None:
      raise value_error("Train: finish", "None", "a function to evaluate", "Give the Train one")
    states = {i: self.store.state(record) for i, record in records.items()}
    words, traced = inputs_of(self.experiment, group)
    tree = jax.tree.structure(state_struct(self.experiment, static, group.cells[0]))
    start = time.monotonic()
    lowered = Lowered(train, lanes, words, traced, state=_stacked(group, states, tree, lanes))
    found = lanes.get(lowered.compile()[2](lowered.state, lowered.inputs[1]))
    self.progress.compiled(time.monotonic() - start)
    finish = [(self.code.sources(static) or {}).get("finish"),
              program_hash(lowered.digests()["finish"], len(lanes.devices))]
    return [{**evaluated(records[cell.id], {k: v[lane] for k, v in found.items()}, train),
             "attempt": records[cell.id].get("attempt", 0) + 1,
             "code": {**records[cell.id]["code"], "finish": finish}}
            for lane, cell in enumerate(group.cells) if cell.id in records]


def evaluated(old: Record, results: dict[str, np.ndarray], train: Train) -> Record:
  """The record of a cell with new results and its old curves."""
  curves = {name: values for name, values in old["series"].items()
            if old["axes"].get(name, {}).get("label") == "step"}
  arrays = {name: np.array([np.nan if v is None else v for v in values], np.float32)
            for name, values in curves.items()}
  points = max(map(len, curves.values()), default=1)
  new = make_record(Cell(old["cell"]), arrays, results, watch=train.watch, axes=dict(train.axes),
                    points=points)
  kept = {f"series/{name}" for name in curves}
  nonfinite = {k: v for k, v in new["nonfinite"].items() if k not in kept}
  nonfinite |= {k: v for k, v in old["nonfinite"].items() if k in kept}
  axes = {**new["axes"], **{name: old["axes"][name] for name in curves}}
  # The curves were thinned before, so of their steps only the old record knows.
  return {**old, **new, "nonfinite": nonfinite, "axes": axes,
          "first_bad_step": old["first_bad_step"]}
