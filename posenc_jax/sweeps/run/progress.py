# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Progress: one live line on a terminal and in a notebook, a plain line now and then elsewhere.

    12/24 cells | group 2/4 step 80/200 | 310 steps/s | 4.1e+05 tokens/s | 2 compiles | loss 2.31 |
    ETA 41 s

A live line is as wide as the terminal at most: what matters least is left out first. Steps and
tokens are summed over lanes. Compiled programs print nothing: the run reports after each
chunk, and a report that follows the last line too soon is not shown.
"""

import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from posenc_jax._errors import counted
from posenc_jax.sweeps.command import in_notebook

SEPARATOR = " | "


def clean(text: str) -> str:
  """Text without control characters, which could command a terminal.

  Example:
    >>> clean("a\\x1b[31mb\\n")
    'a?[31mb?'
  """
  return "".join(c if c.isprintable() else "?" for c in text)


def columns(stream: TextIO) -> int:
  """How wide the terminal is that a stream goes to; 80 if nobody knows."""
  try:
    found = os.get_terminal_size(stream.fileno()).columns
  except (OSError, ValueError, AttributeError):
    found = 0
  return found or shutil.get_terminal_size().columns


def fitted(parts: list[str], width: int) -> str:
  """Parts as one line of at most ``width`` characters; what matters least is left out first.

  Example:
    >>> fitted(["3/9 cells", "2e+04 tokens/s", "1 compile", "ETA 9 s"], 32)
    '3/9 cells | 1 compile | ETA 9 s'
  """
  parts = list(parts)
  for kind in (" tokens/s", " compile", " steps/s", "loss "):
    if len(SEPARATOR.join(parts)) > width:
      parts = [part for part in parts if kind not in part]
  return SEPARATOR.join(parts)[:max(width, 1)]


def duration(seconds: float) -> str:
  """A duration in few letters.

  Example:
    >>> duration(4.25), duration(95), duration(7300)
    ('4 s', '1 min 35 s', '2 h 01 min')
  """
  whole = int(seconds)
  if whole < 60:
    return f"{whole} s"
  if whole < 3600:
    return f"{whole // 60} min {whole % 60:02d} s"
  return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
  """Counts and shows; everything is in terms of lanes, so groups of any size add up.

  Args:
    cells, done: of the sweep, and how many had results before.
    steps: of all groups to run, times their lanes.
    groups: how many groups there are to run.
    stream: where to print; None for stderr, in a notebook stdout, which has no red ground.
    show: False counts only.
    every: seconds between plain lines; the live line comes ten times as often.
    clock: tells the time.
  """

  def __init__(self, cells: int, done: int, steps: int, groups: int, *,
               stream: TextIO | None = None, show: bool = True, every: float = 10.0,
               clock: Callable[[], float] = time.monotonic):
    notebook = stream is None and in_notebook()
    self.stream = stream if stream is not None else sys.stdout if notebook else sys.stderr
    terminal = bool(getattr(self.stream, "isatty", lambda: False)())
    self.live = show and (terminal or notebook)
    self.show = show
    self.cells, self.done = cells, done
    self.steps, self.groups = steps, groups
    self.compiles, self.compile_seconds, self.compiles_left = 0, 0.0, 0
    self.tokens_per_step = 0.0
    self._every = every / 10 if self.live else every
    self._clock = clock
    self._start = clock()
    self._shown = -math.inf
    self._width = 0
    self._finished_steps = 0
    self._group = ""
    self._here = (0, 0, 0)
    self._run_seconds = 0.0
    self._run_steps = 0
    self._chunks = 0

  def note(self, text: str) -> None:
    """Prints a line of its own."""
    if self.show:
      self._clear()
      print(f"posenc_jax.sweeps: {clean(text)}", file=self.stream, flush=True)

  def start_compile(self, index: int, ahead: bool = False) -> None:
    """A program is about to be compiled, which takes a while and cannot be interrupted.

    Args:
      index: of its group.
      ahead: the group before it trains meanwhile.
    """
    meanwhile = f" while group {index} trains" if ahead else ""
    self._show([f"{self.done}/{self.cells} cells",
                f"compiling group {index + 1} of {self.groups}{meanwhile}"])

  def compiled(self, seconds: float) -> None:
    """Counts a compile and its time."""
    self.compiles += 1
    self.compiles_left = max(0, self.compiles_left - 1)
    self.compile_seconds += seconds

  def start_group(self, index: int, steps: int, lanes: int, tokens: float) -> None:
    """A group begins; tokens are those of one lane's step."""
    self._group = f"group {index + 1}/{self.groups}"
    self._here = (0, steps, lanes)
    self.tokens_per_step = tokens

  def advance(self, step: int, ran: int, seconds: float, loss: float | None) -> None:
    """Counts ``ran`` steps that took ``seconds`` and ended at ``step``; may show the line."""
    _, steps, lanes = self._here
    self._here = (step, steps, lanes)
    self._chunks += 1
    self._run_steps += ran * lanes
    self._run_seconds += seconds
    self.update(loss)

  def finish_group(self, cells: int) -> None:
    """A group's results are stored."""
    _, steps, lanes = self._here
    self._finished_steps += steps * lanes
    self._here = (0, 0, 0)
    self.done += cells
    self.update(None, force=True)

  def line(self, loss: float | None) -> str:
    """The line as it stands."""
    return SEPARATOR.join(self._parts(loss))

  def _parts(self, loss: float | None) -> list[str]:
    step, steps, lanes = self._here
    parts = [f"{self.done}/{self.cells} cells"]
    if steps:
      parts.append(f"{self._group} step {step}/{steps}")
    rate = self._run_steps / self._run_seconds if self._run_seconds else 0.0
    if rate:
      parts.append(f"{rate:.3g} steps/s")
      if self.tokens_per_step:
        parts.append(f"{rate * self.tokens_per_step:.2g} tokens/s")
    parts.append(counted(self.compiles, "compile"))
    if loss is not None:
      parts.append(f"loss {loss:.4g}")
    left = self.steps - self._finished_steps - step * lanes
    if self.done >= self.cells:
      parts.append(f"took {duration(self._clock() - self._start)}")
    elif self._chunks > 2:  # Before that the rate is of single steps.
      compiling = self.compiles_left * self.compile_seconds / max(self.compiles, 1)
      parts.append(f"ETA {duration(left / rate + compiling)}")
    return parts

  def update(self, loss: float | None, force: bool = False) -> None:
    """Shows the line unless the last one is too recent."""
    now = self._clock()
    if not self.show or (not force and now - self._shown < self._every):
      return
    if force and not self.live and self.done < self.cells and now - self._shown < self._every:
      return
    self._shown = now
    self._show(self._parts(loss))

  def _show(self, parts: list[str]) -> None:
    if not self.show:
      return
    text = clean(SEPARATOR.join(parts))
    if self.live:
      text = clean(fitted(parts, columns(self.stream) - 1))
      print("\r" + text.ljust(self._width), end="", file=self.stream, flush=True)
      self._width = len(text)
    else:
      print(text, file=self.stream, flush=True)

  def _clear(self) -> None:
    if self.live and self._width:
      print("\r" + " " * self._width + "\r", end="", file=self.stream)
      self._width = 0

  def close(self) -> None:
    """Ends the live line."""
    if self.live and self._width:
      print(file=self.stream, flush=True)
      self._width = 0
