# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results in memory: records by cell, and their means over seeds."""

import collections
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from posenc_jax._errors import (
  check_choice,
  counted,
  describe,
  explain_fault,
  type_error,
  value_error,
)
from posenc_jax.sweeps import html, tidy
from posenc_jax.sweeps.cells import Cell, canonical_json
from posenc_jax.sweeps.experiment import DIRECTIONS
from posenc_jax.sweeps.pairing import Difference, paired
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.summaries import Summary, over_lanes, vector_over_lanes

if TYPE_CHECKING:
  import pandas

EXIT_DAMAGED = 65
EXIT_FAILED = 70
REPEATS = ("seed",)
SHOWN = 100  # rows in a notebook


@dataclasses.dataclass(frozen=True, repr=False)
class Results:
  """The records of a sweep; iterating gives them in the order of the grid.

  Attributes:
    records, missing: a record for each finished cell, and the cells without one.
    manifest: the manifest, if the sweep is in a directory.
    directory: of the sweep, or None.
    notes: what was wrong with the files.
    exit_code: 0; of ``run``, 70 if cells failed; 65 if damaged lines were found, not repaired.
    goal: "min" or "max" for metrics, the main one first; what the manifest says if empty.
    restorer: reads the kept state of a record; see ``restore``.
  """

  records: tuple[Record, ...]
  missing: tuple[Cell, ...] = ()
  manifest: dict[str, Any] | None = None
  directory: pathlib.Path | None = None
  notes: tuple[str, ...] = ()
  exit_code: int = 0
  goal: Mapping[str, str] = dataclasses.field(default_factory=dict)
  restorer: Callable[[Record, Any], Any] | None = dataclasses.field(
    default=None, repr=False, compare=False)

  def __repr__(self) -> str:
    """How many cells, what became of them, what may be asked for; no curves."""
    status = collections.Counter(record["status"] for record in self.records)
    each = ", ".join(f"{n} {s}" for s, n in status.items())
    told = [f"{counted(len(self), 'cell')}: {each}" if status else "no cells"]
    told += [f"{len(self.missing)} missing"] if self.missing else []
    told += [f"settings {', '.join(self.settings)}"] if self.settings else []
    told += [f"metrics {', '.join(self.metrics)}"] if self.metrics else []
    told += [f"series {', '.join(self.series)}"] if self.series else []
    return f"Results({'; '.join(told)})"

  def __str__(self) -> str:
    """The same, and the means of the main metric."""
    return repr(self) if self.main is None else f"{self!r}\n{self.table()}"

  def __iter__(self) -> Iterator[Record]:
    return iter(self.records)

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, cell: Cell | dict[str, Any]) -> Record:
    """The record of a cell; TypeError for what is no cell."""
    if not isinstance(cell, Cell | Mapping):
      raise type_error("results[..]", describe(cell), "a cell, such as {'seed': 0}",
                       "Use results.records[i] for the i-th record")
    wanted = cell.id if isinstance(cell, Cell) else Cell(cell).id
    for record in self.records:
      if record["id"] == wanted:
        return record
    raise KeyError(explain_fault("results: cell", repr(cell), f"one of {len(self)} with a result",
                                 "See results.missing for those to be run"))

  def restore(self, cell: Cell | dict[str, Any], experiment: Any = None) -> Any:
    """The final state of a cell, kept by ``keep="weights"``, bit for bit as ``finish`` takes it.

    Args:
      cell: which.
      experiment: tells the structure of a state that is more than dicts, lists and tuples; what
        ``run`` returned knows it.

    Raises:
      KeyError, CorruptStore, ValueError: it was not kept, is damaged, or needs the experiment.
    """
    record = self[cell]
    if "state" not in record or self.restorer is None:
      raise KeyError(explain_fault("results: state", f"none of {record['cell']}", "a kept one",
                                   'Run with keep="weights"'))
    return self.restorer(record, experiment)

  @property
  def metrics(self) -> list[str]:
    """Names of all metrics."""
    return sorted({name for record in self.records for name in record["metrics"]})

  @property
  def series(self) -> list[str]:
    """Names of all series, in the order of the records."""
    return list(dict.fromkeys(name for record in self.records for name in record.get("series", ())))

  @functools.cached_property
  def _columns(self) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in self.records for name in record["cell"])
    return {name: [record["cell"].get(name) for record in self.records] for name in names}

  @functools.cached_property
  def _values(self) -> dict[str, list[Any]]:
    # True is no 1, but 1.0 is: so JSON tells values apart, as it does in a cell's id.
    return {name: list({canonical_json({"v": v}): v for v in column}.values())
            for name, column in self._columns.items()}

  @functools.cached_property
  def settings(self) -> list[str]:
    """Names of all settings, those that vary first, in the order of the grid: slowest first."""
    changes = {name: sum(a != b for a, b in itertools.pairwise(column))
               for name, column in self._columns.items()}
    return sorted(changes, key=lambda name: (len(self._values[name]) < 2, changes[name]))

  def values(self, setting: str) -> list[Any]:
    """The values a setting takes, in the order of the records."""
    return list(self._values.get(setting, [None] if self.records else []))

  def varying(self) -> list[str]:
    """The settings with more than one value, but for the seed."""
    return [n for n in self.settings if n not in REPEATS and len(self._values[n]) > 1]

  def _goal(self) -> Mapping[str, str]:
    return self.goal or (self.manifest or {}).get("goal") or {}

  @property
  def main(self) -> str | None:
    """The main metric: the first with a goal, else "loss", else the first; None if there is none.

    Example:
      >>> record = {"cell": {}, "status": "ok", "metrics": {"accuracy": 0.5, "loss": 1.0}}
      >>> Results((record,)).main, Results((record,), goal={"accuracy": "max"}).main
      ('loss', 'accuracy')
    """
    metrics = self.metrics
    wanted = [*self._goal(), "loss", *metrics]
    return next((name for name in wanted if name in metrics), None)

  def direction(self, name: str) -> str | None:
    """"min" or "max", as the experiment's goal says; a loss is "min"; None for what nobody said."""
    return self._goal().get(name, "min" if "loss" in name.lower() else None)

  def _metric(self, function: str, metric: str | None, series: bool = True) -> str:
    found = self.main if metric is None else metric
    if found not in self.metrics:
      known = [*self.metrics, *(self.series if series else ())]
      raise value_error(f"{function}: metric", repr(found), f"one of {list(dict.fromkeys(known))}",
                        "Choose another")
    return found

  def ranking(self, function: str, metric: str | None = None, direction: str | None = None
              ) -> tuple[str, str]:
    """(metric, "min" or "max") by which a function says what is better.

    Args:
      function: its name, for errors.
      metric: a name in ``metrics``; None for the main metric.
      direction: "min" or "max"; None for what the experiment says.

    Raises:
      ValueError: no such metric, or no direction is known.

    Example:
      >>> record = {"cell": {}, "status": "ok", "metrics": {"loss": 1.0}}
      >>> Results((record,)).ranking("best")
      ('loss', 'min')
    """
    metric = self._metric(function, metric, series=False)
    direction = direction or self.direction(metric)
    if direction is None:
      raise value_error(f"{function}: direction", f"none for {metric!r}", "min or max",
                        f"Say direction=\"max\", or give the experiment goal={{{metric!r}: ...}}")
    check_choice(f"{function}: direction", direction, DIRECTIONS)
    return metric, direction

  def mean(self, metric: str | None = None, over: Sequence[str] = REPEATS) -> list[Any]:
    """Mean, standard error and 95 percent interval for each setting, over its repeats.

    A lane that diverged or failed is in no mean; it is counted in ``failed`` and ``statuses``.

    Args:
      metric: a name in ``metrics`` or ``series``, None for the main metric. Of a name in both,
        "series/name" is the series.
      over: the settings to average over.

    Returns:
      A Summary for each setting, in the order of the records; of a series, a VectorSummary.

    Raises:
      ValueError: no record has the metric, or no cell such a setting.

    Example:
      >>> records = [{"id": str(s), "cell": {"seed": s}, "status": "ok", "metrics": {"loss": 1.0},
      ...             "series": {"by_length": [1.0, 2.0 * s]}, "axes": {}} for s in (1, 2)]
      >>> vector, = Results(tuple(records)).mean("by_length")
      >>> vector.at, vector.mean
      ((0.0, 1.0), (1.0, 3.0))
    """
    unknown = [name for name in over if name not in (*REPEATS, *self.settings)]
    if isinstance(over, str) or unknown:
      raise value_error("mean: over", repr(over), f"a list of some of {self.settings}",
                        'As in over=["seed"]')
    groups: dict[Cell, list[Record]] = {}
    for record in self.records:
      groups.setdefault(Cell(record["cell"]).without(*over), []).append(record)
    series = (metric or "").removeprefix("series/")
    if metric not in self.metrics and series in self.series:
      return [vector_over_lanes(records, series, cell) for cell, records in groups.items()]
    metric = self._metric("mean", metric)
    return [over_lanes(records, metric, cell) for cell, records in groups.items()]

  @overload
  def best(self, metric: str | None = ..., *, by: None = ..., direction: str | None = ...,
           ) -> Summary | None: ...

  @overload
  def best(self, metric: str | None = ..., *, by: str, direction: str | None = ...,
           ) -> dict[Any, Summary | None]: ...

  def best(self, metric: str | None = None, *, by: str | None = None,
           direction: str | None = None) -> Any:
    """The setting with the best mean over seeds.

    One with a lane that diverged or failed is chosen only if every setting has such lanes.

    Args:
      metric: a name in ``metrics``; None for the main metric.
      by: a setting, such as "encoding", for the best of each of its values.
      direction: "min" or "max"; None for what the experiment says.

    Returns:
      A Summary, None if no lane ended well; with ``by`` a dict from each value to one.

    Raises:
      ValueError: no such metric or setting, or no direction is known.

    Example:
      >>> records = [{"id": str(lr), "cell": {"lr": lr, "seed": 0}, "status": "ok",
      ...             "metrics": {"loss": lr**2}} for lr in (0.5, 0.1)]
      >>> Results(tuple(records)).best().settings
      Cell(lr=0.1)
    """
    metric, direction = self.ranking("best", metric, direction)
    if by is None:
      return _best(self.mean(metric), direction)
    if by not in self.settings:
      raise value_error("best: by", repr(by), f"one of {self.settings}", "Choose another")
    means = self.mean(metric)
    return {value: _best([s for s in means if s.settings.get(by) == value], direction)
            for value in self.values(by)}

  def paired(
    self, by: str = "encoding", metric: str | None = None, *, against: Any = None,
  ) -> list[Difference]:
    """Differences between the values of one setting, over the seeds that both have.

    The lanes of a seed start from the same draws, so their difference varies less than either.

    Args:
      by: the setting whose values are compared.
      metric: a name in ``metrics``; None for the main metric.
      against: one value, to which all others are compared; None compares every pair.

    Returns:
      A Difference for each pair and each of the other settings, with a 95 percent t-interval.

    Raises:
      ValueError: no such metric, setting or value.

    Example:
      >>> records = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s}, "status": "ok",
      ...             "metrics": {"loss": s + x}}
      ...            for e, x in (("a", 1.0), ("b", 1.5)) for s in (0, 1)]
      >>> difference, = Results(tuple(records)).paired()
      >>> difference.first, difference.second, difference.count, difference.mean
      ('a', 'b', 2, 0.5)
    """
    return paired(self, by, self._metric("paired", metric), against, REPEATS)

  def to_pandas(self, *, series: bool = False) -> "pandas.DataFrame":
    """A tidy table: one row a cell, or with ``series`` one row a point of a series.

    Args:
      series: the points of all series in place of the cells' metrics.

    Returns:
      A DataFrame with the settings' columns first.

    Raises:
      ImportError: pandas is not installed.
    """
    return tidy.frame(tidy.points(self) if series else tidy.cells(self))

  def table(self, metric: str | None = None) -> str:
    """The means of a metric as text, one line a setting; None for the main metric.

    Example:
      >>> cell = {"lr": 0.1, "seed": 0}
      >>> record = {"id": "a", "cell": cell, "status": "ok", "metrics": {"loss": 2.0}}
      >>> print(Results((record,)).table())
      lr   loss  std_err  n
      0.1  2     -        1
    """
    names = [n for n in self.settings if n not in REPEATS]
    rows = self._means(self._metric("table", metric), names)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                     for row in rows)

  def _means(self, metric: str, names: Sequence[str]) -> list[list[str]]:
    """The means of a metric: a head and a row for each setting, of which ``names`` are shown."""
    rows = [[*names, metric, "std_err", "n"]]
    for s in self.mean(metric):
      number = lambda x: "-" if x is None else f"{x:.4g}"
      failed = f" ({s.told})" if s.failed else ""
      rows.append([*(str(s.settings.get(n, "")) for n in names), number(s.mean), number(s.error),
                   f"{s.count}{failed}"])
    return rows

  def _repr_html_(self) -> str:
    """What a notebook shows: the summary, the means of the main metric by what varies."""
    told = f"<p>{html.text(repr(self))}</p>"
    if self.main is None:
      return told
    head, *rows = self._means(self.main, self.varying())
    more = f"<p>{len(rows) - SHOWN} more rows: print(results.table())</p>" if len(
      rows) > SHOWN else ""
    return told + html.table(head, rows[:SHOWN]) + more


def _best(summaries: Sequence[Summary], direction: str) -> Summary | None:
  found = [s for s in summaries if s.mean is not None]
  whole = [s for s in found if not s.failed]
  sign = 1 if direction == "min" else -1
  return min(whole or found, key=lambda s: sign * (s.mean or 0.0), default=None)


def collect(cells: Sequence[Cell], records: dict[str, Record], **about: Any) -> Results:
  """Results in the order of the cells, those without a record as ``missing``."""
  found = tuple(records[cell.id] for cell in cells if cell.id in records)
  return Results(found, tuple(c for c in cells if c.id not in records), **about)
