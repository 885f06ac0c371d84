# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a series: limits that hold every mean, bands within what values can be, hidden lines.
"""

import numpy as np

from experiments.findings import pictures
from posenc_jax import sweeps


def results(**values):
  """A series over 1, 2, 4 of encodings; each value is a row for every seed."""
  return sweeps.Results(tuple(
    {"id": f"{name}{seed}", "cell": {"encoding": name.replace("_", "-"), "seed": seed},
     "status": "ok", "metrics": {}, "series": {"by": row},
     "axes": {"by": {"label": "length", "values": [1, 2, 4]}}}
    for name, rows in values.items() for seed, row in enumerate(rows)))


def bands(figure):
  return [np.concatenate([p.vertices[:, 1] for p in c.get_paths()])
          for c in figure.axes[0].collections]


def test_limits_hold_all_mean_lines_and_not_a_seed_alone():
  """One encoding is far above the other, and one of its seeds far above its mean."""
  far = results(a=[[1.0, 1.1, 1.2]] * 2, b=[[1.0, 3.0, 9.0], [1.0, 3.0, 5.0]])
  near = results(a=[[None, 0.5, 0.6]])
  figure = pictures.curves([("", far), ("", near)], "by", "x", "y", fitted=True)
  (low, high), own = (ax.get_ylim() for ax in figure.axes)
  assert 0.5 < low < 1.0 and 7.0 < high < 8.0
  assert 0.4 < own[0] < 0.5 and 0.6 < own[1] < 0.7
  assert pictures.mean_limits(results(), "by") is None
  low, high = pictures.mean_limits(results(a=[[2.0, 2.0, 2.0]]), "by")
  assert low < 2.0 < high


def test_bands_end_where_values_do():
  """Two seeds at 0 and 100 percent have an interval far beyond both."""
  shares = results(a=[[0.0, 100.0, 100.0], [100.0, 0.0, 99.0]])
  draw = lambda **how: bands(pictures.curves([("", shares)], "by", "x", "y", **how))[0]
  assert draw().min() < -100 and draw().max() > 200
  assert draw(within=(0, 100)).min() == 0 and draw(within=(0, 100)).max() == 100


def test_lines_under_others_are_told():
  """a is under c, drawn later; b has a point more than d, and e crosses all of them."""
  given = results(a=[[0.0, 5.0, 10.0]], b=[[0.0, 2.0, 4.0]], c=[[0.0, 5.0, 10.0]],
                  d=[[None, 2.0, 4.0]], e=[[10.0, 5.0, 0.0]])
  draw = lambda *panels: pictures.hidden(pictures.curves(panels, "by", "x", "y", limits=(0, 10)))
  assert draw(("at once", given)) == "Lines that others cover: at once, a under c."
  assert draw(("", given)) == "Lines that others cover: a under c."
  two = results(a=[[0.0, 5.0, 10.0]], b=[[0.0, 5.001, 10.0]], c=[[0.0, 5.0, 10.001]])
  assert draw(("x", two), ("y", given)) == (
    "Lines that others cover: x, a and b under c; y, a under c.")
  assert draw(("x", results(a=[[0.0, 5.0, 10.0]], b=[[0.0, 5.2, 10.0]]))) == ""
  short = results(a=[[1.0, None, None]], b=[[1.0, 2.0, None]])
  assert draw(("x", short)) == ""  # a single point is a mark, wider than a line
