# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Successive halving: all settings train a little, the better ones train on, packed anew.

Jamieson and Talwalkar 2016, arXiv 1502.07943, algorithm 1, with a share that is kept in place of
one half. Lanes that are dropped free their part of the program, so a rung of a third of the lanes
takes about a third of the time. Differs from the paper: seeds of one setting stay together, and the
mean over them decides.
"""

import dataclasses
import functools
import math
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from posenc_jax._errors import check_choice, check_int, explain_fault, type_error, value_error
from posenc_jax.sweeps.cells import Cell, as_cells
from posenc_jax.sweeps.errors import SweepError
from posenc_jax.sweeps.experiment import DIRECTIONS, Experiment
from posenc_jax.sweeps.options import Options, make_options
from posenc_jax.sweeps.results import REPEATS, Results
from posenc_jax.sweeps.rounds.continued import Continued
from posenc_jax.sweeps.run.runner import run
from posenc_jax.sweeps.store import kept
from posenc_jax.sweeps.store.reading import load


def halving(
  experiment: Experiment,
  cells: Iterable[Mapping[str, Any]],
  rungs: Sequence[int],
  out: str | pathlib.Path | None = None,
  *,
  keep_share: float = 1 / 3,
  metric: str | None = None,
  direction: str | None = None,
  options: Options | None = None,
  **changes: Any,
) -> tuple[Results, ...]:
  """Trains all cells up to the first rung, the best of them up to the second, and so on.

  A lane goes on from its own state at its own step, so a survivor is trained as if nobody had been
  dropped beside it (to about 1e-6, as in any other packing). ``finish`` is run at each rung.

  Args:
    experiment: an Experiment whose ``make_train`` returns a ``Train``.
    cells: all settings.
    rungs: rising numbers of steps, such as ``(60, 120, 240)``, within ``Train.steps``. Schedules
      are those of the whole training: the state at a rung is one in the middle of it.
    out: a directory, with one for each rung inside: ``rung-60``, .. The same call goes on after a
      kill. None keeps the results only.
    keep_share: what part of the settings trains on, rounded up.
    metric: decides; None for the experiment's main metric.
    direction: "min" or "max"; None for what the experiment says.
    options, **changes: as in ``run``, but for ``shard``, ``distributed`` and ``evaluate_only``.

  Returns:
    Results of each rung. Settings with a lane that did not end well are not kept, unless all are
    such; then halving ends at that rung.

  Raises:
    ValueError: rungs that do not rise or are beyond the training's steps, a share not in (0, 1).
    What ``run`` raises.

  Example:
    >>> import jax
    >>> from posenc_jax import sweeps
    >>> def make_train(static):
    ...   init = lambda traced, key: jax.numpy.float32(1.0)
    ...   step = lambda w, traced, index: (w - traced["lr"] * w, {"loss": w * w})
    ...   return sweeps.Train(init, step, steps=8)
    >>> cells = sweeps.grid(lr=[0.01, 0.1, 0.2, 0.5, 0.7, 3.0])
    >>> rungs = sweeps.halving(sweeps.simple(make_train), cells, (2, 4, 8), progress=False)
    >>> [[record["cell"]["lr"] for record in results] for results in rungs]
    [[0.01, 0.1, 0.2, 0.5, 0.7, 3.0], [0.5, 0.7], [0.7]]
  """
  options = _checked(rungs, keep_share, direction, make_options(options, changes))
  with tempfile.TemporaryDirectory() as scratch:
    directory = pathlib.Path(scratch if out is None else out)
    options = dataclasses.replace(options, report=options.report and out is not None)
    chosen, state, start, found = as_cells(cells), None, 0, []
    for static in dict.fromkeys(experiment.split(cell)[0] for cell in chosen):
      Continued(experiment, 0, rungs[-1]).make_train(static)  # finds rungs beyond the training
    for rung in rungs:
      part = Continued(experiment, start, rung, state)
      results = run(part, chosen, directory / f"rung-{rung}", options=options)
      found.append(results if out is not None else dataclasses.replace(
        results, directory=None, restorer=None))
      chosen = survivors(results, keep_share, metric, direction)
      if not chosen or rung == rungs[-1]:
        break
      state, start = _states(results), rung
  return tuple(found)


def survivors(results: Results, keep_share: float, metric: str | None = None,
              direction: str | None = None) -> tuple[Cell, ...]:
  """The cells of the best settings, in the order of the grid; none if no setting ended well.

  Example:
    >>> records = [{"id": str(x), "cell": {"x": x}, "status": "ok", "metrics": {"loss": x}}
    ...            for x in (3.0, 1.0, 2.0)]
    >>> survivors(Results(tuple(records)), 0.5)
    (Cell(x=1.0), Cell(x=2.0))
  """
  chosen = results.main if metric is None else metric
  if chosen not in results.metrics and not any(record["status"] == "ok" for record in results):
    return ()
  metric, direction = results.ranking("halving", metric, direction)
  sign = 1.0 if direction == "min" else -1.0
  means = results.mean(metric)
  whole = [s for s in means if s.mean is not None and not s.failed]
  best = sorted(whole, key=lambda s: sign * (s.mean or 0.0))[:math.ceil(keep_share * len(means))]
  wanted = {s.settings for s in best}
  return tuple(cell for cell in (Cell(r["cell"]) for r in results)
               if cell.without(*REPEATS) in wanted)


def _checked(rungs: Any, keep_share: Any, direction: Any, options: Options) -> Options:
  if isinstance(rungs, str) or not isinstance(rungs, Sequence) or not rungs:
    raise type_error("halving: rungs", repr(rungs), "rising numbers of steps", "As in (60, 240)")
  for rung in rungs:
    check_int("halving: rungs", rung, "ints, at least 1", "As in (60, 240)", least=1)
  if list(rungs) != sorted(set(rungs)):
    raise value_error("halving: rungs", rungs, "numbers of steps that rise", "As in (60, 240)")
  if not isinstance(keep_share, int | float) or not 0 < keep_share < 1:
    raise value_error("halving: keep_share", keep_share, "a number between 0 and 1",
                      "1/3 keeps every third setting")
  if direction is not None:
    check_choice("halving: direction", direction, DIRECTIONS)
  if options.shard is not None or options.distributed or options.evaluate_only:
    raise value_error("halving: options", "shard, distributed or evaluate_only", "none of them",
                      "All results of a rung are needed before the next")
  return dataclasses.replace(options, keep=tuple(dict.fromkeys((*options.keep, "weights"))))


def _states(results: Results) -> Callable[[Cell], kept.Kept]:
  """The kept state of a cell, each read once; of one that went on in an earlier call too."""
  every = functools.cache(lambda: load(str(results.directory)))

  @functools.cache
  def state(cell: Cell) -> kept.Kept:
    known = any(record["id"] == cell.id for record in results)
    return _state(results if known else every(), cell)

  return state


def _state(results: Results, cell: Cell) -> kept.Kept:
  record = results[cell]
  if "state" not in record or results.directory is None:
    raise SweepError(explain_fault(
      "halving: out", f"a directory whose {cell!r} has no state", "states of all cells",
      "Start in another directory"))
  return kept.load(results.directory, record)
