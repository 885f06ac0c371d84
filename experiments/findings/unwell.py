# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lanes that did not end well, in words."""

import collections
from collections.abc import Mapping

from posenc_jax import sweeps
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.records import Record


def told(parts: Mapping[str, sweeps.Results]) -> tuple[str, ...]:
  """A line for each setting with lanes that diverged, failed or have numbers that are not finite.

  Args:
    parts: the results of a script by part; a line names its part if there are several.

  Example:
    >>> records = [{"cell": {"encoding": "alibi", "seed": s}, "status": status, "metrics": {}}
    ...            for s, status in enumerate(["diverged", "ok", "diverged"])]
    >>> told({"models": sweeps.Results(tuple(records))})
    ('encoding alibi: 2 of 3 seeds, 2 diverged',)
  """
  lines = []
  for part, results in parts.items():
    groups: dict[Cell, list[str]] = {}
    for record in results:
      groups.setdefault(Cell(record["cell"]).without("seed"), []).append(_status(record))
    names = [n for n in results.settings if n == "encoding" or n in results.varying()]
    names.sort(key=lambda name: name != "encoding")
    for settings, statuses in groups.items():
      counts = collections.Counter(s for s in statuses if s != "ok")
      if counts:
        of = ", ".join(f"{name} {settings[name]}" for name in names if name in settings)
        lines.append(f"{part + ', ' if len(parts) > 1 else ''}{of}: {counts.total()} of "
                     f"{len(statuses)} seeds, " + ", ".join(f"{n} {s}" for s, n in counts.items()))
  return tuple(lines)


def _status(record: Record) -> str:
  bad = [name for name, value in record["metrics"].items() if value is None]
  return f"not finite in {', '.join(bad)}" if bad and record["status"] == "ok" else record["status"]
