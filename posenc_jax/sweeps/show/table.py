# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""table.csv: one row a cell, safe to open in a spreadsheet.

A spreadsheet takes text that starts with = + - @ (or a tab or carriage return) for a formula, so
such text gets an apostrophe in front. Numbers are written as numbers, the negative ones too.
"""

import csv
import io
from typing import Any

from posenc_jax.sweeps import tidy
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
  """All cells as CSV: settings, status, metrics, and series of few entries, such as lengths."""
  columns = tidy.cells(results)
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow([safe(name) for name in columns])
  for row in zip(*columns.values(), strict=True):
    writer.writerow([safe(value) for value in row])
  return text.getvalue()
