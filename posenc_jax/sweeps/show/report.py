# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report of a sweep: report.html, table.csv and figures, made of nothing but its records.

The page is one file that loads nothing and runs nothing: its content security policy allows inline
style only, charts are inline SVG, and every text that came from outside (names, settings, errors,
the manifest) is escaped.
"""

import json
import pathlib
import shlex
import warnings
from collections.abc import Sequence
from typing import Any

from posenc_jax.sweeps import files
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import SweepWarning
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show import svg, views
from posenc_jax.sweeps.show.figures import write_figures
from posenc_jax.sweeps.show.svg import text
from posenc_jax.sweeps.show.table import to_csv

MOST_ROWS = 1000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 14px/1.45 sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
table { border-collapse: collapse } th, td { padding: .2em .7em; text-align: right }
th { border-bottom: 1px solid #888 } tr:nth-child(even) td { background: #f4f4f4 }
td.name, th.name { text-align: left } .best { font-weight: bold } .bad { color: #a00 }
.key { margin-right: 1em; white-space: nowrap } .maps svg { margin: 0 1em 1em 0 }
pre { background: #f4f4f4; padding: .8em; overflow-x: auto; max-height: 30em }
"""


def main_metric(results: Results) -> str | None:
  """The metric the report turns on: "loss" if there is one, else the first."""
  return "loss" if "loss" in results.metrics else (results.metrics or [None])[0]


def _row(parts: Sequence[Any], names: int, tag: str = "td", classes: Sequence[str] = ()) -> str:
  """A table row; its first ``names`` parts are text on the left; classes go with the others."""
  cells = []
  for i, part in enumerate(parts):
    kind = "name" if i < names else (classes[i - names] if i - names < len(classes) else "")
    cells.append(f'<{tag} class="{kind}">{text(part)}</{tag}>')
  return "<tr>" + "".join(cells) + "</tr>"


def _mean(summary: Any) -> str:
  if summary.mean is None:
    return "-"
  error = "" if summary.error is None else f" ± {summary.error:.2g}"
  return svg.number(summary.mean) + error


def table_html(results: Results) -> str:
  """Mean ± standard error over seeds for each setting and metric, and how many seeds count."""
  names = views.varying(results)
  metrics = results.metrics
  if not metrics:
    return "<p>No results yet.</p>"
  by_metric = {m: {s.settings: s for s in results.mean(m)} for m in metrics}
  best = {m: min((s.mean for s in rows.values() if s.mean is not None), default=None)
          for m, rows in by_metric.items()}
  first = by_metric[metrics[0]]
  lines = [_row([*names, *metrics, "seeds"], len(names), "th")]
  for settings in list(first)[:MOST_ROWS]:
    found = [by_metric[m][settings] for m in metrics]
    total = found[0].count + found[0].failed
    done = max(s.count for s in found)
    count = str(total) if done == total else f"{done} of {total}"
    classes = ["best" if s.mean is not None and s.mean == best[m] else ""
               for m, s in zip(metrics, found, strict=True)]
    shown = ["" if settings.get(n) is None else settings[n] for n in names]
    lines.append(_row([*shown, *map(_mean, found), count], len(names), classes=[
      *classes, "" if done == total else "bad"]))
  cut = len(first) - MOST_ROWS
  more = f"<p>{cut} more settings are in table.csv.</p>" if cut > 0 else ""
  return f"<table>{''.join(lines)}</table>{more}<p>Mean ± standard error; lowest in bold.</p>"


def _failures(results: Results) -> str:
  bad = [r for r in results if r["status"] != "ok"]
  if not bad:
    return ""
  names = [*views.varying(results), *(n for n in views.REPEATS if n in results.settings)]
  lines = [_row([*names, "status", "first bad step", "what"], len(names), "th")]
  for record in bad[:MOST_ROWS]:
    cell = Cell(record["cell"])
    what = record.get("error") or "; ".join(f"{k}: {v}" for k, v in record["nonfinite"].items())
    step = "" if record["first_bad_step"] is None else record["first_bad_step"]
    lines.append(_row([*(cell.get(n, "") for n in names), record["status"], step, what],
                      len(names)))
  return f"<h2>Failed lanes</h2><table>{''.join(lines)}</table>"


