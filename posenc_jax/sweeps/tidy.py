# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results as tidy columns: one row a cell, or one row a point of a series.

Settings come first. A metric or a column of ours that has a setting's name is "metrics/name" or
"record/name", so that no column hides another.
"""

from typing import TYPE_CHECKING, Any

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps.records import axis_values

if TYPE_CHECKING:
  import pandas

Columns = dict[str, list[Any]]
MOST_ENTRIES = 16


def _name(wanted: str, kind: str, taken: Columns) -> str:
  return f"{kind}/{wanted}" if wanted in taken else wanted


def _settings(results: Any) -> Columns:
  return {name: [r["cell"].get(name) for r in results] for name in results.settings}


def short_series(results: Any) -> dict[str, list[float]]:
  """{series: what its entries stand for}, of those with few enough to be columns, no curves."""
  found: dict[str, set[float]] = {}
  curves = set()
  for record in results:
    for name in record["series"]:
      found.setdefault(name, set()).update(axis_values(record, name))
      if record["axes"].get(name, {}).get("label") == "step":
        curves.add(name)
  return {name: sorted(at) for name, at in found.items()
          if name not in curves and len(at) <= MOST_ENTRIES}


def cells(results: Any) -> Columns:
  """{column: a value a cell}: settings, status, metrics, short series, seconds, id.

  Example:
    >>> from posenc_jax.sweeps.results import Results
    >>> record = {"id": "a", "cell": {"n": 1}, "status": "ok", "first_bad_step": None,
    ...           "metrics": {"loss": 2.0}, "series": {"loss_by_length": [2.0, 3.0]},
    ...           "axes": {"loss_by_length": {"label": "length", "values": [8, 16]}}}
    >>> list(cells(Results((record,))))[-6:]
    ['first_bad_step', 'loss', 'loss_by_length[8]', 'loss_by_length[16]', 'seconds', 'id']
  """
  found = _settings(results)
  for name in ("status", "first_bad_step"):
    found[_name(name, "record", found)] = [r.get(name) for r in results]
  for name in results.metrics:
    found[_name(name, "metrics", found)] = [r["metrics"].get(name) for r in results]
  for name, at in short_series(results).items():
    rows = [dict(zip(axis_values(r, name), r["series"][name], strict=False))
            if name in r["series"] else {} for r in results]
    for x in at:
      found[_name(f"{name}[{x:g}]", "series", found)] = [row.get(x) for row in rows]
  found[_name("seconds", "record", found)] = [r.get("time", {}).get("seconds") for r in results]
  found[_name("id", "record", found)] = [r["id"] for r in results]
  return found


def points(results: Any) -> Columns:
  """{column: a value a point of a series}: settings, status, series, axis, x, value, id."""
  names = results.settings
  ours = {}
  for name in ("status", "series", "axis", "x", "value", "id"):
    ours[name] = f"record/{name}" if name in names else name
  found: Columns = {name: [] for name in [*names, *ours.values()]}
  for record in results:
    for series, values in record["series"].items():
      label = record["axes"].get(series, {}).get("label", "index")
      for at, value in zip(axis_values(record, series), values, strict=False):
        row = [*(record["cell"].get(n) for n in names), record["status"], series, label, at, value,
               record["id"]]
        for column, entry in zip(found.values(), row, strict=True):
          column.append(entry)
  return found


def frame(columns: Columns) -> "pandas.DataFrame":
  """The columns as a DataFrame; raises ImportError that says what to install."""
  try:
    import pandas
  except ImportError as error:
    raise ImportError(explain_fault(
      "to_pandas", "an environment without pandas", "pandas",
      "Install it: pip install 'posenc_jax[report]'")) from error
  return pandas.DataFrame(columns)
