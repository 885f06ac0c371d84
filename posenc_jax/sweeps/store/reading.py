# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading the directory of a sweep, also while a run writes to it; nothing on disk is changed."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from posenc_jax._errors import counted, explain_fault, value_error
from posenc_jax.sweeps import files
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import CannotWrite, CorruptStore, SettingsChanged, warn
from posenc_jax.sweeps.fingerprint import changes
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.records import Record, newest
from posenc_jax.sweeps.results import EXIT_DAMAGED, Results, collect
from posenc_jax.sweeps.store import kept, lines, manifest
from posenc_jax.sweeps.store.code import CodeLog
from posenc_jax.sweeps.store.journal import Journal

_MEND = ("With repair=True a run keeps this file under another name and writes a new one; groups "
         "without results start over")


def read_manifest(directory: pathlib.Path) -> dict[str, Any] | None:
  """The manifest of a directory, or None if it has none.

  Raises:
    CorruptStore: it cannot be read or its checksum is wrong.
    CannotWrite: the directory is a file.
  """
  path = directory / "manifest.json"
  try:
    found = json.loads(files.read(path))
  except FileNotFoundError:
    return None
  except NotADirectoryError as error:
    raise CannotWrite(explain_fault(f"{directory}", "a file", "a directory",
                                    "Give another output directory")) from error
  except (OSError, ValueError, RecursionError) as error:
    raise CorruptStore(explain_fault(f"{path}", f"what cannot be read: {error}",
                                     "the manifest that a run wrote", _MEND)) from error
  if not isinstance(found, dict) or found.get("crc32") != manifest.checksum(found):
    raise CorruptStore(explain_fault(
      f"{path}", "a checksum that does not match, so the file was damaged or changed by hand",
      "the manifest that a run wrote", _MEND))
  return found


def result_files(directory: pathlib.Path) -> list[pathlib.Path]:
  """The results files of a directory: the single one, then the shares'."""
  shares = directory.glob("results-*-of-*.jsonl")
  return [p for p in [directory / "results.jsonl", *sorted(shares)] if p.is_file()]


def read_records(directory: pathlib.Path) -> tuple[list[Record], list[str]]:
  """All whole records of a directory, and what was wrong with the rest; changes nothing."""
  records, notes = [], []
  for path in result_files(directory):
    found = lines.scan(path)
    records += found.records
    notes += [f"{path}: line {bad.number}: {bad.reason}" for bad in found.bad]
    if found.torn:
      notes.append(f"{path}: the last line is torn ({found.torn} bytes), its cell is not counted")
  return records, notes


def groups_of(found: Mapping[str, Any], name: str = "groups") -> list[Group]:
  """The packing of a manifest; raises CorruptStore if it does not match the grid."""
  cells = {i: Cell(settings) for i, settings in found["cells"].items()}
  wrong = [i for i, cell in cells.items() if cell.id != i]
  if wrong:
    raise CorruptStore(explain_fault(
      "manifest: cells", f"cell {wrong[0]} with settings of another id", "the id of its settings",
      "Read it with the version that wrote it, or start in another output directory"))
  return [Group.from_json(data, cells) for data in found.get(name, ())]


def settled_groups(
  directory: pathlib.Path, found: Mapping[str, Any], records: Mapping[str, Record], journal: Journal
) -> set[str]:
  """Ids of the groups of a manifest that must not be packed again.

  A result or a checkpoint depends on their packing, or they were divided because a process died.
  """
  saved = {path.stem for path in (directory / "checkpoints").glob("*.npz")}
  return {g["id"] for g in found["groups"] if g["id"] in saved or journal.deaths(g["id"])
          or any(i in records for i in g["cells"])}


@dataclasses.dataclass(frozen=True)
class Recorded:
  """What a directory records of its packing, for a plan that changes nothing.

  Attributes:
    groups: all of them; ``divided``: those that had results when they were divided.
    settled, packed_for: see ``planner.plan``.
    records: the newest record of each cell.
    manifest: None if there is none.
  """

  groups: tuple[Group, ...] = ()
  divided: tuple[Group, ...] = ()
  settled: frozenset[str] = frozenset()
  packed_for: dict[str, Any] | None = None
  records: Mapping[str, Record] = dataclasses.field(default_factory=dict)
  manifest: Mapping[str, Any] | None = None


def recorded(directory: pathlib.Path) -> Recorded:
  """The packing that a directory records; it need not exist."""
  found = read_manifest(directory)
  if found is None:
    return Recorded()
  records = newest(read_records(directory)[0])
  journal = Journal(directory / "journal.jsonl")
  journal.read()
  settled = settled_groups(directory, found, records, journal)
  return Recorded(tuple(groups_of(found)), tuple(groups_of(found, "divided")), frozenset(settled),
                  found.get("packed_for"), records, found)


