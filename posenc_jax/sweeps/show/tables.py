# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The tables of a report: means, cells that failed, the plan, the runs."""

import dataclasses
import json
import shlex
from collections.abc import Sequence
from typing import Any

from posenc_jax._errors import counted
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.html import Field, lines, number, table, text
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.results import REPEATS, Results
from posenc_jax.sweeps.show.views import by_setting, label, roles_of, shown
from posenc_jax.sweeps.summaries import Summary, over_lanes, summarize, vector_over_lanes
from posenc_jax.sweeps.tidy import short_series

MOST_ROWS = 1000


def _name(value: Any) -> Field:
  is_number = isinstance(value, int | float) and not isinstance(value, bool)
  return Field(shown(value), float(value) if is_number else None, "name")


def mean_text(summary: Summary) -> str:
  """"mean ± half of the 95 percent interval"; what became of the lanes if none ended well."""
  if summary.mean is None:
    return summary.told or "-"
  return number(summary.mean) + ("" if summary.half is None else f" ± {summary.half:.2g}")


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of means: its name, its direction if known, and a Summary for each setting."""

  name: str
  direction: str | None
  means: dict[Cell, Summary]


def columns_of(results: Results) -> list[Column]:
  """The main metric, series of few entries, then the other metrics."""
  groups = by_setting(results)

  def metric(name: str) -> Column:
    return Column(name, results.direction(name),
                  {cell: over_lanes(rs, name, cell) for cell, rs in groups.items()})

  found = [metric(results.main)] if results.main else []
  for name, at in short_series(results).items():
    vectors = {cell: vector_over_lanes(rs, name, cell) for cell, rs in groups.items()}
    entries = {cell: dict(zip(v.at, v.entries, strict=True)) for cell, v in vectors.items()}
    none = {cell: summarize([None] * len(rs), cell, [r["status"] for r in rs])
            for cell, rs in groups.items()}
    for x in at:
      found.append(Column(f"{name} [{x:g}]", results.direction(name),
                          {cell: e.get(x, none[cell]) for cell, e in entries.items()}))
  return found + [metric(name) for name in results.metrics if name != results.main]


def best_of(results: Results, column: Column) -> set[Cell]:
  """The settings with the best mean of their panel; none where the direction is unknown.

  A setting of which a lane failed is best only where all have such lanes.
  """
  if column.direction is None:
    return set()
  roles = roles_of(results)
  panels: dict[Cell, list[Summary]] = {}
  for summary in column.means.values():
    where = Cell({n: summary.settings.get(n) for n in roles.panels})
    panels.setdefault(where, []).append(summary)
  sign = 1 if column.direction == "min" else -1
  best = set()
  for summaries in panels.values():
    known = [(sign * s.mean, s) for s in summaries if s.mean is not None]
    known = [(x, s) for x, s in known if not s.failed] or known
    if len(summaries) > 1 and known:
      top = min(x for x, _ in known)
      best |= {s.settings for x, s in known if x == top}
  return best


def _seeds(records: Sequence[Record]) -> Field:
  done = sum(r["status"] == "ok" for r in records)
  if done == len(records):
    return Field(done, done)
  bad = [r["status"] for r in records if r["status"] != "ok"]
  told = ", ".join(f"{bad.count(s)} {s}" for s in dict.fromkeys(bad))
  return Field(f"{done} of {len(records)} ({told})", done, "bad")


def _parameters(record: Record) -> float | None:
  return record.get("parameters", record["metrics"].get("parameters"))


def results_table(results: Results) -> str:
  """Mean ± half an interval over seeds for each setting; the best of each panel in bold."""
  if not results.metrics:
    return "<p>No results yet.</p>"
  names, columns = results.varying(), columns_of(results)
  best = [best_of(results, column) for column in columns]
  groups = by_setting(results)
  has_size = any(_parameters(r) is not None for r in results)
  head = [*(Field(n, None, "name") for n in names), "seeds", *(c.name for c in columns), "seconds",
          *(["parameters"] if has_size else [])]
  rows = []
  for cell, records in list(groups.items())[:MOST_ROWS]:
    row = [*(_name(cell.get(n)) for n in names), _seeds(records)]
    for column, top in zip(columns, best, strict=True):
      summary = column.means.get(cell)
      kind = "best" if cell in top else "bad" if summary and summary.failed else ""
      row.append(Field("-" if summary is None else mean_text(summary),
                       None if summary is None else summary.mean, kind))
    seconds = sum(r.get("time", {}).get("seconds", 0.0) / lanes(results, r) for r in records)
    row.append(Field(f"{seconds:.3g}", seconds))
    if has_size:
      size = _parameters(records[0])
      row.append(Field("-" if size is None else f"{size:,.0f}", size))
    rows.append(row)
  cut = len(groups) - MOST_ROWS
  more = f"<p>{cut} more settings are in table.csv.</p>" if cut > 0 else ""
  return table(head, rows, kind="sortable") + more + f"<p>{text(_bold_note(results))}</p>"


def lanes(results: Results, record: Record) -> int:
  """How many lanes the record's group had, which trained in the same seconds."""
  counts = (results.manifest or {}).get("groups") or ()
  return next((len(g["cells"]) for g in counts if g["id"] == record.get("group")), 1)


