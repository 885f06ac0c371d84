# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A group: cells that train together, as lanes of one program.

Its cells in lane order, the cells whose statics shape its program, and its width all go to the
manifest, because a lane equals a solo run to about 1e-6 only, not bit for bit. Two groups are the
same exactly if all three are, which is what its id says.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import CorruptStore

_MEND = "Start in another output directory"


@dataclasses.dataclass(frozen=True)
class Group:
  """Cells that train together.

  Attributes:
    cells: in lane order.
    shapes: one cell for each static that the program must serve.
    width: lanes of the program; surplus ones repeat the first cell and are dropped.
    order: position in the sweep; decides whose share the group is.
    why: why it was packed so.
  """

  cells: tuple[Cell, ...]
  shapes: tuple[Cell, ...]
  width: int
  order: int
  why: str = ""

  @property
  def id(self) -> str:
    """Names the packing: the same cells in other lanes are another group."""
    parts = [*(c.id for c in self.cells), "shapes", *(c.id for c in self.shapes), str(self.width)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

  def halves(self, why: str) -> tuple["Group", "Group"]:
    """Two groups of half the lanes, for when the whole came to no good end; says why."""
    middle = (len(self.cells) + 1) // 2
    first, second = self.cells[:middle], self.cells[middle:]
    half = lambda cells: dataclasses.replace(
      self, cells=cells, width=middle, why=f"half of {self.id}, {why}")
    return half(first), half(second)

  def apart(self, statics: Mapping[Cell, Any]) -> tuple["Group", ...]:
    """A group for each static, as of a program that cannot be made for all of them.

    Args:
      statics: of every cell and shape.
    """
    parts = []
    for shape in self.shapes:
      cells = tuple(c for c in self.cells if statics[c] == statics[shape])
      if cells:
        parts.append(dataclasses.replace(self, cells=cells, shapes=(shape,), width=len(cells),
                                         why=f"part of {self.id}, whose program failed"))
    return tuple(parts)

  def to_json(self) -> dict[str, Any]:
    """The packing as the manifest keeps it."""
    return {"id": self.id, "cells": [c.id for c in self.cells],
            "shapes": [c.id for c in self.shapes], "width": self.width, "order": self.order,
            "why": self.why}

  @staticmethod
  def from_json(data: Mapping[str, Any], cells: Mapping[str, Cell]) -> "Group":
    """A recorded group; raises CorruptStore if it does not hang together."""
    try:
      group = Group(tuple(cells[i] for i in data["cells"]), tuple(cells[i] for i in data["shapes"]),
                    data["width"], data["order"], data["why"])
    except (KeyError, TypeError) as error:
      raise CorruptStore(explain_fault("manifest: groups", f"{str(data):.80} ({error!r})",
                                       "a group of its grid's cells", _MEND)) from error
    if group.id != data["id"] or not 0 < len(group.cells) <= group.width:
      raise CorruptStore(explain_fault(
        "manifest: groups", f"id {data['id']} for the cells and width of {group.id}",
        "the id of its content", _MEND))
    return group
