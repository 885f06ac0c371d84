# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares position encodings: trains small language models on real text, tests them beyond it.

  python -m experiments.compare
  python -m experiments.compare --encodings=rotary,alibi --d_model=64 --seq_len=64 --steps=300
  python -m experiments.compare --data_file=my_text.txt --out=runs/mine

Prints a table of nats per character at multiples of the training length, and leaves a run directory
with manifest, results.jsonl, table.csv, figures and a report. The same command continues a run that
was stopped. ``run(config)`` does the same from a notebook, without flags.
"""

import dataclasses

from absl import flags as absl_flags

from experiments import data as data_lib
from experiments import encodings, flags, language
from posenc_jax import sweeps
from posenc_jax._errors import explain_fault


@dataclasses.dataclass(frozen=True)
class Config:
  """What to compare; every field but the last two is a flag of the same name.

  Attributes:
    options: of the sweep, each a flag as well.
    corpus: the data, if it has been read already.
  """

  encodings: tuple[str, ...] = ("sinusoidal", "learned", "rotary", "alibi", "t5", "none")
  d_model: tuple[int, ...] = (32, 64)
  seq_len: tuple[int, ...] = (32, 64)
  eval_multiples: tuple[int, ...] = (1, 2, 4, 8)
  seeds: tuple[int, ...] = (0, 1, 2)
  learning_rate: tuple[float, ...] = (3e-3,)
  base: tuple[float, ...] = ()
  steps: int = 240
  layers: int = 2
  head_dim: int = 16
  batch_size: int = 16
  eval_characters: int = 8_192
  data: str = "web"
  data_file: str | None = None
  out: str | None = "runs/compare"
  dry_run: bool = False
  options: sweeps.Options = sweeps.Options()
  corpus: data_lib.Corpus | None = dataclasses.field(default=None, repr=False, compare=False)

  def faults(self) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    found = encodings.faults(list(self.encodings), self.head_dim)
    lists = ("encodings", "d_model", "seq_len", "eval_multiples", "seeds", "learning_rate", "base")
    for name in lists:
      values = getattr(self, name)
      if not values and name != "base":
        found.append(explain_fault(f"--{name}", "no values, so the grid is empty", "at least one",
                                   "Give it a value"))
      if len(set(values)) < len(values):
        found.append(explain_fault(f"--{name}", list(values), "each value once",
                                   "Drop the repeats"))
    for width in self.d_model:
      if width % self.head_dim:
        near = max(width // self.head_dim, 1) * self.head_dim
        found.append(explain_fault(
          "--d_model", width, f"a multiple of --head_dim={self.head_dim}", f"Use {near}"))
    if self.eval_multiples and self.seq_len:
      longest = max(self.eval_multiples) * max(self.seq_len)
      least = longest * language.STRETCHES
      if self.eval_characters < least:
        found.append(explain_fault(
          "--eval_characters", self.eval_characters, f"{least} for {language.STRETCHES} stretches "
          f"of the longest evaluation, {longest}", "Raise it, or lower --eval_multiples"))
    return found

  def cells(self) -> tuple[sweeps.Cell, ...]:
    """The grid, encodings slowest, so that groups finish encoding by encoding."""
    axes = {"encoding": self.encodings, "d_model": self.d_model, "seq_len": self.seq_len,
            "learning_rate": self.learning_rate, "seed": self.seeds}
    return sweeps.grid(**axes, **({"base": self.base} if self.base else {}))

  def experiment(self) -> language.LanguageModel:
    """Reads the data unless it is there; raises ValueError if it cannot be used."""
    return language.LanguageModel(self.corpus or self.read(), language.Settings(
        self.layers, self.head_dim, self.batch_size, self.steps, tuple(self.eval_multiples),
        self.eval_characters))

  def read(self) -> data_lib.Corpus:
    """The corpus; raises ValueError if it cannot be used."""
    return data_lib.load_text(self.data, self.data_file, longest_window=self.eval_characters)


def run(config: Config) -> sweeps.Results | sweeps.Plan:
  """Trains and evaluates what has no result yet.

  Args:
    config: what to compare.

  Returns:
    ``sweeps.Results``; with ``dry_run`` the ``sweeps.Plan`` instead.

  Raises:
    flags.Faults: the config does not make sense.
    ValueError: the data cannot be used.

  Example:
    >>> tiny = Config(encodings=("none",), d_model=(16,), seq_len=(8,), seeds=(0,), steps=2,
    ...               layers=1, eval_characters=512, dry_run=True)
    >>> len(run(tiny).todo)
    1
  """
  faults = config.faults()
  if faults:
    raise flags.Faults(faults)
  experiment = config.experiment()
  if config.dry_run:
    return sweeps.plan(experiment, config.cells(), config.out, options=config.options)
  return sweeps.run(experiment, config.cells(), config.out, options=config.options)


def table(results: sweeps.Results) -> str:
  """Nats per token, mean and standard error over seeds, a row for each other setting.

  Lanes that diverged or failed are in no mean; the last column says how many seeds count.
  """
  if "loss_by_multiple" not in results.series:
    return "no results yet"
  vectors = results.mean("loss_by_multiple")
  multiples = sorted({m for vector in vectors for m in vector.at})
  lanes = {s.settings: s for s in results.mean("loss")}
  rows = []
  for vector in vectors:
    entries, lane = dict(zip(vector.at, vector.entries, strict=True)), lanes[vector.settings]
    cells = [f"{v:g}" if isinstance(v, float) else str(v) for v in vector.settings.values()]
    cells += [_number(entries.get(m, lane)) for m in multiples]
    total = lane.count + lane.failed
    rows.append([*cells, f"{lane.count} of {total}: {lane.told}" if lane.failed else str(total)])
  head = [*vectors[0].settings, *(f"{m:g}x" for m in multiples), "seeds"]
  width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
  line = lambda r: "  ".join(c.ljust(w) for c, w in zip(r, width, strict=True)).rstrip()
  return "\n".join([line(head), line(["-" * w for w in width]), *map(line, rows)])


def _number(summary: sweeps.Summary) -> str:
  """"mean +- standard error"; what became of the lanes if none has a value."""
  if summary.mean is None:
    return summary.told or "-"
  return f"{summary.mean:.3f}" + ("" if summary.error is None else f" +- {summary.error:.3f}")


def main(config: Config) -> int:
  """Runs, prints, returns the exit status."""
  with sweeps.exits():
    if config.dry_run:
      print(run(config).describe())
      return 0
    results = run(config)
    print("nats per character at multiples of the training length, mean +- standard error\n")
    print(table(results))
    if config.out is not None:
      print(f"\nwritten to {config.out}: report.html, table.csv, results.jsonl, figures/")
    return results.exit_code


_DEFAULT = Config()


def _list(name):
  return list(getattr(_DEFAULT, name))


if __name__ == "__main__":
  flags.words("encodings", _list("encodings"),
              f"encodings to compare, of: {', '.join(encodings.ENCODINGS)}; a+b chains two")
  flags.integers("d_model", _list("d_model"), "model widths, multiples of --head_dim")
  flags.integers("seq_len", _list("seq_len"), "training lengths, in characters")
  flags.integers("eval_multiples", _list("eval_multiples"), "evaluation lengths / training length")
  flags.integers("seeds", _list("seeds"), "seeds of parameters and batches", low=0)
  flags.floats("learning_rate", _list("learning_rate"), "peak learning rates of Adam", low=1e-9,
               high=10.0)
  flags.floats("base", [], "bases of rotary and sinusoidal frequencies; none: 10000", low=1.0)
  absl_flags.DEFINE_integer("steps", _DEFAULT.steps, "training steps", lower_bound=1)
  absl_flags.DEFINE_integer("layers", _DEFAULT.layers, "layers", lower_bound=1)
  absl_flags.DEFINE_integer("head_dim", _DEFAULT.head_dim, "dims of a head", lower_bound=1)
  absl_flags.DEFINE_integer("batch_size", _DEFAULT.batch_size, "sequences a step", lower_bound=1)
  absl_flags.DEFINE_integer("eval_characters", _DEFAULT.eval_characters,
                            "characters that each evaluation length predicts", lower_bound=1)
  absl_flags.DEFINE_enum("data", _DEFAULT.data, ["web", "kjv", "bbe"],
                         "text: World English, King James or Basic English Bible")
  absl_flags.DEFINE_string("data_file", None, "a UTF-8 text file to use instead")
  absl_flags.DEFINE_string("out", _DEFAULT.out, "run directory")
  absl_flags.DEFINE_bool("dry_run", False, "print the plan and stop")
  flags.define_sweep_options()

  def build() -> Config:
    """The config of the parsed flags, checked."""
    values = {f.name: absl_flags.FLAGS[f.name].value for f in dataclasses.fields(Config)
              if f.name not in ("options", "corpus")}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    config = Config(**values, options=flags.sweep_options(sweeps.command_line()))
    found = config.faults()
    try:
      config = dataclasses.replace(config, corpus=config.read())
    except (ValueError, ImportError) as error:
      found.append(str(error))
    if found:
      raise flags.Faults(found)
    return config

  flags.start(build, main)
