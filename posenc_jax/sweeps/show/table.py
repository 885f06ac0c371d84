# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""table.csv: one row a cell, safe to open in a spreadsheet.

A spreadsheet takes text that starts with = + - @ (or a tab or carriage return) for a formula, so
such text gets an apostrophe in front. Numbers are written as numbers, the negative ones too.
"""

import csv
import io
from typing import Any

from posenc_jax.sweeps.results import Results

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(value: Any) -> Any:
  """A CSV field that no spreadsheet computes.

  Example:
    >>> safe("=1+1"), safe(-0.5), safe("rope"), safe(None)
    ("'=1+1", -0.5, 'rope', '')
  """
  if isinstance(value, str) and value.startswith(_FORMULA):
    return "'" + value
  return "" if value is None else value


def to_csv(results: Results) -> str:
  """All cells as CSV: settings, status, first bad step, metrics."""
  settings, metrics = results.settings, results.metrics
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow([safe(x) for x in [*settings, "status", "first_bad_step", *metrics, "id"]])
  for record in results:
    cell, found = record["cell"], record["metrics"]
    writer.writerow([safe(x) for x in [
      *(cell.get(name) for name in settings), record["status"], record["first_bad_step"],
      *(found.get(name) for name in metrics), record["id"]]])
  return text.getvalue()
