# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The plan that ``run`` would follow, for the user to read; finished cells are left out."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posenc_jax._errors import counted, value_error
from posenc_jax.sweeps import files
from posenc_jax.sweeps.cells import Cell, as_cells
from posenc_jax.sweeps.experiment import Experiment
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import Options, make_options
from posenc_jax.sweeps.plan import planner
from posenc_jax.sweeps.records import FAILURES
from posenc_jax.sweeps.run.code import MOST_TOLD, Changed, Code, statics_of
from posenc_jax.sweeps.store import manifest, reading
from posenc_jax.sweeps.store.code import CodeLog


def plan(
  experiment: Experiment,
  cells: Iterable[Mapping[str, Any]],
  out: str | pathlib.Path | None = None,
  *,
  options: Options | None = None,
  recorded: Sequence[Group] = (),
  done: Iterable[str] = (),
  parts: int = 1,
  **changes: Any,
) -> planner.Plan:
  """Packs cells into groups without running anything.

  Args:
    experiment: an Experiment.
    cells: the grid.
    out: the sweep's directory, which is only read; its groups are kept and its finished cells are
      not planned again. It replaces ``recorded`` and ``done``.
    options: how to pack; ``changes`` override single fields.
    recorded: groups of an earlier run.
    done: ids of finished cells.
    parts: among how many jobs the groups will be shared.
    **changes: fields of Options.

  Returns:
    A Plan.

  Raises:
    ValueError: the grid is empty or repeats a cell, or a cell does not suit the experiment; the
      options ask for evaluation alone.
    CorruptStore: the directory's manifest is damaged, or missing beside results.
    SettingsChanged: the directory has a sweep of other settings or data.
    CannotWrite: a run could not make the directory, or not write in it.

  Example:
    >>> from posenc_jax import sweeps
    >>> experiment = sweeps.simple(lambda static: print, static=["n"])
    >>> found = sweeps.plan(experiment, sweeps.grid(n=[1, 2], x=[0.0, 0.5]))
    >>> len(found.todo), found.compiles
    (2, 2)
  """
  options = make_options(options, changes)
  if options.evaluate_only:
    raise value_error("options: evaluate_only", True, "False, as a plan is of training",
                      "Leave it out, or run")
  if options.profile_dir is not None:
    files.check_directory(pathlib.Path(options.profile_dir))
  settled = packed_for = None
  cells, notes = as_cells(cells), []
  if out is not None:
    files.check_directory(pathlib.Path(out))
    found = reading.recorded(pathlib.Path(out))
    _check(experiment, found, pathlib.Path(out), options.repair)
    recorded, packed_for = found.groups, found.packed_for
    settled = None if options.shard else found.settled
    changed = _changed(experiment, found, pathlib.Path(out))
    done = [i for i, r in found.records.items() if r["status"] not in options.retry
            and not (i in changed.cells and r["status"] in FAILURES)]
    if changed.lines:
      told = "; ".join(changed.lines[:MOST_TOLD])
      notes = ["code or settings of the experiment have changed since "
               f"{counted(len(changed.cells), 'cell')} of the directory had results ({told}); a "
               "run lowers programs to see whether it matters, and if so mixes nothing unasked"]
  found = planner.plan(experiment, cells, options=options, recorded=recorded, settled=settled,
                       packed_for=packed_for, done=done, parts=parts)
  return dataclasses.replace(found, notes=(*found.notes, *notes))


def _check(experiment: Experiment, found: reading.Recorded, out: pathlib.Path, repair: bool
           ) -> None:
  """Raises what a run would raise on opening the directory."""
  if found.manifest is not None and isinstance(experiment, Experiment):
    reading.check_settings(out, found.manifest, manifest.identity(experiment))
  elif found.manifest is None and not repair:
    reading.check_no_orphans(out)


def _changed(experiment: Experiment, found: reading.Recorded, out: pathlib.Path) -> Changed:
  """What source says of the finished cells, of this grid or not, without lowering anything."""
  if not isinstance(experiment, Experiment):
    return Changed()  # The planner explains it.
  groups = statics_of((*found.groups, *found.divided), experiment, found.records)
  code = Code(experiment, CodeLog(out), ())
  every = [Cell(r["cell"]) for r in found.records.values()]
  return code.compare(groups, found.records, every, lambda text: None, lower=False)
