# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The store of a sweep without a directory, for a notebook: results live as long as the process."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.store.kept import Kept


class _Deathless:
  """The journal of a process that nobody outlives."""

  def deaths(self, group: str) -> int:
    """None has died in it yet."""
    del group
    return 0

  def _nothing(self, *args: Any) -> None:
    """Nothing to write down."""

  started = ended = set_deaths = _nothing


class Memory:
  """Has the methods of ``directory.Store`` that a run calls, and keeps records only."""

  directory = None
  damaged = False
  manifest = None
  code = None

  def __init__(self):
    self.records: dict[str, Record] = {}
    self.journal = _Deathless()
    self._states: dict[str, Kept] = {}

  def groups(self) -> list[Group]:
    """No packing was recorded."""
    return []

  all_groups = groups

  def settled(self) -> None:
    """No packing was recorded, so none must stay."""

  packed_for = settled

  def planning(self) -> contextlib.AbstractContextManager:
    """A context that locks nothing, as no other process shares this memory."""
    return contextlib.nullcontext()

  def add(self, records: Sequence[Record], states: Mapping[str, Kept] | None = None) -> None:
    """Keeps records and states."""
    self.records |= {record["id"]: record for record in records}
    for name, state in (states or {}).items():
      self.records[name] = {**self.records[name], "state": "in memory"}
      self._states[name] = state

  def state(self, record: Record) -> Kept:
    """The state of a record."""
    return self._states[record["id"]]

  def load_checkpoint(self, group: Group) -> None:
    """There are no checkpoints."""

  def _nothing(self, *args: Any, **kwargs: Any) -> None:
    """Nothing to make durable."""

  tidy = record_groups = note_run = save_checkpoint = drop_checkpoint = _nothing
