# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Comparisons of ours with a peer's: a line to print, a CSV table, a picture of the ratios."""

import csv
import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Row:
  """One comparison; ``theirs`` is None for a peer that is not installed or cannot do it."""

  measure: str
  ours_name: str
  peer: str
  ours: float
  theirs: float | None
  unit: str
  note: str = ""

  @property
  def ratio(self) -> float | None:
    return None if self.theirs is None else self.ours / self.theirs

  def __str__(self) -> str:
    theirs = self.note if self.theirs is None else f"{self.theirs:10.4g} {self.unit}"
    ratio = "" if self.ratio is None else f"{self.ratio:8.3f}"
    return (f"{self.measure:<45} {self.ours_name:<10} {self.ours:10.4g} {self.unit:<4} "
            f"{self.peer:<28} {theirs:<18} {ratio}")


def write_table(rows: list[Row], path: pathlib.Path) -> None:
  """The rows as CSV; a peer without a value has its note in the value's place."""
  with open(path, "w", newline="", encoding="utf-8") as f:
    writer = csv.writer(f)
    writer.writerow(["measure", "ours", "peer", "ours_value", "peer_value", "unit", "ratio"])
    writer.writerows([r.measure, r.ours_name, r.peer, r.ours, r.theirs if r.theirs is not None
                      else r.note, r.unit, r.ratio] for r in rows)


def picture(rows: list[Row], path: pathlib.Path) -> None:
  """A dot for each ratio of time or memory on a log scale; left of 1 is faster or smaller."""
  from matplotlib.figure import Figure

  shown = [r for r in rows if r.ratio is not None and r.unit != "rad"][::-1]
  if not shown:
    return
  figure = Figure(figsize=(9, 1.1 + 0.26 * len(shown)), layout="constrained")
  axes = figure.subplots()
  for i, r in enumerate(shown):
    colour = "#0072B2" if r.ratio <= 1 else "#D55E00"
    axes.plot([r.ratio, 1], [i, i], color=colour, linewidth=1, alpha=0.4)
    axes.plot(r.ratio, i, "o", color=colour, markersize=5)
    axes.annotate(f"{r.ratio:.2g}", (r.ratio, i), (-7 if r.ratio <= 1 else 7, 0), fontsize=8,
                  textcoords="offset points", va="center", ha="right" if r.ratio <= 1 else "left")
  axes.set_yticks(range(len(shown)), [f"{r.measure}  /  {r.peer}" for r in shown], fontsize=8)
  axes.set_ylim(-0.8, len(shown) - 0.2)
  least, most = min(r.ratio for r in shown), max(r.ratio for r in shown)
  axes.set_xlim(least / 2.2, max(most, 1) * 1.8)
  axes.set_xscale("log")
  axes.axvline(1, color="0.3", linewidth=1)
  axes.grid(axis="x", alpha=0.3)
  axes.set_xlabel("ours / peer: time, or memory where it says so")
  axes.spines[["top", "right", "left"]].set_visible(False)
  axes.tick_params(axis="y", length=0)
  figure.savefig(path, dpi=150)
