# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What packing a sweep saves: the same cells in one program, one after another, and as processes.

  python -m experiments.benchmark_sweeps
  python -m experiments.benchmark_sweeps --parts=overhead,compiles

Times whole processes, imports and compiles included, as a user meets them. Prints a table of
ratios; it takes about ten minutes on two cores, most of them for the 24 single processes.
"""

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator

import jax

from experiments import compare, fields, script
from experiments.fields import option
from posenc_jax import sweeps
from posenc_jax.sweeps.experiment import as_train
from posenc_jax.sweeps.run import program

PARTS = ("packing", "compiles", "overhead", "cache")


@dataclasses.dataclass(frozen=True)
class Config:
  """What to measure.

  Attributes:
    parts: of ``PARTS``.
    steps, widths, lengths, seeds: of the 24 cells of "packing".
    overhead_steps: of the group whose overhead is measured, ten seconds or so.
    overhead_rounds: how often it is.
  """

  parts: tuple[str, ...] = option(PARTS, "what to measure", choices=PARTS)
  steps: int = option(200, "training steps of a cell", low=1)
  widths: tuple[int, ...] = (16, 32, 64)
  lengths: tuple[int, ...] = (32, 64)
  seeds: tuple[int, ...] = (0, 1, 2, 3)
  overhead_steps: int = 420
  overhead_rounds: int = 5

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    return fields.Check(self, bad).faults


@dataclasses.dataclass(frozen=True)
class Row:
  """One measured ratio."""

  measure: str
  against: str
  ours: float
  theirs: float
  unit: str = "s"

  def __str__(self) -> str:
    return (f"{self.measure:<48} {self.ours:8.2f} {self.unit:<8} {self.against:<42} "
            f"{self.theirs:8.2f} {self.unit:<8} ratio {self.ours / self.theirs:.3f}")


def _compare(out, *, widths, lengths, seeds, steps, encodings=("alibi",), more=()) -> float:
  """Seconds of one ``experiments.compare`` process."""
  by_comma = lambda values: ",".join(map(str, values))
  command = [sys.executable, "-m", "experiments.compare", "--noprogress",
             f"--encodings={by_comma(encodings)}", f"--d_model={by_comma(widths)}",
             f"--seq_len={by_comma(lengths)}", f"--seeds={by_comma(seeds)}", f"--steps={steps}",
             f"--out={out}", *more]
  start = time.perf_counter()
  done = subprocess.run(command, capture_output=True, text=True)
  if done.returncode:
    raise RuntimeError(done.stderr[-2000:])
  return time.perf_counter() - start


def packing(c: Config, scratch: pathlib.Path) -> list[Row]:
  """The 24 cells by the engine, in one process one after another, and as 24 processes."""
  grid = {"widths": c.widths, "lengths": c.lengths, "seeds": c.seeds, "steps": c.steps}
  packed = _compare(scratch / "packed", **grid)
  single = _compare(scratch / "single", **grid, more=["--batching=single"])
  alone = sum(_compare(scratch / f"{w}-{n}-{s}", widths=(w,), lengths=(n,), seeds=(s,),
                       steps=c.steps)
              for w in c.widths for n in c.lengths for s in c.seeds)
  count = len(c.widths) * len(c.lengths) * len(c.seeds)
  return [Row(f"{count} cells, one process, packed", f"{count} processes", packed, alone),
          Row(f"{count} cells, one process, packed", "one process, one run after another",
              packed, single)]


def compiles(c: Config, scratch: pathlib.Path) -> list[Row]:
  """Programs compiled for six training lengths."""
  lengths = (8, 12, 16, 20, 24, 32)
  _compare(scratch / "lengths", widths=(16,), lengths=lengths, seeds=(0,), steps=2)
  manifest = json.loads((scratch / "lengths" / "manifest.json").read_text())
  found = sum(run.get("compiles", 0) for run in manifest["runs"])
  return [Row("programs for 6 lengths", "one for each length", found, len(lengths), "")]


def overhead(c: Config, scratch: pathlib.Path) -> list[Row]:
  """A group by the engine, with store and checkpoints, against its bare compiled steps.

  Measured twice: in turns with the same steps as one scan, each compiled for its run, and against
  the time that the same run spent inside its own program, which depends less on a busy machine.
  """
  config = compare.Config(encodings=("alibi",), d_model=(64,), seq_len=(64,), seeds=(0, 1, 2, 3),
                          steps=c.overhead_steps)
  experiment, cells = config.experiment(), config.cells()
  times = {"bare": [], "engine": [], "inside": []}
  for i in range(c.overhead_rounds):
    bare = _bare(experiment, cells, c.overhead_steps)
    start = time.perf_counter()
    bare()
    times["bare"].append(time.perf_counter() - start)
    with _inside_programs() as inside:
      start = time.perf_counter()
      sweeps.run(experiment, cells, scratch / f"overhead-{i}", progress=False, report=False)
      total = time.perf_counter() - start
    manifest = json.loads((scratch / f"overhead-{i}" / "manifest.json").read_text())
    times["engine"].append(total - sum(r.get("compile_seconds", 0.0) for r in manifest["runs"]))
    times["inside"].append(sum(inside))
  bare_time, engine, inside = (statistics.median(times[n]) for n in ("bare", "engine", "inside"))
  measure = "a group by the engine, compiling left out"
  return [Row(measure, "its steps as one compiled scan", engine, bare_time),
          Row(measure, "the time in its own program", engine, inside)]


def _bare(experiment, cells, count):
  train = as_train(experiment, experiment.split(cells[0])[0])
  traced = [experiment.split(cell)[1] for cell in cells]
  _, lanes = program.stack_lanes(cells, traced, len(cells))
  init = jax.jit(jax.vmap(lambda t: train.init(t, jax.random.key(0)))).lower(lanes).compile()
  state = init(lanes)
  steps = jax.jit(jax.vmap(lambda s, t: jax.lax.scan(
      lambda s, i: train.step(s, t, i), s, jax.numpy.arange(count)))).lower(state, lanes).compile()
  finish = jax.jit(jax.vmap(train.finish)).lower(state, lanes).compile()

  def run():
    state, curves = steps(init(lanes), lanes)
    return jax.block_until_ready((finish(state, lanes), curves))

  return run


@contextlib.contextmanager
def _inside_programs() -> Iterator[list[float]]:
  """Seconds that the engine's programs run, as a list that grows."""
  seconds, own = [], {n: getattr(program.Program, n) for n in ("init", "advance", "finish")}

  def timed(function):
    def call(*args):
      start = time.perf_counter()
      out = jax.block_until_ready(function(*args))
      seconds.append(time.perf_counter() - start)
      return out
    return call

  try:
    for name, function in own.items():
      setattr(program.Program, name, timed(function))
    yield seconds
  finally:
    for name, function in own.items():
      setattr(program.Program, name, function)


