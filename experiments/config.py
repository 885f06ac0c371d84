# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Config of scripts that train a task with encodings: fields, faults, the grid, the run."""

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, ClassVar, Self

import jax

from experiments import encodings, fields, training, vary
from experiments.encodings import Sizes, Spec
from experiments.fields import Check, Faults, option
from posenc_jax import sweeps
from posenc_jax._errors import clean, counted, describe, explain_fault

# Axes of the grid beside encoding, width, length and seed; their names are fields and in cells.
NUMBERS = tuple(f.name for f in dataclasses.fields(training.Settings))


def _axis(name: str, text: str, **bounds: Any) -> Any:
  """A field of NUMBERS: a list whose default is the one value of ``Settings``."""
  return option((getattr(training.Settings, name),), text, **bounds)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  """Models, encodings and optimizer of a task; every field with a text is a flag of that name.

  Lists are axes of the grid. A script adds fields and ``task``.

  Attributes:
    options: of the sweep, each a flag as well.
    both_ways: whether the encodings stand in layers that see the tokens after the query.
    several: the axes that may have several values beside encodings and seeds; None for all.
  """

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = {}
  both_ways: ClassVar[bool] = False
  several: ClassVar[tuple[str, ...] | None] = None

  encodings: tuple[str, ...] = option(
    ("sinusoidal", "learned", "rotary", "alibi", "t5", "none"),
    "encodings, of: " + ", ".join(encodings.ENCODINGS) + "; a+b chains two, t5(num_buckets=16) has "
    "settings, my_file.py:Kerple is your own")
  vary: tuple[str, ...] = option(
    (), "settings of encodings as axes, as in fire.threshold=8,16,32", empty=True, repeats=True)
  d_model: tuple[int, ...] = option((32, 64), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((32, 64), "training lengths, in tokens", low=1)
  seeds: tuple[int, ...] = option((0, 1, 2), "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  learning_rate: tuple[float, ...] = _axis("learning_rate", "peak learning rates of Adam",
                                           low=1e-9, high=10)
  base: tuple[float, ...] = option(
    (), "bases of the frequencies of encodings that have some; none: 10000", low=1, high=1e30,
    empty=True)
  layers: tuple[int, ...] = _axis("layers", "numbers of layers", low=1, high=1000)
  head_dim: tuple[int, ...] = _axis("head_dim", "dims of a head", low=1)
  batch_size: tuple[int, ...] = _axis("batch_size", "sequences a step", low=1, high=2**20)
  steps: tuple[int, ...] = _axis("steps", "training steps", low=1)
  warmup: tuple[float, ...] = _axis("warmup", "share of the steps in which the rate rises",
                                    low=0, high=1)
  clip: tuple[float, ...] = _axis("clip", "largest norm of the gradients; 0: any", low=0)
  weight_decay: tuple[float, ...] = _axis(
    "weight_decay", "AdamW's, of parameters with two axes or more", low=0, high=10)
  beta1: tuple[float, ...] = _axis("beta1", "Adam's, of the mean", low=0, high=1, below=True)
  beta2: tuple[float, ...] = _axis("beta2", "Adam's, of the square", low=0, high=1, below=True)
  epsilon: tuple[float, ...] = _axis("epsilon", "Adam's, beside the root", low=0, high=1)
  dropout: tuple[float, ...] = _axis("dropout", "rates of dropout", low=0, high=1, below=True)
  out: str | None = option("runs/training", "run directory; a second run finishes the first")
  dry_run: bool = option(False, "print the plan and stop")
  options: sweeps.Options = sweeps.Options()

  def __post_init__(self):
    if isinstance(self.vary, dict):
      object.__setattr__(self, "vary", tuple(
        f"{name}={','.join(map(str, _listed(values)))}" for name, values in self.vary.items()))
    for name in NUMBERS:  # one number is a list of one
      if isinstance(getattr(self, name), int | float) and not isinstance(getattr(self, name), bool):
        object.__setattr__(self, name, (getattr(self, name),))
    fields.tuples(self)

  @classmethod
  def preset(cls, name: str, **changes: Any) -> Self:
    """The config of ``--preset=name``, some fields changed."""
    return cls(**{**cls.PRESETS[name], **changes})

  def task(self) -> training.Task:
    """What is trained."""
    raise NotImplementedError

  def attach(self, results: sweeps.Results) -> None:
    """Puts what the report is to show of kept models into attached/, before it is written."""

  def specs(self) -> list[Spec]:
    """What the encodings are."""
    return [encodings.parse(text) for text in self.encodings]

  @property
  def labels(self) -> tuple[str, ...]:
    """The encodings as cells call them: of rotary(base=5e5) that is rotary(base=500000.0)."""
    return tuple(spec.label for spec in self.specs())

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong, values first; a script adds to it."""
    found = Check(self, bad)
    if found.sound("d_model", "head_dim"):
      for head_dim in self.head_dim:
        for width in self.d_model:
          if width % head_dim:
            found.add("d_model", width, f"a multiple of --head_dim={head_dim}",
                      f"Use {max(width // head_dim, 1) * head_dim}")
    if found.sound("encodings"):
      specs = list(self._parsed(found))
      if found.sound("d_model", "head_dim", "seq_len"):
        varied = self._check_vary(specs, found)
        self._check_built(specs, varied, found)
        if self.base and found.sound("base", "encodings", "vary") and not any(
            self._reads_base(spec, varied) for spec in specs):
          found.add("base", self.base, "an encoding whose base is not given otherwise, as in "
                    "--encodings=rotary", "Leave it out, or drop the other base")
    if found.sound("steps") and max(self.steps) >= 2**31:  # steps are counted in int32
      found.add("steps", max(self.steps), f"at most {2**31 - 1}", "Lower it")
    self._check_options(found)
    self._check_several(found)
    return found

  def _check_several(self, found: Check) -> None:
    """A page compares encodings: it has no mean over the values of another axis."""
    if self.several is None:
      return
    for name in (*NUMBERS, "d_model", "seq_len", "base"):
      values = getattr(self, name)
      if name not in self.several and found.sound(name) and len(values) > 1:
        found.add(name, values, "one number, as the page of this script "
                  "compares encodings", "Choose one, or give each --out and --pages of its own")
    if found.sound("encodings", "vary"):
      for axis in self.varied():
        if len(axis.values) > 1:
          found.add("vary", f"{len(axis.values)} values of {axis.name}", "one of each setting, as "
                    "the page of this script compares encodings", "Choose one, or use "
                    "experiments.compare")

  def _check_options(self, found: Check) -> None:
    if not isinstance(self.options, sweeps.Options):
      found.add("options", describe(self.options), "a sweeps.Options",
                "Write options=sweeps.Options(batching=\"single\")")
    elif self.options.evaluate_only and self.dry_run:
      found.add("evaluate_only", True, "either that or --dry_run",
                "A plan is of training: drop one of the two")
    elif self.options.devices is not None and not self.options.distributed:
      if self.options.devices > (have := jax.local_device_count()):
        found.add("devices", self.options.devices, f"at most {have}, which this process has",
                  "Leave it out to use all")

  def _reads_base(self, spec: Spec, varied: list[training.Varied]) -> bool:
    mine = [(v.member, v.field, v.values[0]) for v in varied if spec.has(v.member)]
    return "base" in encodings.reads(spec, self._some(), mine)

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    return self.check(bad).faults

  def _parsed(self, found: Check) -> Iterator[Spec]:
    seen: dict[str, Spec] = {}
    for text in self.encodings:
      try:
        spec = encodings.parse(text)
      except ValueError as error:
        found.bad.add("encodings")
        found.faults.append(str(error))
        continue
      if spec in seen.values():  # Two spellings of one number are one encoding.
        found.add("encodings", f"{text!r}, which is there already", "each encoding once",
                  "Drop the repeats")
      elif twin := next((t for t, s in seen.items() if spec.same(s, self._every(found))), None):
        found.add("encodings", f"{twin!r} and {text!r}, which are one model, as the settings in "
                  "which they differ have their defaults", "each encoding once", "Drop one")
      seen[text] = spec
      yield spec

  def _every(self, found: Check) -> list[Sizes]:
    """The sizes that encodings are built for, without what only the task knows."""
    if not found.sound("d_model", "head_dim", "seq_len", "base"):
      return []
    return [Sizes(width, width // head_dim, head_dim, math.nan, length, base)  # type: ignore
            for width in self.d_model for head_dim in self.head_dim for length in self.seq_len
            for base in self.base or (Sizes.base,)]

  def _some(self) -> Sizes:
    head_dim, width = self.head_dim[0], self.d_model[0]
    return Sizes(width, width // head_dim, head_dim, self.seq_len[0], self.seq_len[0])

  def _check_vary(self, specs: list[Spec], found: Check) -> list[training.Varied]:
    if not self.vary or not found.sound("encodings", "vary"):
      return []
    try:
      return vary.parse(self.vary, specs, self._some())
    except (ValueError, TypeError) as error:
      found.bad.add("vary")
      found.faults.append(str(error))
      return []

  def _check_built(self, specs: list[Spec], varied: list[training.Varied], found: Check) -> None:
    """Faults of encodings that cannot be built for these sizes and settings."""
    for spec in specs:
      mine = [v for v in varied if spec.has(v.member)]
      settings = [()] + [((v.member, v.field, value),) for v in mine for value in v.values]
      for head_dim in self.head_dim:
        for width in self.d_model:
          fault = next(filter(None, (_build_fault(spec, width, head_dim, max(self.seq_len), s,
                                                  self.both_ways) for s in settings)), None)
          if fault:
            found.bad.add("encodings")
            found.faults.append(fault)
            break

  def varied(self) -> list[training.Varied]:
    """What ``--vary`` asks for."""
    return vary.parse(self.vary, self.specs(), self._some()) if self.vary else []

  def cells(self) -> tuple[sweeps.Cell, ...]:
    """The grid, encodings slowest; a setting that an encoding does not read is not in its cells."""
    varied, found = self.varied(), ()
    for spec in self.specs():
      axes: dict[str, Any] = {"encoding": spec.label, "d_model": self.d_model,
                              "seq_len": self.seq_len, "seed": self.seeds}
      axes |= {name: getattr(self, name) for name in NUMBERS}
      axes |= {v.name: v.values for v in varied if spec.has(v.member)}
      if self.base and self._reads_base(spec, varied):
        axes["base"] = self.base
      seeds = axes.pop("seed")
      found += sweeps.grid(**axes, seed=seeds)
    return found

  def experiment(self) -> training.Trained:
    """The task as an experiment; raises ValueError if its data cannot be used."""
    return training.Trained(self.task(), varied=self.varied())


def _listed(values: Any) -> Any:
  return (values,) if isinstance(values, str) or not isinstance(values, Iterable) else values


def run(config: TrainingConfig) -> sweeps.Results | sweeps.Plan:
  """Trains and evaluates what has no result yet.

  Args:
    config: of a script.

  Returns:
    ``sweeps.Results``; with ``dry_run`` the ``sweeps.Plan`` instead.

  Raises:
    Faults: the config does not make sense.
    ValueError: the data cannot be used.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  start = sweeps.plan if config.dry_run else sweeps.run
  return start(config.experiment(), config.cells(), config.out, options=config.options)


def main(config: TrainingConfig) -> int:
  """Runs and prints the means of the main metric; the exit status."""
  return show(config, lambda results: results.table() if len(results) else "no results yet")


def show(config: TrainingConfig, table: Callable[[sweeps.Results], str]) -> int:
  """Runs and prints what ``table`` makes of the results; the exit status."""
  options = config.options
  attaches = (config.out is not None and not config.dry_run and "weights" in options.keep
              and options.report and options.shard is None)
  with sweeps.exits():
    results = run(dataclasses.replace(
      config, options=dataclasses.replace(options, report=options.report and not attaches)))
    if isinstance(results, sweeps.Plan):
      print(results.describe())
      return 0
    print(clean(table(results), keep="\n"))
    if attaches and config.out is not None and jax.process_index() == 0:
      try:
        config.attach(results)
      finally:
        sweeps.write_report(results, config.out)
    if results.missing:
      print(f"\nno result yet of {counted(len(results.missing), 'cell')}: of other shares, or to "
            "be run")
    elif config.out is not None:
      shown = "report.html, table.csv, results.jsonl, figures/"
      print(f"\nwritten to {config.out}: {shown if config.options.report else 'results.jsonl'}")
    if options.report and (attaches or not options.progress):  # else the progress has told
      print("".join(f"note: {note}\n" for note in results.notes), end="")
    return results.exit_code


def _build_fault(spec: Spec, width: int, head_dim: int, length: int, settings: Any,
                 both_ways: bool) -> str | None:
  sizes = Sizes(width, width // head_dim, head_dim, length, length)
  try:
    made = jax.eval_shape(lambda: spec.build(sizes, jax.random.key(0), settings))
  except (ValueError, TypeError, AttributeError) as error:
    told = "".join(f", {field}={value!r}" for _, field, value in settings)
    if isinstance(error, AttributeError) and "'Sizes'" in str(error):
      names = ", ".join(field.name for field in dataclasses.fields(Sizes))
      return explain_fault("--encodings", f"{spec.label!r}, which asks for what sizes lack "
                           f"({error})", names, "Correct the name")
    if "required positional argument" in str(error):
      return explain_fault(
        "--encodings", f"{spec.label!r}, which nothing says how to build ({error})", "a class "
        "whose arguments are key, num_heads, head_dim, d_model, length, train_length or base",
        "Give it such an init, or write a function f(sizes, key, **settings) that makes it")
    return explain_fault(
      "--encodings", f"{spec.label!r}, which cannot be built for --d_model={width} and "
      f"--head_dim={head_dim}{told} ({str(error).strip()})", "sizes and settings that it takes",
      "Change them")
  if fault := encodings.reader_fault("--encodings", spec.label, made):
    return fault
  if both_ways and any(part.one_way for part, _, _ in made.parts()):
    return explain_fault(
      "--encodings", f"{spec.label!r}, to which all later tokens look alike, for a model that sees "
      "them", "an encoding of both directions", "Write for instance t5(bidirectional=True)")
  return None
