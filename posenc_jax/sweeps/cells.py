# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A cell is one point of a grid: a frozen mapping of JSON scalars; its id is a hash of its content.

The id depends on nothing but names and values, so it is the same on every machine, in every order
of the grid and after the grid has grown. 1 and 1.0 are one value (a grid may write either); True is
not 1.
"""

import collections
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from posenc_jax._errors import explain_fault, type_error, value_error

Scalar = bool | int | float | str | None


def plain(name: str, value: Any) -> Scalar:
  """Returns ``value`` as a JSON scalar; NumPy scalars are converted.

  Raises:
    TypeError: it is no scalar.
    ValueError: it is NaN or infinite, which JSON cannot hold and no cell can mean.
  """
  if hasattr(value, "item") and getattr(value, "shape", None) == ():
    value = value.item()
  if isinstance(value, float) and not math.isfinite(value):
    raise value_error(f"cell: {name}", value, "a finite number", "JSON cannot hold NaN or inf")
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  raise type_error(f"cell: {name}", f"a {type(value).__name__}", "a bool, int, float, str or None",
                   "A list of values goes to grid(), which makes one cell of each")


def canonical_json(settings: Mapping[str, Scalar]) -> str:
  """Settings as one line of JSON that is the same for equal settings.

  Example:
    >>> canonical_json({"lr": 1.0, "encoding": "rope"})
    '{"encoding":"rope","lr":1}'
  """
  def canonical(v: Scalar) -> Scalar:
    return int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 2**53 else v

  settings = {name: canonical(v) for name, v in settings.items()}
  return json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)


def cell_id(settings: Mapping[str, Scalar]) -> str:
  """The first 64 bits of SHA-256 of the canonical JSON, as 16 hex digits."""
  return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


class Cell(Mapping[str, Scalar]):
  """A frozen, hashable mapping of settings, with a stable ``id``.

  Args:
    settings: a mapping of names to JSON scalars.
    **more: further settings by keyword.

  Raises:
    TypeError, ValueError: a value is no finite JSON scalar, or a name is no identifier.

  Example:
    >>> cell = Cell(encoding="rope", d_model=64, seed=1)
    >>> cell["d_model"], cell.id == Cell(seed=1, d_model=64.0, encoding="rope").id
    (64, True)
  """

  __slots__ = ("_settings", "id")

  def __init__(self, settings: Mapping[str, Any] | None = None, /, **more: Any):
    merged = {**(settings or {}), **more}
    for name in merged:
      if not isinstance(name, str) or not name.isidentifier():
        raise value_error("cell: name of a setting", repr(name), "a Python identifier",
                          "Use letters, digits and _")
    object.__setattr__(self, "_settings", {k: plain(k, merged[k]) for k in sorted(merged)})
    object.__setattr__(self, "id", cell_id(self._settings))

  def __setattr__(self, name: str, value: Any) -> None:
    raise AttributeError(explain_fault(f"cell: {name}", "an assignment", "none, a cell is frozen",
                                       f"Make another cell by cell.replace({name}=...)"))

  def __getitem__(self, name: str) -> Scalar:
    return self._settings[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._settings)

  def __len__(self) -> int:
    return len(self._settings)

  def __hash__(self) -> int:
    return hash(self.id)

  def __eq__(self, other: object) -> bool:
    if isinstance(other, Cell):
      return self.id == other.id
    return isinstance(other, Mapping) and self._settings == dict(other)

  def __repr__(self) -> str:
    return "Cell(" + ", ".join(f"{k}={v!r}" for k, v in self.items()) + ")"

  def __reduce__(self):
    return Cell, (dict(self._settings),)

  def replace(self, **changes: Any) -> "Cell":
    """The same cell with some settings changed or added."""
    return Cell(self._settings, **changes)

  def without(self, *names: str) -> "Cell":
    """The same cell without the named settings."""
    return Cell({k: v for k, v in self.items() if k not in names})


def _axis(name: str, given: Any) -> list[Scalar]:
  single = isinstance(given, (str, bytes)) or not isinstance(given, Iterable)
  single = single or getattr(given, "shape", None) == ()
  values = [plain(name, v) for v in ([given] if single else given)]
  if not values:
    raise value_error(f"the grid is empty: {name}", "no values", "at least one", "Give it a value")
  counts = collections.Counter(canonical_json({name: v}) for v in values)
  text, most = counts.most_common(1)[0]
  if most > 1:
    raise value_error(f"grid: {name}", f"{text} {most} times", "each value once",
                      "Drop the repeats")
  return values


def grid(**axes: Any) -> tuple[Cell, ...]:
  """Every combination of the axes' values, the last axis fastest.

  Args:
    **axes: an iterable of values each, or one value.

  Returns:
    A tuple of cells; tuples of several grids may be added.

  Raises:
    ValueError: an axis has no values, or one value twice.

  Example:
    >>> [cell["lr"] for cell in grid(encoding="rope", lr=[0.1, 0.01], seed=range(2))]
    [0.1, 0.1, 0.01, 0.01]
  """
  if not axes:
    raise value_error("the grid is empty: axes", "none", "at least one",
                      "Write for instance grid(d_model=[16, 32], seed=range(4))")
  values = {name: _axis(name, given) for name, given in axes.items()}
  points = itertools.product(*values.values())
  return tuple(Cell(dict(zip(values, point, strict=True))) for point in points)


def as_cells(cells: Iterable[Mapping[str, Any]]) -> tuple[Cell, ...]:
  """Checks a list of cells (or plain mappings): not empty, no cell twice.

  Raises:
    ValueError: the list is empty or repeats a cell.
    TypeError: an element is no mapping.
  """
  result = []
  for index, cell in enumerate(cells):
    if not isinstance(cell, Mapping):
      raise type_error(f"cells[{index}]", f"a {type(cell).__name__}", "a mapping of settings",
                       "Make the cells with grid(...)")
    result.append(cell if isinstance(cell, Cell) else Cell(cell))
  if not result:
    raise value_error("the grid is empty: cells", "no cells", "at least one",
                      "Make them with grid(...)")
  first: dict[str, int] = {}
  for index, cell in enumerate(result):
    if first.setdefault(cell.id, index) != index:
      raise value_error(f"cells[{index}]", f"{cell!r}, which is cells[{first[cell.id]}] again",
                        "each cell once", "Drop the repeats")
  return tuple(result)


def seed_words(cell: Cell) -> tuple[int, int, int]:
  """The three uint32 that make a lane's key: the seed, then both halves of the id without the seed.

      key = fold_in(fold_in(key(seed), high), low)

  Cells that differ in anything but the seed have unrelated keys. The key depends on no order, group
  or device, so a grown grid leaves it as it was. (An experiment that wants the same data for all
  its encodings derives it from ``traced["seed"]`` instead.)

  Raises:
    ValueError: the seed is no integer from 0 to 2**31 - 1.
  """
  seed = cell.get("seed", 0)
  if isinstance(seed, float) and seed.is_integer():
    seed = int(seed)
  if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
    raise value_error("cell: seed", repr(seed), "an integer from 0 to 2**31 - 1",
                      "Number the seeds from 0")
  rest = int(cell.without("seed").id, 16)
  return seed, rest >> 32, rest & 0xFFFFFFFF
