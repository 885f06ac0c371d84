# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether finished cells were run by the code of now; what was edited, if not.

Two fingerprints of a cell's code are recorded, each of its training (split, init, step, the number
of steps) and of its finish:

    source      of functions and what they reach: costs milliseconds, and says what was edited; it
                takes in more than the program does, as all entries of a table of methods
    program     of the lowered text and the numbers the lanes are given: exact, but costs a tracing,
                and is comparable only under the same versions of JAX and kind of device

A rerun compares sources. Where they differ, and only there, it lowers the program: if the text is
the same, nothing that matters was edited. A program that is compiled anyway is compared too, in
case the source did not show what changed, as of data read from a file.
"""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from posenc_jax._errors import counted, explain_fault
from posenc_jax.sweeps import fingerprint
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.devices import Lanes
from posenc_jax.sweeps.errors import SettingsChanged, SweepError, warn
from posenc_jax.sweeps.experiment import Experiment, as_train
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.plan import planner
from posenc_jax.sweeps.records import FAILURES, Record
from posenc_jax.sweeps.run.program import Lowered, stack_lanes
from posenc_jax.sweeps.store.code import CodeLog

STAGES = ("train", "finish")
UNREADABLE = "unreadable"
MOST_TOLD = 8


@dataclasses.dataclass
class Changed:
  """What a comparison found.

  Attributes:
    cells: ids of the cells whose code has changed, and whether of their training.
    lines: what was edited, for a reader.
    unknown: ids of those that cannot be compared, as their versions of JAX or devices differ too.
  """

  cells: dict[str, bool] = dataclasses.field(default_factory=dict)
  lines: list[str] = dataclasses.field(default_factory=list)
  unknown: set[str] = dataclasses.field(default_factory=set)


def environment(count: int) -> str:
  """Names what the text of a program depends on besides its code: versions, devices, settings."""
  device = jax.local_devices()[0]
  config = ("jax_default_prng_impl", "jax_default_matmul_precision", "jax_enable_x64",
            "jax_threefry_partitionable", "jax_numpy_dtype_promotion", "jax_numpy_rank_promotion")
  return fingerprint.digest(
    jax.__version__, importlib.metadata.version("jaxlib"), device.platform, device.device_kind,
    str(count), *(str(getattr(jax.config, name)) for name in config))[:8]


def program_hash(digest: str, count: int, inputs: Any = ()) -> str:
  """Names a lowered text and the numbers it is given, after the environment it is of."""
  total = hashlib.sha256(digest.encode())
  for path, x in jax.tree_util.tree_leaves_with_path(inputs):
    x = np.ascontiguousarray(x)
    total.update(f"{jax.tree_util.keystr(path)} {x.dtype} {x.shape}".encode() + x.tobytes())
  return f"{environment(count)}-{total.hexdigest()[:16]}"


def inputs_of(experiment: Experiment, group: Group) -> tuple[Any, Any]:
  """Words and traced settings of a group's lanes."""
  traced = [experiment.split(cell)[1] for cell in group.cells]
  return stack_lanes(group.cells, traced, group.width)


def changed_error(directory: Any, count: int, edited: list[str]) -> SettingsChanged:
  """The error that refuses to mix results of two codes."""
  more = [f"and {len(edited) - MOST_TOLD} more"] if len(edited) > MOST_TOLD else []
  return SettingsChanged(explain_fault(
    f"{directory}", f"results of {counted(count, 'cell')} from other code or settings of the "
    "experiment than now:\n  " + "\n  ".join([*edited[:MOST_TOLD], *more]) + "\n",
    "what made them", 'With retrain="changed" the cells of this grid are trained again (their old '
    "records stay in the file); or give another output directory"))


