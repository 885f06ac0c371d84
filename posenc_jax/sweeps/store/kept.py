# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The final state of each cell, in states/ID-ATTEMPT.npz, for ``restore`` and ``evaluate_only``.

A state is on disk before the record that names it, and the states of older attempts go only after
that record is there: at any instant a record's state is its own.

A file holds the leaves of one lane, the kinds of its random keys and, if the state is made of
dicts, lists and tuples, their structure. Any other tree (Flax, Equinox, dataclasses) takes the
experiment, whose ``init`` is asked for the structure; so the cells whose statics shaped the program
are there too.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps.cells import Cell, seed_words
from posenc_jax.sweeps.errors import CorruptStore
from posenc_jax.sweeps.experiment import Experiment, as_train, lane_key, traced_arrays
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.store import arrays

PyTree = Any
FOLDER = "states"


@dataclasses.dataclass(frozen=True)
class Kept:
  """The final state of a lane.

  Attributes:
    leaves: host arrays; of random keys their words.
    keys: for each leaf the name of its keys' kind, or None.
    shapes: settings of the cells whose statics shaped the program.
    structure: of dicts, lists and tuples with leaves' numbers; None for any other tree.
  """

  leaves: list[np.ndarray]
  keys: tuple[str | None, ...]
  shapes: tuple[Cell, ...]
  structure: Any = None


def structure_of(tree: PyTree) -> Any:
  """Dicts with text for keys, lists, tuples and None around numbers of leaves; else None.

  Example:
    >>> structure_of({"w": 0.5, "adam": (1.0, [2.0])})
    {'dict': {'adam': {'tuple': [0, {'list': [1]}]}, 'w': 2}}
  """
  number = iter(range(jax.tree.structure(tree).num_leaves))

  def walk(x: Any) -> Any:
    if x is None:
      return {"none": True}
    if type(x) is dict and all(type(k) is str for k in x):
      return {"dict": {k: walk(x[k]) for k in sorted(x)}}
    if type(x) in (list, tuple):
      return {type(x).__name__: [walk(item) for item in x]}
    if not jax.tree_util.all_leaves([x]):
      raise LookupError
    return next(number)

  try:
    return walk(tree)
  except LookupError:
    return None


def _build(structure: Any, leaves: Sequence[Any]) -> PyTree:
  if isinstance(structure, int):
    return leaves[structure]
  (kind, inner), = structure.items()
  if kind == "dict":
    return {k: _build(v, leaves) for k, v in inner.items()}
  if kind == "none":
    return None
  items = [_build(v, leaves) for v in inner]
  return tuple(items) if kind == "tuple" else items


def name_of(record: Record) -> str:
  """Where a record's state is, below the directory."""
  return f"{FOLDER}/{record['id']}-{record.get('attempt', 0)}.npz"


def save(directory: pathlib.Path, record: Record, kept: Kept) -> str:
  """Writes the state of a record that is not stored yet; returns its name."""
  name = name_of(record)
  header = {"cell": record["id"], "keys": kept.keys, "structure": kept.structure,
            "shapes": [dict(cell) for cell in kept.shapes]}
  arrays.write(directory / name, kept.leaves, header)
  return name


def load(directory: pathlib.Path, record: Record) -> Kept:
  """Reads the state that a record names.

  Raises:
    CorruptStore: it is damaged or gone.
  """
  path = directory / record["state"]
  found, why = arrays.read(path)
  if found is None:
    raise CorruptStore(explain_fault(f"{path}", f"what {why or 'is gone'}", "the state of a cell",
                                     "Train the cell again in another directory"))
  leaves, header, _ = found
  return Kept(leaves, tuple(header["keys"]), tuple(map(Cell, header["shapes"])),
              header["structure"])


def drop_others(directory: pathlib.Path, records: Iterable[Record]) -> None:
  """Removes the states of these cells that their records do not name."""
  for record in records:
    for path in (directory / FOLDER).glob(f"{record['id']}-*.npz"):
      if f"{FOLDER}/{path.name}" != record.get("state"):
        path.unlink(missing_ok=True)


def on_device(kept: Kept) -> list[jax.Array]:
  """The leaves as JAX arrays and random keys."""
  return [jax.numpy.asarray(leaf) if kind is None else jax.random.wrap_key_data(
    jax.numpy.asarray(leaf), impl=kind)
          for leaf, kind in zip(kept.leaves, kept.keys, strict=True)]


def static_of(experiment: Any, shapes: Sequence[Cell]) -> Any:
  """The static of the program that these cells shaped."""
  statics = tuple(dict.fromkeys(experiment.split(cell)[0] for cell in shapes))
  return statics[0] if len(statics) == 1 else experiment.merge(statics)


def state_struct(experiment: Experiment, static: Any, cell: Cell) -> PyTree:
  """What ``init`` returns for a lane, as shapes without numbers."""
  traced = traced_arrays(cell, experiment.split(cell)[1])
  train = as_train(experiment, static)
  return jax.eval_shape(lambda words, traced: train.init(traced, lane_key(*words)),
                        tuple(np.uint32(w) for w in seed_words(cell)), traced)


def restore(kept: Kept, cell: Mapping[str, Any], experiment: Experiment | None) -> PyTree:
  """The state as ``finish`` takes it, bit for bit.

  Args:
    kept: from ``load``.
    cell: whose it is.
    experiment: whose ``init`` tells the structure; None if dicts, lists and tuples are all of it.

  Raises:
    ValueError: the structure needs the experiment, or is not the experiment's.
  """
  leaves = on_device(kept)
  if experiment is None:
    if kept.structure is None:
      raise value_error("restore: experiment", "None", "the experiment, for this state is no tree "
                        "of dicts, lists and tuples alone", "Give restore(..., experiment=...)")
    return _build(kept.structure, leaves)
  cell = cell if isinstance(cell, Cell) else Cell(cell)
  struct = state_struct(experiment, static_of(experiment, kept.shapes), cell)
  wanted, tree = jax.tree.flatten(struct)
  kinds = lambda xs: [(x.shape, x.dtype) for x in xs]
  if kinds(wanted) != kinds(leaves):
    raise value_error("restore: experiment", f"a state of {kinds(wanted)}", f"{kinds(leaves)}",
                      "Give the experiment that made it")
  return jax.tree.unflatten(tree, leaves)


def lanes_of(group: Group, leaves: Sequence[np.ndarray], keys: Sequence[str | None], tree: PyTree
             ) -> list[Kept]:
  """The states of a group's cells.

  Args:
    group: whose.
    leaves: of all lanes, [width, ...] each, from ``checkpoint.to_host``.
    keys: their kinds.
    tree: a state of that structure.
  """
  structure = structure_of(tree)
  return [Kept([np.array(leaf[lane]) for leaf in leaves], tuple(keys), group.shapes, structure)
          for lane in range(len(group.cells))]
