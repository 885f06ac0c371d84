# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""report.html: one file with everything in it, which loads nothing.

Its content security policy allows the two scripts that are in it, by their hashes, and no other;
Vega runs by its interpreter, so that nothing is compiled from text. Names from outside stand in
escaped HTML or in JSON, and the script only ever makes text of them.
"""

import base64
import functools
import hashlib
import importlib.resources
from collections.abc import Sequence

from posenc_jax._errors import counted
from posenc_jax.sweeps.html import text
from posenc_jax.sweeps.results import REPEATS, Results
from posenc_jax.sweeps.show import attached, charts, heats, payload, tables, views
from posenc_jax.sweeps.show.attached import Attached
from posenc_jax.sweeps.show.groups import ALL, Group, groups_of
from posenc_jax.sweeps.show.headline import headline
from posenc_jax.sweeps.show.views import Chart, shown


@functools.cache
def resource(name: str) -> str:
  """A file beside this one."""
  folder = importlib.resources.files("posenc_jax.sweeps.show")
  return folder.joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
  return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def summary_html(results: Results, title: str) -> str:
  """The heading: how many cells, what became of them, what all have in common, notes."""
  status = [r["status"] for r in results]
  counts = ", ".join(f"{status.count(s)} {s}" for s in dict.fromkeys(status))
  counts = f": {counts}" if counts else ""
  missing = f", {len(results.missing)} not run yet" if results.missing else ""
  fixed = "; ".join(f"{n} = {shown(results.values(n)[0])}" for n in results.settings
                    if len(results.values(n)) == 1)
  parts = [f"<h1>{text(title)}</h1><p>{counted(len(results), 'cell')}{text(counts)}{missing}.</p>"]
  parts += [f'<p class="headline">{text(line)}</p>' for line in headline(results)]
  if fixed:
    parts.append(f"<p>The same in all: {text(fixed)}.</p>")
  if results.notes:
    notes = "".join(f"<li>{text(n)}</li>" for n in results.notes)
    parts.append(f'<ul class="bad">{notes}</ul>')
  groups = groups_of(results)
  most = sum(g.on for g in groups)
  order = "" if most == len(groups) else (
    f" There are {len(groups)} methods, in the order of their mean rank; the best {most} are in "
    "colour, the others in grey until they are chosen.")
  return "".join(parts) + f'<p class="note">{text(averages(results) + order)}</p>'


def averages(results: Results) -> str:
  """What is averaged, and what bars and bands are."""
  repeats = [f"{n} {', '.join(shown(v) for v in results.values(n)[:12])}"
             for n in REPEATS if n in results.settings]
  over = f" ({'; '.join(repeats)})" if repeats else ""
  rest = [n for n in results.varying()]
  apart = f" Over {', '.join(rest)} nothing is averaged." if rest else ""
  counts = {s.count + s.failed for s in results.mean(results.main)} if results.main else set()
  if counts == {1}:
    return (f"Every value is that of one seed{over}, so that there are no intervals and no order "
            f"is certain.{apart}")
  return (f"Every value is a mean over seeds only{over}; bars and bands are its 95 percent "
          f"t-interval, cut at a panel's edge; two seeds, whose interval is 12.7 standard errors "
          f"either way, have theirs in the table alone.{apart} A lane that diverged or failed "
          "is in no mean: what it would have been part of is marked, as in “2 of 3 seeds”.")


def chart_note(chart: Chart) -> str:
  """What a reader of the chart must know."""
  parts = []
  if chart.window > 1:
    parts.append(f"Smoothed: each seed's curve by a centred mean of {chart.window} points, before "
                 "the mean over seeds.")
  if any(panel.mark is not None for panel in chart.panels):
    parts.append("The dotted line marks the training length.")
  if chart.gone:
    shown_ = "; ".join(chart.gone[:20]) + (" ..." if len(chart.gone) > 20 else "")
    parts.append(f"No line, as no seed has a value: {shown_}.")
  return " ".join(parts)


def _figures(index: int, titles: Sequence[str], columns: int) -> str:
  panels = "".join(
    f'<figure><figcaption>{text(title)}</figcaption><div class="plot" data-chart="{index}" '
    f'data-panel="{i}"></div></figure>' for i, title in enumerate(titles))
  return f'<div class="panels columns{min(max(columns, 1), 4)}">{panels}</div>'


def _sections(results: Results, groups: Sequence[Group]) -> tuple[list[str], list[dict]]:
  """(sections of HTML, the data of the charts in them)."""
  names = [g.name for g in (*groups, ALL)]
  sections, data = [], []

  def add(title: str, note: str, titles: Sequence[str], columns: int, found: dict) -> None:
    # One panel may be wide; two or more stand side by side.
    kind = f'<p class="note">{text(note)}</p>' if note else ""
    control = '<p class="control"></p>' if found["kind"] == "paired" else ""
    sections.append(f"<section><h2>{text(title)}</h2>{kind}{control}"
                    f"{_figures(len(data), titles, columns)}</section>")
    data.append(found)

  drawn = views.series_charts(results)
  if results.main:
    drawn += views.setting_charts(results, results.main)
  for chart in drawn:
    columns = chart.columns if chart.columns > 1 else min(len(chart.panels), 3)
    add(chart.title, chart_note(chart), [p.title for p in chart.panels], columns,
        payload.chart_data(chart, names))
  for maps in heats.maps_of(results):
    note = "Darker is better. " if results.direction(maps.value) else "Darker is less. "
    add(maps.title, note + "A star: some seeds have no value.", [h.title for h in maps.heats],
        min(3, len(maps.heats)), payload.maps_data(maps, results.direction(maps.value)))
  pairs = payload.paired_data(results, groups)
  if pairs:
    add(f"Paired differences in {results.main}", paired_note(results), pairs["titles"],
        min(2, len(pairs["titles"])), pairs)
  return sections, data


def paired_note(results: Results) -> str:
  """What a paired difference is."""
  better = {"min": " Less than 0 is better.", "max": " More than 0 is better."}
  direction = results.main and results.direction(results.main)
  return ("Each is the mean over the seeds that both have of the one minus the other, with its 95 "
          "percent t-interval; grey where that contains 0. The intervals are not corrected for "
          "the number of comparisons." + better.get(direction or "", ""))


def about(results: Results) -> str:
  """The failed cells, the plan, the command and the manifest."""
  failed, plan = tables.failures(results), tables.plan_table(results)
  parts = [f"<section><h2>Failed and missing cells</h2>{failed}</section>"] if failed else []
  parts.append("<section><h2>Plan and wall time</h2>"
               f"<p>{text(tables.wall_time(results))}</p>{plan}</section>")
  parts.append(f"<section><h2>The command that made it</h2><pre>{text(tables.command(results))}"
               f"</pre><details><summary>Manifest</summary><pre>{tables.manifest_text(results)}"
               "</pre></details></section>")
  return "".join(parts)


def document(title: str, policy: str, style: str, body: str) -> str:
  """A whole page."""
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
          f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
          '<meta name="referrer" content="no-referrer">'
          '<meta name="viewport" content="width=device-width, initial-scale=1">'
          f"<title>{text(title)}</title><style>{style}</style></head><body>{body}</body></html>\n")


def to_html(results: Results, title: str, files: Sequence[Attached] = ()) -> str:
  """The interactive page.

  Args:
    results: of one sweep, or of several with a setting ``run``.
    title: any text.
    files: of the folder attached/.

  Returns:
    HTML that loads nothing, in which no text from outside is markup or script.

  Raises:
    ImportError: altair or vl-convert-python is not installed.
  """
  charts.check_installed()
  groups = groups_of(results)
  roles = views.roles_of(results)
  sections, data = _sections(results, groups)
  ours, bundle = resource("report.js") + resource("tables.js"), charts.bundle()
  policy = (f"default-src 'none'; script-src {_digest(bundle)} {_digest(ours)}; "
            "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'")
  table = tables.results_table(results)
  page = {"groups": [{"name": g.name, "colour": g.colour, "dash": g.dash, "on": g.on}
                     for g in (*groups, ALL)], "by": roles.colour or "", "charts": data}
  body = (
    f"<header>{summary_html(results, title)}<noscript><p>The charts need scripts; "
    "report_static.html has none.</p></noscript></header>"
    '<div id="bar"></div><main>'
    f"{''.join(sections)}<section><h2>Table</h2>{table}</section>"
    f"{attached.section(files)}{about(results)}</main>"
    f'<script type="application/json" id="data">{payload.to_json(page)}</script>'
    f"<script>{bundle}</script><script>{ours}</script>")
  return document(title, policy, resource("report.css"), body)
