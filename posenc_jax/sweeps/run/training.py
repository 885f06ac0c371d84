# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training one group from its start or its checkpoint to its records.

The device runs in chunks of about ``chunk_seconds``; between two chunks the host shows progress,
listens for signals and, in a long group, saves the state. The first chunk is one step, and a chunk
is at most eight times the one before, so that a misjudged speed costs little.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options
from posenc_jax.sweeps.records import Record, make_record, now
from posenc_jax.sweeps.run.failing import TooLong
from posenc_jax.sweeps.run.program import Program
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.store import checkpoint as checkpoints
from posenc_jax.sweeps.store.checkpoint import Checkpoint
from posenc_jax.sweeps.store.kept import Kept, lanes_of

# Saving may take this share of a group's time: with the rest of the engine's work it stays below 3
# percent of a bare jitted program.
SAVING_SHARE = 0.02


def _shown_loss(curves: dict[str, np.ndarray], watch: str) -> float | None:
  if watch not in curves:
    return None
  last = curves[watch][:, -1]
  finite = last[np.isfinite(last)]
  return float(finite.mean()) if finite.size else float("nan")


def _same_code(old: tuple[str, str] | None, new: tuple[str, str] | None) -> bool:
  """Whether a checkpoint may go on: programs are compared, or sources if versions differ."""
  if old is None or new is None:
    return True
  return old[1] == new[1] if old[1][:8] == new[1][:8] else old[0] == new[0]


class Training:
  """One group's way through a program.

  Args:
    group, program: what to train with what.
    words, traced: its lanes, from ``stack_lanes``.
    store: where checkpoints are.
    options: chunk and checkpoint times.
    progress: counts and shows each chunk.
    heard: whether a signal has come.
    code: source and program of the group, which a checkpoint must have; None for any.
  """

  def __init__(self, group: Group, program: Program, words: Any, traced: Any, *, store: Any,
               options: Options, progress: Progress, heard: Callable[[], bool],
               code: tuple[str, str] | None = None):
    self.group, self.program = group, program
    self._words, self._store, self._options = program.lanes.put(words), store, options
    self._traced = program.lanes.put(traced)
    self._progress, self._heard, self._code = progress, heard, code
    self.step = 0
    self.seconds = 0.0
    self._curves: dict[str, list[np.ndarray]] = {}
    self._state = self._resume(store.load_checkpoint(group))
    self._saved = time.monotonic()
    self._save_cost = 0.0

  def _resume(self, found: Checkpoint | None) -> Any:
    if found is not None and not _same_code(found.code, self._code):
      self._progress.note(f"checkpoint of group {self.group.id} is of other code; the group starts "
                          "over")
    elif found is not None:
      try:
        state = checkpoints.to_state(found.leaves, self.program.kinds, self.program.lanes)
      except ValueError as error:
        self._progress.note(f"checkpoint of group {self.group.id} does not fit the program "
                            f"({error}); the group starts over")
      else:
        self._progress.note(f"group {self.group.id} goes on at step {found.step}")
        self.step, self.seconds = found.step, found.seconds
        self._curves = {name: [curve] for name, curve in found.curves.items()}
        return state
    return self.program.init(self._words, self._traced)

  @property
  def saved(self) -> str:
    """What of the group is on disk if it stops here."""
    if self._store.directory is None or not self.step:
      return ""
    return f"the running group is saved at step {self.step} of {self.program.train.steps}"

  def save(self) -> None:
    """Saves the state, if there is something to save."""
    if self.step == 0 or self._store.directory is None:
      return
    start = time.monotonic()
    self._join_curves()
    leaves = checkpoints.to_host(self._state, self.group.width)
    curves = {name: parts[0] for name, parts in self._curves.items()}
    self._store.save_checkpoint(self.group, Checkpoint(
      self.step, leaves, curves, self.seconds, self._code))
    self._saved = time.monotonic()
    self._save_cost = self._saved - start

  def _join_curves(self) -> None:
    self._curves = {k: [np.concatenate(v, axis=1)] for k, v in self._curves.items()}

  def train(self) -> bool:
    """Trains to the end; False if a signal stopped it, with the state saved."""
    train = self.program.train
    chunk = 1
    while train.step is not None and self.step < train.steps:
      if self._heard():
        self.save()
        return False
      stop = min(self.step + chunk, train.steps)
      start = time.monotonic()
      self._state, curves = self.program.advance(self._state, self._traced, self.step, stop)
      seconds, ran = time.monotonic() - start, stop - self.step
      for name, curve in curves.items():
        self._curves.setdefault(name, []).append(curve)
      if not curves:
        jax.block_until_ready(self._state)
        seconds = time.monotonic() - start
      self.step = stop
      self.seconds += seconds
      self._progress.advance(stop, ran, seconds, _shown_loss(curves, train.watch))
      aim = int(self._options.chunk_seconds * ran / max(seconds, 1e-6))
      chunk = max(1, min(aim, 8 * ran, self.program.buffer))
      since = time.monotonic() - self._saved
      if since >= max(self._options.checkpoint_seconds, self._save_cost / SAVING_SHARE):
        if self.step < train.steps:
          self.save()
      self._check_time()
    return True

  def _check_time(self) -> None:
    """Saves the state and raises TooLong if the group has used up its time before its last step."""
    limit, steps = self._options.timeout_seconds, self.program.train.steps
    if limit is not None and self.seconds > limit and self.step < steps:
      self.save()
      raise TooLong(f"trained {self.seconds:.3g} s, more than timeout_seconds={limit:g}, up to "
                    f"step {self.step} of {steps}")

  def states(self) -> list[Kept]:
    """The final states of the group's cells."""
    leaves = checkpoints.to_host(self._state, self.group.width)
    keys = [kind.keys for kind in jax.tree.leaves(self.program.kinds)]
    return lanes_of(self.group, leaves, keys, self.program.kinds)

  def records(self) -> list[Record]:
    """The records of the group's cells."""
    start = time.monotonic()
    results = self.program.finish(self._state, self._traced)
    self.seconds += time.monotonic() - start
    self._join_curves()
    train = self.program.train
    about = {"seconds": round(self.seconds, 3), "finished": now()}
    records = []
    for lane, cell in enumerate(self.group.cells):
      record = make_record(
        cell, {name: parts[0][lane] for name, parts in self._curves.items()},
        {name: value[lane] for name, value in results.items()},
        watch=train.watch, axes=dict(train.axes), points=self._options.curve_points)
      records.append({**record, "group": self.group.id, "lane": lane, "time": about})
    return records
