# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compiles the programs for TPUs and writes what it took into docs/performance.md.

    JAX_PLATFORMS=cpu python -m tests.tpu.table                     the short list
    JAX_PLATFORMS=cpu python -m tests.tpu.table --long              all of them: an hour
    JAX_PLATFORMS=cpu python -m tests.tpu.table --place colab       the table of Colab's versions
    JAX_PLATFORMS=cpu python -m tests.tpu.table --only T5 FIRE      rows that begin so; others stay

Needs ``pip install 'jax[tpu]'``, and no TPU. A program that fails is a row that says so.
"""

import argparse
import importlib.metadata
import pathlib
import re
import sys
from collections.abc import Iterable, Sequence

from tests.support.follow import between
from tests.tpu import compiling
from tests.tpu.programs import LONG, SHORT, Attention

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "performance.md"
PLACES = ("newest", "colab")
HEAD = ("| chip | program | path | compile, s | temporary, MiB | code, KiB |\n"
        "|---|---|---|---|---|---|\n")


def line(program) -> str:
  """A program's line of the table."""
  path = program.path() if isinstance(program, Attention) else program.path
  try:
    found = program.compile()
    numbers = f"{found.seconds:.1f} | {found.memory_mib:.1f} | {found.code_kib:.0f}"
  except Exception as error:  # a table of what compiles says what does not
    numbers = f"{type(error).__name__} | |"
  return f"| {program.chip.split(':')[0]} | {program.name} | {path} | {numbers} |\n"


def table(programs: Iterable, old: str = "", only: Sequence[str] = ("",)) -> str:
  """Versions, and a line for each program: a new one, or that of ``old`` where it has one.

  Args:
    programs: all rows.
    old: the table so far.
    only: how the names begin that are made anew.
  """
  versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "libtpu"))
  lines = []
  for program in programs:
    kept = re.search(rf"^\| {program.chip[:3]} \| {re.escape(program.name)} \|.*\n", old, re.M)
    if kept and not program.name.startswith(tuple(only)):
      lines.append(kept[0])
    else:
      lines.append(line(program))
      print(lines[-1], end="", flush=True)
  return f"\n{versions}.\n\n{HEAD}{''.join(lines)}\n"


def written(page: str, place: str, new: str) -> str:
  """The page with a table at its place."""
  return between(page, f"<!-- tests.tpu.table, {place} -->\n", f"<!-- end of {place} -->", new)


def main() -> int:
  """Writes the table; returns the exit status."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
  parser.add_argument("--long", action="store_true", help="the long list too")
  parser.add_argument("--place", default=PLACES[0], choices=PLACES, help="which table")
  parser.add_argument("--only", nargs="+", default=[""], help="how rows begin that are made anew")
  options = parser.parse_args()
  if compiling.missing():
    parser.error(str(compiling.missing()))
  page = PAGE.read_text(encoding="utf-8")
  old = page.partition(f"tests.tpu.table, {options.place}")[2].partition("<!-- end of")[0]
  new = table((*SHORT, *LONG) if options.long else SHORT, old, options.only)
  # Read again: the compiler took minutes.
  PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), options.place, new), encoding="utf-8")
  return 0


if __name__ == "__main__":
  sys.exit(main())