def check_mixing(changed: Changed, store: Any, wanted: Collection[str], retrain: str) -> list[str]:
  """Ids of cells outside the grid that keep results of other code, which a warning tells.

  Who reads the directory finds them beside those of now, so cells outside the grid count too.

  Raises:
    SettingsChanged: cells have results of other code, and ``retrain`` does not say to replace them.
  """
  results = [i for i in changed.cells if store.records[i]["status"] not in FAILURES]
  outside = sorted(i for i in results if i not in wanted)
  if results and retrain == "no":
    told = [f"({len(outside)} of the {counted(len(results), 'cell')} not in this grid)"
            ] if outside else []
    raise changed_error(store.directory, len(results), [*changed.lines[:MOST_TOLD], *told])
  if outside:
    warn(f"{store.directory}: this run is complete; beside it the directory keeps results of "
         f"{counted(len(outside), 'cell')} of earlier grids, made by other code. Tables of the "
         "directory show both; a run of the whole grid trains those again")
  return outside


def statics_of(groups: Iterable[Group], experiment: Experiment, records: Mapping[str, Record]
               ) -> list[tuple[Group, Hashable]]:
  """The groups that hold records, each with its static; those that no longer merge are left out.

  So are those that ``split`` knows no more, such as an encoding of a file that was edited; that is
  told. They are outside of the grid, whose cells were planned before.
  """
  found, unknown = [], []
  for group in groups:
    if any(cell.id in records for cell in group.cells):
      try:
        static = planner.static_of(group, experiment)
      except Exception as error:
        unknown.append((group, error))
        continue
      found += [] if static is None else [(group, static)]
  if unknown:
    count = sum(cell.id in records for group, _ in unknown for cell in group.cells)
    warn(f"{counted(count, 'cell')} of earlier grids stay as they are: the code of now does not "
         f"know their settings any more ({unknown[0][1]}), so whether it would give the same "
         "cannot be told")
  return found