def _bold_note(results: Results) -> str:
  roles = roles_of(results)
  where = f" of each {' and '.join(roles.panels)}" if roles.panels else ""
  note = "Mean over seeds ± half of its 95 percent interval. "
  known = {n: results.direction(n) for n in results.metrics if results.direction(n)}
  if known:
    told = ", ".join(f"{n} {'lowest' if d == 'min' else 'highest'}" for n, d in known.items())
    note += f"Bold: the best{where} ({told}). "
  unknown = [n for n in results.metrics if n not in known]
  if unknown:
    note += (f"No direction is known of {', '.join(unknown)}, so nothing is marked: the "
             "experiment's goal can say one. ")
  return note + "Seconds: of all seeds together, each its share of its group's training."


def failures(results: Results) -> str:
  """The cells that did not end well, and those not run; "" if there are none."""
  names = [*results.varying(), *(n for n in REPEATS if n in results.settings)]
  bad = [r for r in results if r["status"] != "ok"]
  parts = []
  if bad:
    rows = []
    for record in bad[:MOST_ROWS]:
      what = record.get("error") or "; ".join(
        f"{k}: {v}" for k, v in record.get("nonfinite", {}).items())
      step = record.get("first_bad_step")
      rows.append([*(_name(record["cell"].get(n)) for n in names),
                   Field(record["status"], None, "bad"), Field("" if step is None else step, step),
                   record.get("attempt", 0) + 1, Field(what, None, "what")])
    head = [*(Field(n, None, "name") for n in names), "status", "first bad step", "attempts",
            Field("what", None, "what")]
    parts.append(table(head, rows, kind="sortable"))
  if results.missing:
    told = "; ".join(label(c, [n for n in names if n in c]) for c in results.missing[:50])
    more = " ..." if len(results.missing) > 50 else ""
    parts.append(f"<p>Not run yet: {text(told)}{more}</p>")
  return "".join(parts)


def _span(cells: Sequence[dict], names: Sequence[str]) -> str:
  """What the cells of a group are: "encoding rope; seed 0, 1, 2"."""
  parts = []
  for name in names:
    values = list(dict.fromkeys(shown(c.get(name)) for c in cells))
    parts.append(f"{name} {', '.join(values[:8])}{' ...' if len(values) > 8 else ''}")
  return "; ".join(parts)


def plan_table(results: Results) -> str:
  """The groups that trained together, why, and how long each took; "" without a manifest."""
  manifest = results.manifest or {}
  groups, cells = manifest.get("groups") or (), manifest.get("cells") or {}
  if not groups:
    return ""
  names = [*results.varying(), *(n for n in REPEATS if n in results.settings)]
  seconds = {r.get("group"): r.get("time", {}).get("seconds") for r in results}
  rows = []
  for group in groups:
    took = seconds.get(group["id"])
    here = [cells[i] for i in group["cells"] if i in cells]
    rows.append([Field(group["id"], None, "name"), Field(_span(here, names), None, "what"),
                 Field(len(group["cells"]), len(group["cells"])),
                 Field("-" if took is None else f"{took:.3g}", took),
                 Field(group["why"], None, "what")])
  head = [Field("group", None, "name"), Field("cells", None, "what"), "lanes", "seconds",
          Field("why packed so", None, "what")]
  return table(head, rows, kind="sortable")


def wall_time(results: Results) -> str:
  """Training and compiling time in words, and how each run ended."""
  manifest = results.manifest or {}
  training = {r.get("group", r["id"]): r.get("time", {}).get("seconds", 0.0) for r in results}
  runs = manifest.get("runs") or ()
  compiling = sum(run.get("compile_seconds", 0.0) for run in runs)
  compiles = sum(run.get("compiles", 0) for run in runs)
  told = [f"{sum(training.values()):.4g} s of training in "
          f"{counted(len(training), 'group')}"]
  if runs:
    told.append(f"{compiling:.4g} s of lowering and compiling "
                f"{counted(compiles, 'program')}")
    told.append("; ".join(f"run {i} from {run.get('started')} to {run.get('ended')}: "
                          f"{run.get('status')}" for i, run in enumerate(runs, 1)))
  return ", ".join(told[:2]) + (". " + told[2] if runs else "") + "."


def command(results: Results) -> str:
  """The command that made the sweep, as one would type it."""
  argv = (results.manifest or {}).get("argv")
  return shlex.join(argv) if argv else (
    "not recorded (a call from a notebook or another program)")


def manifest_text(results: Results) -> str:
  """The manifest without its grid and packing, escaped."""
  left_out = ("cells", "groups", "crc32", "runs")
  found = {k: v for k, v in (results.manifest or {}).items() if k not in left_out}
  return lines(json.dumps(found, indent=1, ensure_ascii=False))
