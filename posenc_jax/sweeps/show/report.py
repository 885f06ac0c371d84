# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report of a sweep, made of nothing but its records.

    report.html          interactive, one file that loads nothing; needs altair, vl-convert-python
    report_static.html   the same without scripts, for mail
    table.csv            a row a cell
    figures/             each chart as PNG and SVG; needs matplotlib

Pictures in the folder attached/ beside them are shown and linked.
"""

import pathlib
import shlex

from posenc_jax._errors import counted
from posenc_jax.sweeps.errors import warn
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show import attached, written
from posenc_jax.sweeps.show import figures as drawing
from posenc_jax.sweeps.show.page import to_html
from posenc_jax.sweeps.show.static import to_static_html
from posenc_jax.sweeps.show.table import to_csv


def main_metric(results: Results) -> str | None:
  """The metric the report turns on: the first with a goal, else "loss", else the first."""
  return results.main


def narrower(shown: int, have: int, directory: pathlib.Path) -> tuple[str, ...]:
  """Notes of results that are some of those in a directory, as a report of them replaces the whole.

  Example:
    >>> narrower(1, 10, pathlib.Path("runs/compare"))
    ('report of 1 of 10 cells; python -m posenc_jax.sweeps runs/compare shows all',)
  """
  whole = f"python -m posenc_jax.sweeps {shlex.quote(str(directory))}"
  return (f"report of {shown} of {counted(have, 'cell')}; {whole} shows all",) * (shown < have)


def _without(what: str, error: ImportError) -> None:
  warn(f"{what} left out: {error}")


def _drawings(results: Results) -> list[tuple[str, bytes, bytes]]:
  """(title, PNG, SVG) of each chart; none, with a warning, without matplotlib."""
  try:
    found = drawing.figures_of(results)
  except ImportError:
    _without("figures and the charts of report_static.html are", ImportError(
      "matplotlib is not installed (pip install matplotlib)"))
    return []
  return [(title, drawing.to_bytes(figure, "png"), drawing.to_bytes(figure, "svg"))
          for title, figure in found]


def write_report(
  results: Results, directory: str | pathlib.Path, *, title: str | None = None,
  figures: bool = True,
) -> None:
  """Writes report.html, report_static.html, table.csv and figures/ into a directory.

  What needs a package that is not installed is left out with a warning. Files that an earlier
  report wrote are replaced or removed; a file of one of these names that no report wrote stays.

  Args:
    results: what ``run`` or ``load`` returned.
    directory: made if missing.
    title: of the page; None for the run's name or the directory's.
    figures: write PNG and SVG files, and put the charts into report_static.html.

  Raises:
    CannotWrite, StorageFull: the directory cannot be written.
  """
  directory = pathlib.Path(directory)
  title = str(title or (results.manifest or {}).get("name") or directory.resolve().name)
  contents = {"table.csv": to_csv(results).encode()}
  drawn = _drawings(results) if figures else []
  for index, (name, png, svg) in enumerate(drawn, start=1):
    stem = f"figures/{drawing.file_name(index, name)}"
    contents |= {f"{stem}.png": png, f"{stem}.svg": svg}
  files = attached.read(directory)
  static = to_static_html(results, title, [(name, svg) for name, _, svg in drawn], files)
  contents["report_static.html"] = static.encode()
  try:
    contents["report.html"] = to_html(results, title, files).encode()
  except ImportError as error:
    _without("the interactive report is", error)
  written.replace(directory, contents)
