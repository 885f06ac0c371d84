# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The colours of a report: one for each method, the best ones first if they are too many."""

import dataclasses

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show.views import Roles, group_of, roles_of

# Okabe and Ito's colours, which colour-blind readers can distinguish, and four more.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31",
           "#7f7f7f", "#9467bd")
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))


@dataclasses.dataclass(frozen=True)
class Group:
  """A colour of the report.

  Attributes:
    name: the value of the setting that gives the colours.
    colour: as #rrggbb.
    dash: pattern of its lines, for the groups beyond the number of colours.
    on: whether it is shown in colour at first; of many groups only the best are.
  """

  name: str
  colour: str
  dash: tuple[int, ...]
  on: bool


ALL = Group("all", "#333333", (1, 0), True)  # of a chart whose x axis is what gives the colours


def ranks(results: Results, roles: Roles) -> dict[str, float]:
  """{group: mean of its ranks}, 0 the best; {} if the main metric has no direction.

  The ranks are among all settings of a panel, by the mean over seeds, those without one last. Ranks
  are averaged, not numbers, as panels may differ more than methods do.
  """
  metric = results.main
  direction = metric and results.direction(metric)
  if not direction:
    return {}
  panels: dict[Cell, list] = {}
  for summary in results.mean(metric):
    where = Cell({n: summary.settings.get(n) for n in roles.panels})
    panels.setdefault(where, []).append(summary)
  found: dict[str, list[int]] = {}
  sign = 1 if direction == "min" else -1
  for summaries in panels.values():
    order = sorted(summaries, key=lambda s: (s.mean is None, sign * (s.mean or 0.0)))
    for rank, summary in enumerate(order):
      found.setdefault(group_of(summary.settings, roles), []).append(rank)
  return {name: sum(at) / len(at) for name, at in found.items()}


def groups_of(results: Results) -> tuple[Group, ...]:
  """All groups: in the order of the grid, or the best first if there are more than colours."""
  roles = roles_of(results)
  names = list(dict.fromkeys(group_of(Cell(r["cell"]), roles) for r in results))
  if len(names) > len(COLOURS):
    by_rank = ranks(results, roles)
    names.sort(key=lambda n: by_rank.get(n, 0.0))
  size = len(COLOURS)
  return tuple(Group(name, COLOURS[i % size], DASHES[i // size % len(DASHES)], i < size)
               for i, name in enumerate(names))