class Code:
  """The code of an experiment as it is now.

  Args:
    experiment: whose.
    log: what the directory knows of earlier code.
    devices: those a run uses.
  """

  def __init__(self, experiment: Experiment, log: CodeLog, devices: Iterable[Any]):
    self._experiment, self._log, self._devices = experiment, log, list(devices)
    self._prints = fingerprint.Fingerprints()
    self._sources: dict[Hashable, dict[str, str]] = {}
    self._digests: dict[Hashable, dict[str, str]] = {}

  def _roots(self, static: Hashable) -> dict[str, dict[str, Any]]:
    train = as_train(self._experiment, static)
    return {"train": {"split": self._experiment.split, "init": train.init, "step": train.step,
                      "Train.steps": train.steps, "Train.watch": train.watch},
            "finish": {"finish": train.finish}}

  def whole(self) -> str:
    """A source hash of the experiment before any static is known, for the manifest."""
    return self._source({"split": self._experiment.split,
                         "make_train": self._experiment.make_train})

  def sources(self, static: Hashable) -> dict[str, str] | None:
    """{stage: source hash}; None if ``make_train`` raises, which is found when the group runs."""
    if static not in self._sources:
      try:
        roots = self._roots(static)
      except Exception:
        return None
      self._sources[static] = {stage: self._source(roots[stage]) for stage in STAGES}
    return self._sources[static]

  def _source(self, roots: dict[str, Any]) -> str:
    try:
      source = self._prints.source(**roots)
      if self._log.parts(source) is None:
        self._log.add_parts(source, self._prints.parts(**roots))
      return source
    except SweepError:
      raise
    except Exception as error:  # An object may answer anything; no sweep should end for that.
      warn(f"the experiment's code cannot be read ({type(error).__name__}: {error}), so edits are "
           "seen only where a program is compiled again")
      return UNREADABLE

  def programs(self, group: Group, static: Hashable, digests: Mapping[str, str], count: int,
               inputs: Any) -> dict[str, str]:
    """{stage: program hash} of a group on ``count`` devices, recorded beside its source."""
    sources = self.sources(static) or {}
    found = {stage: program_hash(digest, count, inputs if stage == "train" else ())
             for stage, digest in digests.items()}
    for stage in found if sources else ():
      self._log.add_program(sources[stage], f"{group.id}-{stage}-{environment(count)}",
                            found[stage])
    return found

  def differ(self, group: Group, programs: Mapping[str, str], records: Mapping[str, Record]
             ) -> set[str]:
    """Ids of the group's finished cells that another program made, though no source told so."""
    found = set()
    for cell in group.cells:
      record = records.get(cell.id, {})
      for stage, (_, old) in record.get("code", {}).items():
        new = programs[stage]
        if record["group"] == group.id and old and old[:8] == new[:8] and old != new:
          found.add(cell.id)
    return found

  def record(self, static: Hashable, programs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a cell's record says of its code; without programs if it never came to one."""
    sources = self.sources(static) or {}
    return {stage: [sources.get(stage), (programs or {}).get(stage)] for stage in STAGES}

  def compare(self, groups: Iterable[tuple[Group, Hashable]], records: Mapping[str, Record],
              cells: Iterable[Cell], tell: Callable[[str], None], lower: bool = True) -> Changed:
    """Compares the records of some cells with the code of now.

    Args:
      groups: the recorded ones with their statics, those that were divided since last.
      records: by cell.
      cells: those that matter.
      tell: called before the first program is lowered.
      lower: lower programs whose source differs; else these count as changed.
    """
    groups, left = list(groups), {cell.id for cell in cells}
    known, changed = {group.id for group, _ in groups}, Changed()
    for group, static in groups:
      for cell in group.cells:
        record = records.get(cell.id, {})
        own = record.get("group") == group.id
        if cell.id in left and "code" in record and (own or record["group"] not in known):
          left.discard(cell.id)
          self._compare(group, static, record, changed, tell, lower and own)
    changed.lines = list(dict.fromkeys(changed.lines))
    return changed

  def _compare(self, group: Group, static: Hashable, record: Record, changed: Changed,
               tell: Callable[[str], None], exact: bool) -> None:
    now = self.sources(static) or {}
    for stage in STAGES:
      old_source, old_program = record["code"][stage]
      if now.get(stage) == old_source:
        continue
      if exact and old_program is not None and record["status"] not in FAILURES:
        program = self._program_now(group, static, stage, tell)
        if program == old_program:
          continue
        if program is not None and program[:8] != old_program[:8]:
          changed.unknown.add(record["id"])
          continue
      changed.cells[record["id"]] = changed.cells.get(record["id"], False) or stage == "train"
      if record["status"] not in FAILURES:
        changed.lines += self._edited(old_source, now.get(stage), stage)

  def _edited(self, old: str | None, new: str | None, stage: str) -> list[str]:
    before, after = self._log.parts(old or ""), self._log.parts(new or "")
    found = fingerprint.changes(before, after) if before and after else []
    return found or [f"{stage}: its code"]

  def _program_now(self, group: Group, static: Hashable, stage: str, tell: Callable[[str], None]
                   ) -> str | None:
    """The program that a group has now; lowered unless it is known; None if that raises."""
    lanes = Lanes(group.width, self._devices)
    name = f"{group.id}-{stage}-{environment(len(lanes.devices))}"
    known = self._log.program((self.sources(static) or {}).get(stage, ""), name)
    if known is not None:
      return known
    inputs = inputs_of(self._experiment, group)
    key = (static, group.width, tuple((n, str(x.dtype), x.shape) for n, x in inputs[1].items()))
    if key not in self._digests:
      tell("code or settings have changed; lowering a program to see whether it computes something "
           "else")
      self._digests[key] = self._lower(static, lanes, inputs)
    if stage not in self._digests[key]:
      return None
    return self.programs(group, static, self._digests[key], len(lanes.devices), inputs)[stage]

  def _lower(self, static: Hashable, lanes: Lanes, inputs: Any) -> dict[str, str]:
    """Digests of the stages that can be lowered: an edit may have broken the finish, or all."""
    for finish in (True, False):
      with contextlib.suppress(Exception):
        train = as_train(self._experiment, static)
        digests = Lowered(train, lanes, *inputs, finish=finish).digests()
        return digests if finish else {"train": digests["train"]}
    return {}