def check_settings(directory: pathlib.Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
  """Raises SettingsChanged unless a run of the manifest ``new`` may go on with that of ``old``."""
  found = [line for field in manifest.MUST_MATCH
           for line in manifest.differences(old.get(field), new.get(field), field)]
  if found:
    raise SettingsChanged(explain_fault(
      f"{directory}", "other settings than the sweep in it:\n  " + "\n  ".join(found) + "\n",
      "the same ones, only the grid may grow",
      "Give the old settings to finish it, or another output directory to start a new sweep"))


def check_no_orphans(directory: pathlib.Path) -> None:
  """Raises CorruptStore if a directory without a manifest has results."""
  if any(p.stat().st_size for p in result_files(directory)):
    raise CorruptStore(explain_fault(
      f"{directory}", "results but no manifest that names their settings",
      "both of them or neither", "Give another output directory; with repair=True the results "
      "are taken as this run's"))


def _check_same(first: Mapping[str, Any], other: Mapping[str, Any], one: str, two: str) -> None:
  """Raises SettingsChanged unless two manifests are of one sweep, by what a resume compares."""
  found = [line for field in manifest.MUST_MATCH
           for line in manifest.differences(first.get(field), other.get(field), field)]
  if found:
    raise SettingsChanged(explain_fault(
      two, f"another sweep than that of {one}:\n  " + "\n  ".join(found) + "\n",
      "shares of one sweep", "Load each by itself; python -m posenc_jax.sweeps A B --out DIR "
      "compares them"))


def _other_code(one: pathlib.Path, two: pathlib.Path, first: Mapping[str, Any],
                other: Mapping[str, Any]) -> list[str]:
  """Code, versions and devices that differ inside a directory and between two of one sweep."""
  told = [line for field in manifest.SHOULD_MATCH if field != "git"
          for line in manifest.differences(first.get(field), other.get(field), field)]
  old, new = first.get("code"), other.get("code")
  if old is not None and new is not None and old != new:
    before, after = CodeLog(one).parts(old), CodeLog(two).parts(new)
    told += (changes(before, after) if before and after else []) or ["the experiment's code"]
  inside = len(other.get("other_code", ()))
  return [f"{two}: other code, versions or devices than {one}, so results may differ: {line}"
          for line in told] + ([
            f"{two}: results of {counted(inside, 'cell')} are of other code than the rest: no run "
            "since has trained or evaluated them again"] if inside else [])


def restore(directory: str | pathlib.Path, cell: Cell | dict[str, Any], experiment: Any = None
            ) -> Any:
  """The final state of a cell that was run with ``keep="weights"``, as its ``finish`` takes it.

  Args:
    directory: of the sweep.
    cell: which.
    experiment: see ``Results.restore``.

  Returns:
    The PyTree, bit for bit.

  Raises:
    ValueError, KeyError, CorruptStore: see ``load`` and ``Results.restore``.
  """
  return load(directory).restore(cell, experiment)


def load(*directories: str | pathlib.Path) -> Results:
  """Reads the results of one or more directories, finished or not, without changing anything.

  Args:
    *directories: of one sweep, or of its shares if they ran without a common disk. For different
      sweeps call ``load`` for each.

  Returns:
    Results in the order of the grid, with what was wrong with the files in ``notes``.

  Raises:
    ValueError: a directory holds no sweep.
    SettingsChanged: they are of different sweeps.
    CorruptStore: a manifest is damaged.
  """
  records, notes, cells, places, first, damaged = [], [], {}, {}, None, False
  which = lambda record: (record["id"], record.get("attempt", 0))
  for directory in map(pathlib.Path, directories):
    about = read_manifest(directory)
    if about is None:
      raise value_error("load: directory", str(directory), "one with a manifest.json",
                        "Give the directory a sweep was run in")
    first = first or about
    _check_same(first, about, str(directories[0]), str(directory))
    for note in _other_code(pathlib.Path(directories[0]), directory, first, about):
      warn(note)
      notes.append(note)
    cells |= {i: Cell(settings) for i, settings in about["cells"].items()}
    found, why = read_records(directory)
    records += found
    notes += why
    damaged |= any("torn" not in note for note in why)
    places = {**{which(record): directory for record in found}, **places}  # as ``newest`` does
  if first is None:
    raise value_error("load: directories", "none", "at least one", "Name the sweep's directory")
  return collect(list(cells.values()), newest(records), manifest=first, notes=tuple(notes),
                 directory=pathlib.Path(directories[0]), exit_code=EXIT_DAMAGED if damaged else 0,
                 restorer=lambda record, experiment: kept.restore(
                   kept.load(places[which(record)], record), record["cell"], experiment))
