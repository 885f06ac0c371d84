# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What runs have begun, so that the next one can tell in which group a process died.

    {"event": "started", "group": G}     before the group's program is compiled
    {"event": "saved", "group": G}       its first checkpoint since then
    {"event": "ended"}                   the run came to an end, good or bad, that Python knew of
    {"event": "deaths", "group": G, "count": n}

A killed process cannot write a note. But a run starts one group after the other, so the last group
started without an "ended" after it is where the process died; the next run of the same share, which
holds the lock, counts it. A "saved" is progress and sets the count to 0: what makes progress comes
to an end.
"""

import pathlib
from typing import Any

from posenc_jax.sweeps import files
from posenc_jax.sweeps.store import lines


class Journal:
  """The journal of one share, as it stands on disk.

  Args:
    path: of the file, which need not exist.
  """

  def __init__(self, path: pathlib.Path):
    self.path = path
    self._deaths: dict[str, int] = {}
    self._open: str | None = None
    self._saved: str | None = None

  def read(self) -> lines.Scan:
    """Reads the journal and changes nothing; damaged lines are passed over."""
    found = lines.scan(self.path)
    for event in found.records:
      self._take(event)
    return found

  def open(self) -> None:
    """Reads the journal, cuts a torn tail and counts a death; needs the share's lock."""
    found = self.read()
    if found.torn:
      files.truncate(self.path, found.whole)
    elif found.needs_newline:
      files.append(self.path, b"\n")
    if self._open is not None:
      self.set_deaths(self._open, self.deaths(self._open) + (self._saved != self._open))
      self._open = None

  def _take(self, event: dict[str, Any]) -> None:
    group = event.get("group")
    if event["event"] == "started":
      self._open, self._saved = group, None
    elif event["event"] == "saved":
      self._saved = group
      self._deaths.pop(group or "", None)
    elif event["event"] == "ended":
      self._open = None
    elif event["event"] == "deaths":
      self._deaths[group or ""] = event["count"]
      self._open = None

  def _write(self, **event: Any) -> None:
    files.append(self.path, lines.encode(event))
    self._take(event)

  def deaths(self, group: str) -> int:
    """How often a process has died in the group since it last made progress."""
    return self._deaths.get(group, 0)

  def set_deaths(self, group: str, count: int) -> None:
    """Sets the count of a group, as for the halves of one that died."""
    self._write(event="deaths", group=group, count=count)

  def started(self, group: str) -> None:
    """A group begins."""
    self._write(event="started", group=group)

  def saved(self, group: str) -> None:
    """The group's state is on disk; written once a start."""
    if self._saved != group:
      self._write(event="saved", group=group)

  def ended(self) -> None:
    """The run ends in order."""
    if self._open is not None:
      self._write(event="ended")