def _about(results: Results) -> str:
  manifest = results.manifest or {}
  shown = {k: v for k, v in manifest.items() if k not in ("cells", "groups", "crc32")}
  shown["groups"] = [{"id": g["id"], "lanes": len(g["cells"]), "why": g["why"]}
                     for g in manifest.get("groups", [])]
  argv = manifest.get("argv")
  command = shlex.join(argv) if argv else "not recorded (a call from a notebook or another program)"
  listing = json.dumps(shown, indent=1, ensure_ascii=False)
  return (f"<h2>The command that made it</h2><pre>{_lines(command)}</pre>"
          f"<h2>Manifest</h2><pre>{_lines(listing)}</pre>")


def _lines(block: str) -> str:
  return "\n".join(text(line) for line in block.split("\n"))


def to_html(results: Results, title: str) -> str:
  """The whole page.

  Args:
    results: of one sweep, or of several with a setting ``run``.
    title: any text.

  Returns:
    HTML in which all text from outside is escaped.
  """
  fixed = {n: results.values(n)[0] for n in results.settings
           if n not in views.varying(results) and n not in views.REPEATS}
  status = [r["status"] for r in results]
  counts = ", ".join(f"{status.count(s)} {s}" for s in dict.fromkeys(status))
  counts = f": {counts}" if counts else ""
  missing = f", {len(results.missing)} not run yet" if results.missing else ""
  constant = "; ".join(f"{k} = {v}" for k, v in fixed.items())
  parts = [f"<h1>{text(title)}</h1><p>{len(results)} cells{text(counts)}{missing}.</p>"]
  if constant:
    parts.append(f"<p>The same in all: {text(constant)}.</p>")
  if results.notes:
    parts.append("<ul class='bad'>" + "".join(f"<li>{text(n)}</li>" for n in results.notes)
                 + "</ul>")
  parts.append("<h2>Results</h2>" + table_html(results))
  charts, heats = views_of(results)
  for chart in charts:
    parts.append(f"<h2>{text(chart.title)}</h2>{svg.draw_lines(chart)}<p>{svg.legend(chart)}</p>")
  if heats:
    low, high = views.heat_range(heats)
    drawn = "".join(f"<h3>{text(h.title)}</h3>{svg.draw_heat(h, low, high)}" for h in heats)
    parts.append(f"<h2>Heat maps, {text(heats[0].row)} × {text(heats[0].column)}</h2>"
                 f'<div class="maps">{drawn}</div>')
  parts += [_failures(results), _about(results)]
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
          f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
          '<meta name="referrer" content="no-referrer">'
          f"<title>{text(title)}</title><style>{_STYLE}</style></head><body>"
          + "\n".join(parts) + "</body></html>\n")


def views_of(results: Results) -> tuple[list[views.Chart], list[views.Heat]]:
  """All charts and heat maps of a sweep, for the page and for the figures alike."""
  metric = main_metric(results)
  charts = views.series_charts(results)
  if metric is None:
    return charts, []
  return charts + views.setting_charts(results, metric), views.heat_maps(results, metric)


def write_report(
  results: Results, directory: str | pathlib.Path, *, title: str | None = None,
  figures: bool = True,
) -> None:
  """Writes report.html, table.csv and figures/ into a directory.

  Args:
    results: what ``run`` or ``load`` returned.
    directory: made if missing.
    title: of the page; None for the run's name or the directory's.
    figures: write PNG and SVG files too; without matplotlib they are left out with a warning.

  Raises:
    CannotWrite, StorageFull: the directory cannot be written.
  """
  directory = pathlib.Path(directory)
  files.make_directory(directory)
  name = (results.manifest or {}).get("name")
  title = str(title or name or directory.resolve().name)
  files.write_atomic(directory / "table.csv", to_csv(results).encode())
  files.write_atomic(directory / "report.html", to_html(results, title).encode())
  if figures:
    charts, heats = views_of(results)
    try:
      write_figures(directory / "figures", charts, heats)
    except ImportError:
      warnings.warn("figures are left out: matplotlib is not installed (pip install matplotlib); "
                    "report.html has them all", SweepWarning, stacklevel=2)
