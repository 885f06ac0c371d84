# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results in memory: records by cell, and their means over seeds."""

import dataclasses
import math
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps.cells import Cell, canonical_json
from posenc_jax.sweeps.records import Record

EXIT_DAMAGED = 65


@dataclasses.dataclass(frozen=True)
class Summary:
  """A metric over the repeats of one setting.

  Attributes:
    settings: the cell without what was averaged over.
    count: repeats with a finite value.
    failed: repeats without one (diverged, out of memory, not finite).
    mean: of the finite values; None if there are none.
    error: standard error of the mean, s / sqrt(count); None for fewer than two.
  """

  settings: Cell
  count: int
  failed: int
  mean: float | None
  error: float | None


def summarize(values: Sequence[float | None], settings: Cell) -> Summary:
  """Mean and standard error of the finite values.

  Example:
    >>> s = summarize([1.0, 3.0, None], Cell(lr=0.1))
    >>> s.count, s.failed, s.mean, s.error
    (2, 1, 2.0, 1.0)
  """
  finite = [v for v in values if v is not None]
  n = len(finite)
  mean = math.fsum(finite) / n if n else math.nan
  error = math.sqrt(math.fsum((v - mean) ** 2 for v in finite) / (n - 1) / n) if n > 1 else None
  return Summary(settings, n, len(values) - n, mean if n else None, error)


@dataclasses.dataclass(frozen=True)
class Results:
  """The records of a sweep; iterating gives them in the order of the grid.

  Attributes:
    records: one for each finished cell.
    missing: cells without one (of another share, or not yet run).
    manifest: the manifest, if the sweep is in a directory.
    directory: of the sweep, or None.
    notes: what was wrong with the files.
    exit_code: 0, or 65 if damaged lines were found and not repaired.
  """

  records: tuple[Record, ...]
  missing: tuple[Cell, ...] = ()
  manifest: dict[str, Any] | None = None
  directory: pathlib.Path | None = None
  notes: tuple[str, ...] = ()
  exit_code: int = 0

  def __iter__(self) -> Iterator[Record]:
    return iter(self.records)

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, cell: Cell | dict[str, Any]) -> Record:
    """The record of a cell."""
    wanted = cell.id if isinstance(cell, Cell) else Cell(cell).id
    for record in self.records:
      if record["id"] == wanted:
        return record
    raise KeyError(explain_fault("results: cell", repr(cell), f"one of {len(self)} with a result",
                                 "See results.missing for those to be run"))

  @property
  def metrics(self) -> list[str]:
    """Names of all metrics."""
    return sorted({name for record in self.records for name in record["metrics"]})

  @property
  def settings(self) -> list[str]:
    """Names of all settings, those that vary first, and of these text before numbers."""
    def order(name: str) -> tuple[bool, bool]:
      values = self.values(name)
      return len(values) < 2, not any(isinstance(v, str) for v in values)

    names = dict.fromkeys(name for record in self.records for name in record["cell"])
    return sorted(names, key=order)

  def values(self, setting: str) -> list[Any]:
    """The values a setting takes, in the order of the records."""
    found = {canonical_json({"v": r["cell"].get(setting)}): r["cell"].get(setting)
             for r in self.records}
    return list(found.values())

  def mean(self, metric: str = "loss", over: Sequence[str] = ("seed",)) -> list[Summary]:
    """Mean and standard error of a metric for each setting, over its repeats.

    Args:
      metric: a name in ``metrics``.
      over: the settings to average over.

    Returns:
      A Summary for each setting, in the order of the records.

    Raises:
      ValueError: no record has the metric.
    """
    if metric not in self.metrics:
      raise value_error("mean: metric", repr(metric), f"one of {self.metrics}", "Choose another")
    groups: dict[Cell, list[float | None]] = {}
    for record in self.records:
      key = Cell(record["cell"]).without(*over)
      groups.setdefault(key, []).append(
        record["metrics"].get(metric) if record["status"] == "ok" else None)
    return [summarize(values, key) for key, values in groups.items()]

  def table(self, metric: str = "loss") -> str:
    """The means as text, one line a setting.

    Example:
      >>> cell = {"lr": 0.1, "seed": 0}
      >>> record = {"id": "a", "cell": cell, "status": "ok", "metrics": {"loss": 2.0}}
      >>> print(Results((record,)).table())
      lr   loss  error  n
      0.1  2     -      1
    """
    names = [n for n in self.settings if n != "seed"]
    rows = [[*names, metric, "error", "n"]]
    for s in self.mean(metric):
      number = lambda x: "-" if x is None else f"{x:.4g}"
      failed = f" ({s.failed} failed)" if s.failed else ""
      rows.append([*(str(s.settings.get(n, "")) for n in names), number(s.mean), number(s.error),
                   f"{s.count}{failed}"])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                     for row in rows)


def collect(cells: Sequence[Cell], records: dict[str, Record], **about: Any) -> Results:
  """Results in the order of the cells, those without a record as ``missing``."""
  found = tuple(records[cell.id] for cell in cells if cell.id in records)
  return Results(found, tuple(c for c in cells if c.id not in records), **about)
