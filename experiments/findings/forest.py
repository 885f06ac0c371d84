# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The picture of a page's claims: each interval, and on which side of its limit it lies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.findings.verdict import AGREES, DISAGREES, NO_CLAIM, Judged, Verdict

if TYPE_CHECKING:
  from matplotlib.figure import Figure

CAPTION = (
  "Every row that has an interval. The line is the limit, right of it is what was published; each "
  "row has a scale of its own, as their units differ: its farther end is at 1.")
_COLOURS = {AGREES: "#0072B2", DISAGREES: "#D55E00", NO_CLAIM: "0.55"}


def scaled(claim: Judged) -> tuple[float, float, float] | None:
  """(low end, mean, high end) of a claim's interval, 0 the limit, positive as published.

  None for a claim without an interval.

  Example:
    >>> from experiments.findings.statistics import Interval
    >>> scaled(Judged("x", "< 2", Interval(1.0, 0.0, 1.5, 5), 0.01, "agrees", False, ""))
    (0.25, 0.5, 1.0)
  """
  low, high, mean = claim.interval.low, claim.interval.high, claim.interval.mean
  if claim.exact or low is None or high is None:
    return None
  sign, limit = (1 if claim.wanted[0] == ">" else -1), float(claim.wanted[1:])
  ends = sorted(sign * (x - limit) for x in (low, high))
  most = max(map(abs, ends)) or 1.0
  return ends[0] / most, sign * (mean - limit) / most, ends[1] / most


def label(claim: Judged) -> str:
  """The name of a claim's row, with the limit if it is not 0: a margin is two rows of one name.

  Example:
    >>> from experiments.findings.statistics import Interval
    >>> label(Judged("a - b", "> -0.1", Interval(1.0, 0.0, 1.5, 5), 0.01, "agrees", False, ""))
    'a - b, wanted > -0.1'
  """
  return claim.text + ("" if float(claim.wanted[1:]) == 0 else f", wanted {claim.wanted}")


def forest(verdicts: Sequence[Verdict]) -> "Figure | None":
  """A row for each claim that has an interval; None if there is none."""
  from matplotlib.figure import Figure

  rows = [(c, at) for v in verdicts for c in v.claims if (at := scaled(c)) is not None]
  if not rows:
    return None
  figure = Figure(figsize=(9, 1.0 + 0.2 * len(rows)), layout="constrained")
  axes = figure.subplots()
  for i, (claim, (low, mean, high)) in enumerate(reversed(rows)):
    colour = _COLOURS[claim.verdict]
    axes.plot([low, high], [i, i], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot(mean, i, "o", color=colour, markersize=3.5)
  axes.axvline(0, color="0.2", linewidth=0.9)
  axes.set_yticks(range(len(rows)), [label(c) for c, _ in reversed(rows)], fontsize=7)
  axes.set_ylim(-0.8, len(rows) - 0.2)
  axes.set_xlim(-1.06, 1.06)
  axes.set_xticks([-1, 0, 1], ["the opposite", "limit", "as published"], fontsize=8)
  axes.grid(axis="y", alpha=0.2)
  axes.tick_params(axis="y", length=0)
  axes.spines[["top", "right", "left"]].set_visible(False)
  for verdict, colour in _COLOURS.items():
    if any(c.verdict == verdict for c, _ in rows):
      axes.plot([], [], "o-", color=colour, markersize=3.5, label=verdict)
  figure.legend(loc="outside upper right", ncols=3, fontsize=8, frameon=False)
  return figure
