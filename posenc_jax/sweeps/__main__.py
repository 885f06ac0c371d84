# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rebuilds the report of a sweep, or compares several, from their directories alone.

    python -m posenc_jax.sweeps runs/compare                       its report again
    python -m posenc_jax.sweeps runs/a runs/b --out runs/a-vs-b    one report of both
    python -m posenc_jax.sweeps part0 part1 --merge --out whole    shares of one sweep

Directories are only read, while a sweep is running too; a single one gets its own report unless
--out names another place. Prints the table.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from posenc_jax import _scripts, sweeps
from posenc_jax._errors import clean, value_error
from posenc_jax.sweeps.store import manifest


def compare(directories: Sequence[pathlib.Path]) -> sweeps.Results:
  """The results of several sweeps as one, with a setting ``run`` that names the sweep.

  Args:
    directories: of sweeps; if two have one name, ``run`` is the whole path.

  Returns:
    Results without a manifest, since each sweep has its own; what differs between them in
    experiment, settings or data is among the notes.
  """
  names = [d.resolve().name for d in directories]
  if len(set(names)) < len(names):
    names = [str(d) for d in directories]
  if len(set(names)) < len(names):
    raise value_error("report: directories", names, "each one once", "Drop the repeats")
  records, missing, notes, code, first = [], [], [], 0, {}
  for name, directory in zip(names, directories, strict=True):
    found = sweeps.load(directory)
    for record in found:
      cell = sweeps.Cell(record["cell"], run=name)
      records.append({**record, "cell": dict(cell), "id": cell.id})
    missing += [cell.replace(run=name) for cell in found.missing]
    notes += found.notes
    about = found.manifest or {}
    first = first or about
    notes += [f"run {name}: {line} (run {names[0]} was first)"
              for line in manifest.mismatches(first, about)]
    code = max(code, found.exit_code)
  return sweeps.Results(tuple(records), tuple(missing), notes=tuple(notes), exit_code=code,
                        goal=first.get("goal") or {})


def report(
  directories: Sequence[str | pathlib.Path], out: str | pathlib.Path | None = None, *,
  merge: bool = False, metric: str | None = None,
) -> sweeps.Results:
  """Writes the report of one or more sweeps and prints their table.

  Args:
    directories: of sweeps.
    out: where to write; needed for more than one directory.
    merge: the directories are shares of one sweep rather than sweeps to compare.
    metric: what the printed table shows; None for the main metric.

  Returns:
    The results reported on.

  Raises:
    ValueError: a directory holds no sweep, or ``out`` is missing.
  """
  paths = [pathlib.Path(d) for d in directories]
  if len(paths) > 1 and out is None:
    raise value_error("report: out", "none with several directories", "a directory",
                      "Say where the common report should go")
  results = sweeps.load(*paths) if merge or len(paths) == 1 else compare(paths)
  out = pathlib.Path(out) if out is not None else paths[0]
  if results.manifest is None:
    results = dataclasses.replace(results, manifest={"argv": list(sweeps.command_line())})
  sweeps.write_report(results, out)
  metric = metric or sweeps.main_metric(results)
  print(results.table(metric) if metric else "no results yet")
  for note in results.notes:
    print(f"note: {clean(note)}", file=sys.stderr)
  print(f"written to {clean(str(out / 'report.html'))}")
  return results


def main(argv: Sequence[str] | None = None) -> int:
  """Parses the command line; returns the exit code."""
  parser = argparse.ArgumentParser(prog="python -m posenc_jax.sweeps", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("directories", nargs="+", metavar="DIR", help="a sweep's directory")
  parser.add_argument("--out", help="where to write; default: the directory itself")
  parser.add_argument("--merge", action="store_true", help="the directories are one sweep's shares")
  parser.add_argument("--metric", help="the printed table's metric; default: the main one")
  args = parser.parse_args(argv)
  try:
    with sweeps.exits():
      return report(args.directories, args.out, merge=args.merge, metric=args.metric).exit_code
  except ValueError as error:
    print(clean(f"error: {error}", keep="\n"), file=sys.stderr)
    return 2


if __name__ == "__main__":
  with _scripts.piped():
    status = main()
  sys.exit(status)
