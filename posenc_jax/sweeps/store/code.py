# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What code a sweep has been run with, so that a rerun after an edit can say what changed.

    {"source": S, "parts": {...}}                what a source hash stands for
    {"source": S, "group": G, "program": P}      the program that this source makes of a group

code.jsonl, or code-i-of-n.jsonl of a share; all are read together. Lines are only ever added: they
are facts about code, true for ever, and a damaged one costs a lowering.
"""

import pathlib

from posenc_jax.sweeps import files
from posenc_jax.sweeps.store import lines

Parts = dict[str, str]


class CodeLog:
  """The sources and programs that a directory knows.

  Args:
    directory: of the sweep.
    name: the file that new ones go to; None only reads.
  """

  def __init__(self, directory: pathlib.Path, name: str | None = None):
    self._path = None if name is None else directory / name
    self._parts: dict[str, Parts] = {}
    self._programs: dict[tuple[str, str], str] = {}
    for path in sorted(directory.glob("code*.jsonl")):
      for line in lines.scan(path).records:
        if "parts" in line:
          self._parts[line["source"]] = line["parts"]
        else:
          self._programs[line["source"], line["group"]] = line["program"]

  def mend(self) -> None:
    """Cuts a torn tail of the own file."""
    if self._path is not None and (found := lines.scan(self._path)).torn:
      files.truncate(self._path, found.whole)

  def parts(self, source: str) -> Parts | None:
    """What a source hash stands for, if it is known."""
    return self._parts.get(source)

  def program(self, source: str, group: str) -> str | None:
    """The program that a source makes of a group, if it was ever lowered."""
    return self._programs.get((source, group))

  def add_parts(self, source: str, parts: Parts) -> None:
    """Records what a source hash stands for."""
    self._parts[source] = parts
    self._write({"source": source, "parts": parts})

  def add_program(self, source: str, group: str, program: str) -> None:
    """Records what a source makes of a group."""
    if self._programs.get((source, group)) != program:
      self._programs[source, group] = program
      self._write({"source": source, "group": group, "program": program})

  def _write(self, line: dict) -> None:
    if self._path is not None:
      files.append(self._path, lines.encode(line))
