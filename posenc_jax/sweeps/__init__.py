# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sweeps: many models trained in one program; a killed sweep goes on where it was.

This is a whole sweep, as in a notebook. With a directory as its third argument, a second call of
``run`` trains only the cells that have no result yet.

>>> import jax
>>> from posenc_jax import sweeps
>>> def make_train(static):                      # static: what shapes the program
...   def train(traced, key):                    # traced: numbers; ONE lane, no batch of lanes
...     w = jax.random.normal(key, (static["width"],))
...     descend = lambda w, _: (w - traced["lr"] * w, (w**2).mean())
...     w, losses = jax.lax.scan(descend, w, length=50)
...     return {"loss": losses[-1], "curve": losses}
...   return train
>>> cells = sweeps.grid(width=[4, 8], lr=[0.1, 0.03], seed=range(3))
>>> results = sweeps.run(sweeps.simple(make_train, static=["width"]), cells, progress=False)
>>> len(results), results.settings, results.mean("loss")[0].count
(12, ['width', 'lr', 'seed'], 3)

The parts, in the order of use:

  cells     ``Cell`` is one point, a frozen mapping with an ``id``; ``grid(**axes)`` makes all.
  experiment ``simple(make_train, static=[...])``, or a class with

      split(cell) -> (static, traced)         static hashable, traced a dict of numbers
      make_train(static) -> Train | train     train(traced, key) -> {"loss": ..., ...}

    and, if it can, merge(statics), cost(static), memory(static), settings, data, name: see
    ``Experiment``. With a ``Train(init, step, steps, finish, tokens=, axes=)`` the engine runs the
    loop over steps:

      init(traced, key) -> state
      step(state, traced, index) -> (state, {"loss": ...})     one step; its metrics become curves
      finish(state, traced) -> {"loss": ..., "loss_by_length": [n]}

    which gives live progress, curves, checkpoints inside a group and an end after Ctrl-C.
  plan      ``print(plan(experiment, cells, out, batching="auto").describe())`` is the dry run; with
            a directory, it counts what is missing there.
  run       ``run(experiment, cells, out, name=None, **options)`` -> ``Results``; see ``Options``
            for batching, max_lanes, memory_limit, devices, shard, distributed, checkpoint_seconds,
            timeout_seconds, max_deaths, repair, retry, retrain, keep, evaluate_only, report,
            tensorboard, compile_cache, profile_dir, argv. A cell that fails stops no other; results
            of edited code are refused, or trained again with ``retrain="changed"``.
  results   ``load(directory)`` -> ``Results``: iterate for records (dicts with cell, status,
            metrics, series, axes), ``results[cell]``, ``.mean(metric)`` of metrics and series,
            ``.best()``, ``.paired(by="encoding")``, ``.table()``, ``.to_pandas(series=False)``;
            ``.restore(cell)`` is its final state, if it was run with ``keep="weights"``.
            Means are over seeds only. ``goal={"accuracy": "max"}`` of the experiment names the main
            metric and its direction; without it that is the lowest loss.
  report    ``write_report(results, directory)``: report.html, report_static.html, table.csv,
            figures. ``argv=sweeps.command_line()`` among the options puts the command into it.
  errors    each has an ``exit_code``; a script's main says ``with sweeps.exits(): ...`` and ends
            with ``sys.exit(results.exit_code)``.

Nothing here imports flax or reads a flag.

The modules beside this one (cells, experiment, options, group, records, results, fingerprint,
devices, files, errors and their like) know no room. The rooms plan, store and show import only
them; run imports all.
"""

from posenc_jax.sweeps.cells import Cell, grid
from posenc_jax.sweeps.command import command_line
from posenc_jax.sweeps.errors import (
  CannotWrite,
  CorruptStore,
  DirectoryInUse,
  Interrupted,
  NoCoordinator,
  SettingsChanged,
  StorageFull,
  SweepError,
  SweepWarning,
  exit_code,
  exits,
)
from posenc_jax.sweeps.experiment import Experiment, Train, simple, split_by_name
from posenc_jax.sweeps.options import Options
from posenc_jax.sweeps.pairing import Difference
from posenc_jax.sweeps.plan.planner import Plan
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.rounds.halving import halving
from posenc_jax.sweeps.rounds.loop import Sampler, search
from posenc_jax.sweeps.rounds.trials import OptunaSampler
from posenc_jax.sweeps.run.dry_run import plan
from posenc_jax.sweeps.run.runner import run
from posenc_jax.sweeps.show.report import main_metric, write_report
from posenc_jax.sweeps.store.reading import load, restore
from posenc_jax.sweeps.summaries import Summary, VectorSummary

__all__ = [
  "CannotWrite",
  "Cell",
  "CorruptStore",
  "Difference",
  "DirectoryInUse",
  "Experiment",
  "Interrupted",
  "NoCoordinator",
  "Options",
  "OptunaSampler",
  "Plan",
  "Results",
  "Sampler",
  "SettingsChanged",
  "StorageFull",
  "Summary",
  "SweepError",
  "SweepWarning",
  "Train",
  "VectorSummary",
  "command_line",
  "exit_code",
  "exits",
  "grid",
  "halving",
  "load",
  "main_metric",
  "plan",
  "restore",
  "run",
  "search",
  "simple",
  "split_by_name",
  "write_report",
]
