# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ask and tell: a sampler proposes a round of cells, the sweep trains them, the sampler hears.

All rounds share one directory. A search that was killed is continued by the same call: the sampler
is asked again from the first round on, and ``run`` trains only what has no result. So a sampler
must ask for the same cells whenever it was told the same results; what it asked for is recorded,
and a sampler that asks for something else is refused.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from posenc_jax._errors import check_int, describe, explain_fault, type_error, value_error
from posenc_jax.sweeps import files
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.errors import CorruptStore, SettingsChanged
from posenc_jax.sweeps.experiment import Experiment, goal_of
from posenc_jax.sweeps.options import Options, make_options
from posenc_jax.sweeps.records import Record
from posenc_jax.sweeps.results import Results, collect
from posenc_jax.sweeps.run.runner import run

ROUNDS = "rounds.json"


class Sampler(Protocol):
  """What proposes cells: ``OptunaSampler``, or a class of one's own with these two methods."""

  # ``begin(goal)`` may be there too: it hears the experiment's goal before the first round.

  def ask(self) -> Iterable[Mapping[str, Any]]:
    """The cells of the next round; none ends the search. Cells of earlier rounds cost nothing."""
    ...

  def tell(self, results: Results) -> None:
    """Hears the results of the round that was asked for last, in the order of its cells."""
    ...


def search(
  experiment: Experiment,
  sampler: Sampler,
  rounds: int,
  out: str | pathlib.Path | None = None,
  *,
  name: str | None = None,
  options: Options | None = None,
  **changes: Any,
) -> Results:
  """Runs as many rounds of cells as asked for, each chosen by what the earlier ones gave.

  The cells of a round train together, packed as in ``run``: let a sampler propose as many as the
  machine trains at once.

  Args:
    experiment: an Experiment.
    sampler: see ``Sampler``; it must be new, as it is asked from the first round on.
    rounds: at most so many.
    out, name: as in ``run``; without a directory a search cannot be continued.
    options, **changes: as in ``run``, but for ``shard`` and ``distributed``.

  Returns:
    Results of the cells of all rounds, in the order in which they were asked for.

  Raises:
    ValueError: rounds < 1, an option that a search cannot have, no cells in the first round.
    SettingsChanged: the directory's search was asked for other cells in one of its rounds.
    What ``run`` raises.

  Example:
    >>> from posenc_jax import sweeps
    >>> class Halve:                          # a bisection: is the minimum left or right of here?
    ...   def __init__(self):
    ...     self.low, self.high = 0.0, 4.0
    ...   def ask(self):
    ...     middle = (self.low + self.high) / 2
    ...     self.x = [middle - 1e-3, middle + 1e-3]
    ...     return sweeps.grid(x=self.x)
    ...   def tell(self, results):
    ...     left, right = (record["metrics"]["loss"] for record in results)
    ...     self.low, self.high = (self.low, self.x[1]) if left < right else (self.x[0], self.high)
    >>> loss = lambda traced, key: {"loss": (traced["x"] - 1.3) ** 2}
    >>> parabola = sweeps.simple(lambda static: loss)
    >>> results = sweeps.search(parabola, Halve(), 8, progress=False)
    >>> len(results), round(results.best().settings["x"], 1)
    (16, 1.3)
  """
  options = _checked(sampler, rounds, options, changes)
  if name is not None:
    if out is None:
      raise value_error("search: out", "None with name", "a directory", "Give one")
    out = pathlib.Path(out) / files.check_name(name)
  quiet = dataclasses.replace(options, report=False)
  asked = _Asked(None if out is None else pathlib.Path(out))
  records: dict[Cell, Record] = {}
  begin = getattr(sampler, "begin", None)
  if begin is not None:
    begin(goal_of(experiment))
  for index in range(rounds):
    cells = _cells(sampler.ask())
    if not cells:
      break
    asked.note(index, cells)
    new = tuple(cell for cell in cells if cell not in records)
    if new:
      found = run(experiment, new, out, options=quiet)
      records |= {Cell(record["cell"]): record for record in found}
    sampler.tell(_results(experiment, cells, records))
  if not records:
    raise value_error("search: sampler", "no cells in the first round", "at least one",
                      "Let ask() return a list of cells")
  if out is None:
    return _results(experiment, tuple(records), records)
  return run(experiment, tuple(records), out, options=options)  # Trains nothing; writes the report.


def _checked(sampler: Any, rounds: Any, options: Options | None, changes: Mapping[str, Any]
             ) -> Options:
  if not all(callable(getattr(sampler, method, None)) for method in ("ask", "tell")):
    raise type_error("search: sampler", describe(sampler), "an object with ask() and tell(results)",
                     "OptunaSampler is one")
  check_int("search: rounds", rounds, "an int, at least 1", "Give the most rounds", least=1)
  options = make_options(options, changes)
  if options.shard is not None or options.distributed:
    raise value_error("search: options", "shard or distributed", "neither",
                      "A sampler must hear every result of a round before it asks for the next")
  return options


def _cells(asked: Any) -> tuple[Cell, ...]:
  """What a sampler asked for, each cell once."""
  asked = tuple(asked) if isinstance(asked, Iterable) else asked
  if not isinstance(asked, tuple) or not all(isinstance(cell, Mapping) for cell in asked):
    raise type_error("search: sampler", f"{describe(asked)} of ask()", "a list of cells",
                     "An empty list ends the search")
  return tuple(dict.fromkeys(Cell(cell) for cell in asked))


def _results(experiment: Experiment, cells: Sequence[Cell], records: Mapping[Cell, Record]
             ) -> Results:
  by_id = {record["id"]: record for record in records.values()}
  return collect(cells, by_id, goal=goal_of(experiment))


class _Asked:
  """The cells of each round, as recorded in a directory by this search or the killed one before."""

  def __init__(self, directory: pathlib.Path | None):
    self.path = directory and directory / ROUNDS
    self.rounds: list[list[str]] = []
    if self.path is not None and self.path.exists():
      try:
        self.rounds = json.loads(files.read(self.path))["rounds"]
      except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptStore(explain_fault(
          f"{self.path}", f"no list of rounds ({error!r})", "what a search has written",
          "Remove the file: the results are elsewhere, and the rounds are compared no more"
          )) from error

  def note(self, index: int, cells: Sequence[Cell]) -> None:
    """Records a round before it is trained; refuses one that was recorded with other cells."""
    ids = [cell.id for cell in cells]
    if index < len(self.rounds):
      if ids != self.rounds[index]:
        raise SettingsChanged(explain_fault(
          "search: sampler", f"other cells in round {index + 1} than {self.path} has",
          "the same cells for the same results",
          "Make the sampler as before (its space, lanes and seed), or use another directory"))
      return
    self.rounds.append(ids)
    if self.path is not None:
      files.make_directory(self.path.parent)
      files.write_atomic(self.path, json.dumps({"schema": 1, "rounds": self.rounds}).encode())
