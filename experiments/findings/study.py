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
import time
from collections.abc import Callable
from typing import Any

from experiments.fields import option
from experiments.findings import page as page_lib
from experiments.findings import tables
from posenc_jax import sweeps

PAGES = "docs/results"
SMOKE_PAGES = "runs/smoke/results"
LARGE_PAGES = "docs/results/large"
SEEDS, SMOKE_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)


@dataclasses.dataclass(frozen=True)
class Paged:
  """The field of a study's Config beside those of its runs."""

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
  """
  with sweeps.exits():
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
    found = page(config, results)
    seconds = time.perf_counter() - start + _before(sweeps_run, start)
    path = page_lib.write(found, config.pages, page_lib.Made.now(seconds))
    page_lib.index(config.pages)
    for v in found.verdicts:
      print(f"{v.verdict:<11}  {v.published}  ({v.source})")
      print("\n".join(f"{'':13}{c.text}: {c.shown}, wanted {c.wanted}: {c.verdict}"
                      for c in v.claims) or f"{'':13}{v.why}")
    print(f"\n{tables.tally(found.verdicts)}\nwritten to {path}")
    return max((one.exit_code for one in sweeps_run), default=0)


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
