# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""report_static.html: the report without scripts, for mail and for readers that run none.

Charts are matplotlib's SVG as images inside the page, so nothing in them is part of its markup.
"""

import base64
from collections.abc import Sequence

from posenc_jax.sweeps.html import Field, number, table, text
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show import attached, tables
from posenc_jax.sweeps.show.attached import Attached
from posenc_jax.sweeps.show.page import about, document, paired_note, resource, summary_html
from posenc_jax.sweeps.show.payload import interval_text
from posenc_jax.sweeps.show.views import label, roles_of, shown

POLICY = ("default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
          "form-action 'none'")
MOST_PAIRS = 200


def paired_table(results: Results) -> str:
  """Differences to the best value of the setting that gives the colours; "" if there are none."""
  roles, metric = roles_of(results), results.main
  if roles.colour is None or metric is None:
    return ""
  best = results.best(metric) if results.direction(metric) else None
  against = best.settings.get(roles.colour) if best else results.values(roles.colour)[0]
  if against is None:
    return ""
  found = [d for d in results.paired(roles.colour, metric, against=against) if d.mean is not None]
  rows = [[Field(shown(d.second), None, "name"), Field(label(d.settings, [
    n for n in results.varying() if n != roles.colour]), None, "name"), number(d.mean or 0.0),
    interval_text(d.over), d.count] for d in found[:MOST_PAIRS]]
  if not rows:
    return ""
  head = [Field(roles.colour, None, "name"), Field("at", None, "name"), "difference",
          "95 % interval", "shared seeds"]
  cut = f"<p>{len(found) - MOST_PAIRS} more.</p>" if len(found) > MOST_PAIRS else ""
  return (f"<section><h2>Paired differences in {text(metric)}, each {text(roles.colour)} minus "
          f"{text(shown(against))}</h2><p class=\"note\">{text(paired_note(results))}</p>"
          f"{table(head, rows)}{cut}</section>")


def to_static_html(results: Results, title: str, drawings: Sequence[tuple[str, bytes]],
                   files: Sequence[Attached] = ()) -> str:
  """The page without scripts.

  Args:
    results: of one sweep, or of several with a setting ``run``.
    title: any text.
    drawings: (title, SVG) of each chart; none without matplotlib.
    files: of the folder attached/.

  Returns:
    HTML that loads and runs nothing.
  """
  images = "".join(
    f'<section><h2>{text(name)}</h2><img alt="{text(name)}" src="data:image/svg+xml;base64,'
    f'{base64.b64encode(svg).decode()}"></section>' for name, svg in drawings)
  if not drawings:
    images = ('<p class="note">There are no charts: matplotlib was not installed where this page '
              "was made.</p>")
  body = (f"<header>{summary_html(results, title)}</header><main><section><h2>Table</h2>"
          f"{tables.results_table(results)}</section>{images}{paired_table(results)}"
          f"{attached.section(files)}{about(results)}</main>")
  return document(title, POLICY, resource("report.css"), body)