def cache(c: Config, scratch: pathlib.Path) -> list[Row]:
  """A second process that finds the first one's programs in the compile cache."""
  rows = []
  for names in (("alibi",), compare.Config.encodings):
    where = scratch / f"programs-{len(names)}"
    where.mkdir(mode=0o700)
    once = lambda run, names=names, where=where: _compare(
        scratch / f"{run}-{len(names)}", widths=(32,), lengths=(32,), seeds=(0,), steps=2,
        encodings=names, more=[f"--compile_cache={where}"])
    cold = once("cold")
    rows.append(Row(f"a second process, compile cache on, {len(names)} programs", "the first",
                    once("warm"), cold))
  return rows


def run(config: Config) -> list[Row]:
  """Measures the wanted parts, one after another."""
  measures = {"packing": packing, "compiles": compiles, "overhead": overhead, "cache": cache}
  rows = []
  with tempfile.TemporaryDirectory() as scratch:
    for part in config.parts:
      for row in measures[part](config, pathlib.Path(scratch)):
        print(row, flush=True)
        rows.append(row)
  return rows


def main(config: Config) -> int:
  """Runs and prints."""
  print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, "
        f"Python {sys.version.split()[0]}")
  run(config)
  return 0


if __name__ == "__main__":
  script.start(Config, main, __doc__)
