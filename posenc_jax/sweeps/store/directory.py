# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The directory of a sweep, open for writing: what is written when, and how a rerun mends it.

    manifest.json              settings, grid and packing; replaced at once
    results.jsonl              a line for each cell, appended for each finished group
    results-i-of-n.jsonl       the same of one share; all are merged on reading
    states/CELL-ATTEMPT.npz    the final state of a cell, if it is kept
    checkpoints/GROUP.npz      the state of a group in the middle
    code.jsonl                 what code made the results; a share's is code-i-of-n.jsonl
    journal.jsonl              which groups runs have begun; a share's is journal-i-of-n.jsonl
    run.lock                   held while a run writes

A finished group's lines go out in one write and one sync, and only then is its checkpoint dropped,
so at any instant a cell is either in the results or can be trained again from its packing.
"""

import contextlib
import json
import pathlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from posenc_jax.sweeps import files
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import CorruptStore, warn
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.records import Record, newest
from posenc_jax.sweeps.store import checkpoint, kept, lines, lock, manifest
from posenc_jax.sweeps.store.code import CodeLog
from posenc_jax.sweeps.store.journal import Journal
from posenc_jax.sweeps.store.kept import Kept
from posenc_jax.sweeps.store.reading import (
  check_no_orphans,
  check_settings,
  groups_of,
  read_manifest,
  read_records,
  settled_groups,
)


class Store:
  """A directory open for writing; use ``Store.open`` as a context.

  Attributes:
    directory: where it is.
    manifest: the manifest as it is on disk.
    records: the newest record of each finished cell.
    damaged: whether lines were found that cannot be trusted and were not mended.
  """

  def __init__(self, directory: pathlib.Path, share: tuple[int, int] | None, log: Callable):
    self.directory = directory
    self.share = share
    self.log = log
    self.damaged = False
    self._planning = False
    self.manifest: dict[str, Any] = {}
    self.records: dict[str, Record] = {}
    of = "" if share is None else f"-{share[0]}-of-{share[1]}"
    self.results = directory / f"results{of}.jsonl"
    self.journal = Journal(directory / f"journal{of}.jsonl")
    self.code = CodeLog(directory, f"code{of}.jsonl")

  @classmethod
  @contextlib.contextmanager
  def open(cls, directory: pathlib.Path, new: Mapping[str, Any], *, cells: Sequence[Cell],
           share: tuple[int, int] | None = None, repair: bool = False, log: Callable = print):
    """Locks a directory and makes it fit to be written.

    Args:
      directory: made if missing.
      new: the manifest of this run, from ``manifest.describe``.
      cells: the grid; it is added to the recorded one.
      share: (i, n) writes the i-th of n results files.
      repair: mend damaged files after keeping a copy.
      log: called with what was mended.

    Raises:
      SettingsChanged, CorruptStore, DirectoryInUse, CannotWrite, StorageFull.
    """
    files.make_directory(directory)
    with contextlib.ExitStack() as stack:
      stack.enter_context(lock.held(directory / "run.lock", shared=share is not None))
      if share is not None:
        own = f"run-{share[0]}-of-{share[1]}.lock"
        stack.enter_context(lock.held(directory / own))
      files.check_space(directory, 2**20 + 4096 * len(cells))
      store = cls(directory, share, log)
      with store.planning():
        store._agree(new, cells, repair)
      store._mend_results(repair)
      store.journal.open()
      store.code.mend()
      records, notes = read_records(directory)
      for note in notes:
        log(f"note: {note}")
      store.records = newest(records)
      yield store

  @contextlib.contextmanager
  def planning(self) -> Iterator[None]:
    """Holds the manifest, with what other shares have written to it, while the context lasts.

    It may be entered again inside itself. A run that has the directory alone needs no lock for it.
    """
    if self.share is None or self._planning:
      yield
      return
    with lock.held(self.directory / "manifest.lock", wait=True):
      self._planning = True
      try:
        self.manifest = read_manifest(self.directory) or self.manifest
        yield
      finally:
        self._planning = False

  def _write_manifest(self) -> None:
    self.manifest["crc32"] = manifest.checksum(self.manifest)
    text = json.dumps(self.manifest, indent=1, allow_nan=False) + "\n"
    files.write_atomic(self.directory / "manifest.json", text.encode())

  def _agree(self, new: Mapping[str, Any], cells: Sequence[Cell], repair: bool) -> None:
    """Takes over the recorded manifest if its settings are this run's, or writes the first."""
    try:
      old = read_manifest(self.directory)
    except CorruptStore:
      if not repair:
        raise
      old = None
      aside = f"manifest.corrupt-{time.time_ns()}.json"
      (self.directory / "manifest.json").rename(self.directory / aside)
      self.log(f"manifest.json was damaged; kept as {aside} and written again")
    if old is None:
      if not repair:
        check_no_orphans(self.directory)
      self.manifest = dict(new)
    else:
      self._compare(old, new)
      self.manifest = {**old, "goal": new.get("goal", {})}  # how results are shown may change
    known = self.manifest["cells"]
    added = {cell.id: dict(cell) for cell in cells if cell.id not in known}
    if added or old is None or old.get("goal", {}) != self.manifest.get("goal", {}):
      self.manifest["cells"] = {**known, **added}
      self._write_manifest()

  def _compare(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    check_settings(self.directory, old, new)
    for field in manifest.SHOULD_MATCH:
      for line in manifest.differences(old.get(field), new.get(field), field):
        warn(f"{self.directory}: {line}; new results may differ in their last digits from the old "
             "ones")

  def _mend_results(self, repair: bool) -> None:
    """Cuts a torn tail; keeps a copy of a damaged file, and with ``repair`` drops its bad lines."""
    found = lines.scan(self.results)
    if found.bad:
      self._keep_copy(found)
      for bad in found.bad:
        self.log(f"{self.results.name}: line {bad.number} cannot be trusted: {bad.reason}; its "
                 "cell is run again")
      if repair:
        data = b"".join(lines.encode(record) for record in found.records)
        files.write_atomic(self.results, data)
        self.log(f"{self.results.name}: {len(found.bad)} bad lines dropped")
        return
      self.damaged = True
    if found.torn:
      files.truncate(self.results, found.whole)
      self.log(f"{self.results.name}: cut a torn last line of {found.torn} bytes; its cell is run "
               "again")
    elif found.needs_newline:
      files.append(self.results, b"\n")

  def _keep_copy(self, found: lines.Scan) -> None:
    copies = [p.read_bytes() for p in self.directory.glob("results.corrupt-*")]
    if all(any(bad.content in copy for copy in copies) for bad in found.bad):
      return  # An earlier run has kept these very lines.
    name = f"results.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**9:09d}"
    files.write_atomic(self.directory / name, self.results.read_bytes())
    self.log(f"{self.results.name} is damaged; a copy is kept as {name}")

  def groups(self) -> list[Group]:
    """The recorded packing."""
    return groups_of(self.manifest)

  def all_groups(self) -> list[Group]:
    """The recorded packing, then the groups that had results when they were divided."""
    return self.groups() + groups_of(self.manifest, "divided")

  def settled(self) -> set[str] | None:
    """Ids of the groups whose packing must stay; None (all) for a share, as others plan by them."""
    if self.share is not None:
      return None
    return settled_groups(self.directory, self.manifest, self.records, self.journal)

  def packed_for(self) -> dict[str, Any] | None:
    """The options that the recorded groups were packed for."""
    return self.manifest.get("packed_for")

  def record_groups(self, groups: Sequence[Group], instead_of: Group | None = None,
                    dropped: Collection[str] = (), packed_for: Mapping[str, Any] | None = None
                    ) -> None:
    """Adds groups to the packing, in place of one that was divided or of some that are dropped."""
    gone = {*dropped, *([instead_of.id] if instead_of else ())}
    with self.planning():
      known = {data["id"] for data in self.manifest["groups"]}
      kept = [g for g in self.manifest["groups"] if g["id"] not in gone]
      added = [group.to_json() for group in groups if group.id not in known or group.id in gone]
      if added or dropped:
        if instead_of and any(r.get("group") == instead_of.id for r in self.records.values()):
          self.manifest["divided"] = [*self.manifest.get("divided", []), instead_of.to_json()]
        self.manifest["groups"] = kept + added
        self.manifest["packed_for"] = packed_for or self.packed_for()
        self._write_manifest()

  def note_code(self, source: str, others: Sequence[str]) -> None:
    """Records the code that all results agree with, and the ids of those that do not."""
    with self.planning():
      if (self.manifest.get("code"), self.manifest.get("other_code", [])) != (source, others):
        self.manifest |= {"code": source, "other_code": list(others)}
        self._write_manifest()

  def tidy(self, is_done: Callable[[str], bool]) -> None:
    """Removes what a kill left behind: half-written files and checkpoints of finished groups.

    Shares leave this to a run that has the directory alone, for others may be writing.

    Args:
      is_done: whether a cell needs no training, by its id.
    """
    if self.share is not None:
      return
    goes_on = lambda i: not is_done(i) or self.records[i]["status"] == "timeout"
    unfinished = {g["id"] for g in self.manifest["groups"] if any(map(goes_on, g["cells"]))}
    for path in (self.directory / "checkpoints").glob("*.npz"):
      if path.stem not in unfinished:
        path.unlink(missing_ok=True)
    for path in [*self.directory.glob(".*.tmp"), *self.directory.glob("checkpoints/.*.tmp")]:
      path.unlink(missing_ok=True)

  def note_run(self, entry: Mapping[str, Any]) -> None:
    """Adds how a run went to the manifest; the last hundred are kept."""
    with self.planning():
      self.manifest["runs"] = [*self.manifest["runs"], dict(entry)][-100:]
      self._write_manifest()

  def all_present(self) -> bool:
    """Whether every share has opened this directory."""
    if self.share is None:
      return True
    _, count = self.share
    return all((self.directory / f"run-{i}-of-{count}.lock").exists() for i in range(count))

  def add(self, records: Sequence[Record], states: Mapping[str, Kept] | None = None) -> None:
    """Makes records durable: one write, one sync; before it the states of some, by cell."""
    if states:
      records = [{**r, "state": kept.save(self.directory, r, states[r["id"]])}
                 if r["id"] in states else r for r in records]
    if records:
      files.append(self.results, b"".join(lines.encode(record) for record in records))
      known = [self.records[r["id"]] for r in records if r["id"] in self.records]
      self.records |= newest([*known, *records])
      kept.drop_others(self.directory, [self.records[r["id"]] for r in records])

  def state(self, record: Record) -> Kept:
    """The state that a record names."""
    return kept.load(self.directory, record)

  def _checkpoint_path(self, group: Group) -> pathlib.Path:
    return self.directory / "checkpoints" / f"{group.id}.npz"

  def save_checkpoint(self, group: Group, state: checkpoint.Checkpoint) -> None:
    """Replaces the group's checkpoint."""
    checkpoint.save(self._checkpoint_path(group), group.id, state)
    self.journal.saved(group.id)

  def load_checkpoint(self, group: Group) -> checkpoint.Checkpoint | None:
    """The group's checkpoint, or None; says so if there is one that cannot be used."""
    found, why = checkpoint.load(self._checkpoint_path(group), group.id)
    if why:
      self.log(f"checkpoint of group {group.id} {why}; the group starts over")
    return found

  def drop_checkpoint(self, group: Group) -> None:
    """Removes the group's checkpoint, once its results are stored."""
    self._checkpoint_path(group).unlink(missing_ok=True)
