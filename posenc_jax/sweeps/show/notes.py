# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a drawn chart says of itself: its bars, and what it leaves out or does not name."""

from collections.abc import Sequence

from posenc_jax.sweeps.show.groups import Group
from posenc_jax.sweeps.show.views import Chart, Line, is_few, shown

MOST_LISTED = 3  # settings that a note names
_FIRST = ("run", "encoding")


def listed(names: Sequence[str]) -> str:
  """The first few names, and two dots for the others."""
  return "; ".join(names[:MOST_LISTED]) + ("; .." if len(names) > MOST_LISTED else "")


def line_name(line: Line) -> str:
  """A line's name: that of its colour and of what else it is."""
  return line.group + (f", {line.rest}" if line.rest else "")


def grey(chart: Chart, groups: Sequence[Group]) -> str:
  """How many methods have no colour and no name; "" if none is so."""
  on = {g.name: g.on for g in groups}
  here = {line.group for line in chart.lines}
  off = sum(not on.get(name, True) for name in here)
  return f"{off} of {len(here)} in grey, unnamed: the table has them" if off else ""


def fewer_seeds(chart: Chart) -> list[str]:
  """Lines some of whose seeds have no value somewhere: "a, 1 of 3 seeds (2 diverged)"."""
  found = []
  for panel in chart.panels:
    for line in panel.lines:
      worst = max(line.points.entries, key=lambda s: s.failed)
      if worst.failed:
        counts = sorted({s.count for s in line.points.entries})
        told = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        where = f"{line_name(line)} at {panel.title}" if panel.title else line_name(line)
        found.append(f"{where}, {told} of {worst.count + worst.failed} seeds ({worst.told})")
  return list(dict.fromkeys(found))


def spread(chart: Chart) -> str:
  """What bars or bands are, and where there are none."""
  kind = "bars" if is_few(chart) else "bands"
  drawn = {s.drawn is not None for line in chart.lines
           for s in (line.smooth or line.points).entries if s.mean is not None}
  if drawn == {True}:
    return f"{kind}: 95 % intervals"
  return (f"{kind}: 95 % intervals, where there are 3 seeds" if True in drawn
          else f"no {kind}: fewer than 3 seeds")


def only(chart: Chart) -> str:
  """What all lines have in common, of a chart whose lines have one name; "" of another."""
  lines = chart.lines
  if len({line_name(line) for line in lines}) > 1:
    return ""
  first = lines[0].settings
  names = [n for n in first if all(n in x.settings and x.settings[n] == first[n] for x in lines)]
  names.sort(key=lambda n: n not in _FIRST)
  return ", ".join(f"{n} {shown(first[n])}" for n in names)


def notes_of(chart: Chart, groups: Sequence[Group]) -> list[str]:
  """The lines of text above a drawn chart, in the order of their weight."""
  fewer, hollow = fewer_seeds(chart), "hollow points, " if is_few(chart) else ""
  return [note for note in (
    only(chart),
    grey(chart, groups),
    f"no line: {listed(chart.gone)}" if chart.gone else "",
    f"{hollow}fewer seeds: {listed(fewer)}" if fewer else "",
    spread(chart),
    f"smoothed: means of {chart.window} points" if chart.window > 1 else "") if note]
