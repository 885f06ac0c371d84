# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What scripts that write a page have in common: where the page goes, and running to it.

A study is a module with a Config (a ``Paged``, with PRESETS smoke, default and large),
``run(config) -> results`` and ``page(config, results) -> Page``. Its last lines are

  def main(config):
    return study.main(config, run, page)

  if __name__ == "__main__":
    script.start(Config, main, __doc__)
"""

import dataclasses
import datetime
import errno
import pathlib
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from experiments.fields import option
from experiments.findings import catalogue, tables, unwell
from experiments.findings import page as page_lib
from posenc_jax import sweeps
from posenc_jax._errors import explain_fault

PAGES = "docs/results"
SMOKE_PAGES = "runs/smoke/results"
LARGE_PAGES = "docs/results/large"
SEEDS, SMOKE_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)


@dataclasses.dataclass(frozen=True)
class Paged:
  """The field of a study's Config beside those of its runs."""

  several: ClassVar[tuple[str, ...]] = ()  # see TrainingConfig

  pages: str = option(PAGES, "directory of the page, its pictures and the index")


def presets(name: str, smoke: dict[str, Any], large: dict[str, Any]) -> dict[str, dict[str, Any]]:
  """PRESETS of a study with a run directory: smoke, default and large.

  Args:
    name: of the script.
    smoke, large: what differs from the default.
  """
  return {
    "smoke": {"seeds": SMOKE_SEEDS, "out": f"runs/smoke/{name}", "pages": SMOKE_PAGES, **smoke},
    "default": {},
    "large": {"out": f"runs/large/{name}", "pages": LARGE_PAGES, **large},
  }


def main(config: Any, run: Callable[[Any], Any], page: Callable[[Any, Any], page_lib.Page]) -> int:
  """Runs, writes the page and the index, prints the verdicts; the exit status.

  Args:
    config: of the script.
    run: config to results; to a ``sweeps.Plan`` or several of them in a dry run.
    page: config and results to the page.

  Before anything is run, a directory of pages that cannot be written is refused.
  """
  with sweeps.exits():
    if fault := catalogue.fault(config.pages):
      print(f"error: {fault}\nNothing was run.", file=sys.stderr)
      return 2
    start = time.perf_counter()
    results = run(config)
    every = list(results.values()) if isinstance(results, dict) else [results]
    if any(isinstance(one, sweeps.Plan) for one in every):
      print("\n".join(one.describe() for one in every))
      return 0
    sweeps_run = [one for one in every if isinstance(one, sweeps.Results)]
    missing = sum(len(one.missing) for one in sweeps_run)
    if missing:
      print(f"{missing} cells have no result yet, so no page was written. Run the other shares, "
            "then this command again.")
      return max(one.exit_code for one in sweeps_run)
    parts = results if isinstance(results, dict) else {"": results}
    parts = {name: one for name, one in parts.items() if isinstance(one, sweeps.Results)}
    found = dataclasses.replace(page(config, results), unwell=unwell.told(parts))
    seconds = time.perf_counter() - start + _before(sweeps_run, start)
    path = _written(found, config, page_lib.Made.now(seconds))
    for v in found.verdicts:
      print(f"{v.verdict:<11}  {v.published}  ({v.source})")
      print("\n".join(f"{'':13}{c.text}: {c.shown}, wanted {c.wanted}: {c.verdict}"
                      for c in v.claims) or f"{'':13}{v.why}")
    for line in found.unwell:
      print(f"did not end well: {line}")
    print(f"\n{tables.tally(found.verdicts)}\nwritten to {path}")
    return max((one.exit_code for one in sweeps_run), default=0)


def listed(values: Iterable[Any]) -> str:
  """Values as a sentence lists them: "1, 2"."""
  return ", ".join(map(str, values))


def sizes(config: Any, wide: str = "width") -> str:
  """The sizes of a study's models as its page tells them.

  Args:
    config: with ``layers``, ``d_model`` and ``head_dim``.
    wide: what the page calls ``d_model``.
  """
  return (f"layers {listed(config.layers)}, {wide} {listed(config.d_model)}, heads of "
          f"{listed(config.head_dim)}")


def _written(page: page_lib.Page, config: Any, made: page_lib.Made) -> pathlib.Path:
  """``_write``; what goes wrong only then is one line, which says where the results are.

  Raises:
    StorageFull: the disk is full; CannotWrite: a directory or file cannot be made.
  """
  try:
    return _write(page, config.pages, made)
  except sweeps.SweepError:
    raise
  except OSError as error:
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
    out = getattr(config, "out", None)
    kept = "" if out is None else (f" The results are kept in {out!r}: the same command with "
                                   "another --pages makes the page at once.")
    raise (sweeps.StorageFull if full else sweeps.CannotWrite)(explain_fault(
      "--pages", f"{config.pages!r}, which cannot be written: {error.strerror or error}",
      "a directory that can", f"Name another directory{', or free some space' if full else ''}"
      ) + kept) from error


def _write(page: page_lib.Page, directory: str, made: page_lib.Made) -> pathlib.Path:
  """Writes page and index; tells which page it replaces, and what the index leaves out."""
  path = pathlib.Path(directory) / f"{page.name}.md"
  before = page_lib.read(path.with_suffix(".json"))
  if path.exists() and before is not None and before.made.command != made.command:
    print(f"{path}, made on {before.made.date} by another command, is replaced: "
          f"{before.made.command}")
  page_lib.write(page, directory, made)
  catalogue.index(directory)
  for name, why in catalogue.pages(directory)[1].items():
    print(f"the index leaves out {name}: {why}")
  return path


def _before(every: list[sweeps.Results], start: float) -> float:
  """Seconds of training in earlier processes, whose results this one read."""
  begun = time.time() - (time.perf_counter() - start)
  groups: dict[Any, float] = {}
  for i, results in enumerate(every):
    for record in results:
      done = record["time"]
      if _epoch(done["finished"]) < begun - 1:
        key = i, record["group"]
        groups[key] = max(groups.get(key, 0.0), done["seconds"])
  return sum(groups.values())


def _epoch(text: str) -> float:
  return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
