# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Classes of sequences: which translation or book a verse is from, what follows it, which digit.

  python -m experiments.classify
  python -m experiments.classify --preset=smoke
  python -m experiments.classify --data=digits,permuted-digits --encodings='rotary,alibi,none'

Verses are read by character, digits (8 x 8, from scikit-learn) by pixel: on a line of 64 by the
encodings of --encodings, on the grid by those of --grid_encodings. In permuted-digits all pixels
are shuffled alike, so that no encoding knows who is whose neighbour. Needs the extras
``experiments`` and, for digits, ``tasks``.
"""

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

from experiments import config as config_lib
from experiments import encodings, grids, labelled, script
from experiments import findings as f
from experiments.classify_task import Classify
from experiments.fields import Check, Faults, option
from experiments.findings import study
from experiments.findings.claims import difference
from experiments.findings.study import listed
from posenc_jax import sweeps

DIGITS = ("digits", "permuted-digits")
PIXELS = labelled.DIGIT_SIDE**2
GRID = tuple(f"{grids.HERE}:{name}" for name in ("axial_rotary", "grid_sinusoidal", "alibi_2d"))


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train."""

  both_ways: ClassVar[bool] = True
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "classify",
    smoke=dict(data=("digits",), encodings=("none", "sinusoidal"), grid_encodings=GRID[1:2],
               d_model=(16,), head_dim=8, layers=1, steps=60,
               batch_size=16, seq_len=(64,), eval_rows=320),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=4000, batch_size=64, seq_len=(256,)))

  data: tuple[str, ...] = option(labelled.SETS, "sets of labelled sequences",
                                 choices=labelled.SETS)
  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "learned", "rotary", "alibi", "t5(bidirectional=True)"),
    "encodings of a line of tokens")
  grid_encodings: tuple[str, ...] = option(GRID, "encodings of the digits' grid", empty=True)
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((96,), "characters of a verse, or of a pair of verses; digits "
                                    f"have {PIXELS}", low=3)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((600,), "training steps", low=1)
  eval_rows: int = option(1600, "sequences that are evaluated, at most", low=1)
  out: str | None = option("runs/classify", "run directory, one below it for each set")
  given: frozenset[str] = dataclasses.field(default=frozenset(), repr=False, compare=False)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong."""
    found = super().check(bad)
    if found.sound("data", "seq_len") and set(self.data) <= set(DIGITS):
      presets = [type(self)(**preset).seq_len for preset in self.PRESETS.values()]
      if self.seq_len != (PIXELS,) and ("seq_len" in self.given or self.seq_len not in presets):
        found.add("seq_len", self.seq_len, f"{PIXELS}, the pixels of a digit", "Leave it out")
    return found

  def part(self, name: str) -> "Part":
    """The config of one set; digits have a length of 64 and the grid's encodings too."""
    digits = name in DIGITS
    same = {x.name: getattr(self, x.name) for x in dataclasses.fields(self)}
    same |= {"seq_len": (PIXELS,) if digits else self.seq_len, "data": (name,),
             "given": frozenset(),
             "encodings": self.encodings + (self.grid_encodings if digits else ()),
             "out": None if self.out is None else f"{self.out}/{name}"}
    return Part(**same)


@dataclasses.dataclass(frozen=True)
class Part(Config):
  """One set of a Config."""

  def task(self) -> Classify:
    """Classes of the sequences of one set."""
    return Classify(labelled.load(self.data[0], max(self.seq_len)), self.eval_rows)


def run(config: Config) -> dict[str, Any]:
  """Trains and evaluates on each set.

  Args:
    config: the settings.

  Returns:
    Results by set; plans in a dry run.

  Raises:
    Faults: the config does not make sense.
    ImportError: data is not installed.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  return {name: config_lib.run(config.part(name)) for name in config.data}


def _accuracy(results: dict[str, sweeps.Results], data: str, encoding: str,
              metric: str = "accuracy") -> dict[int, float]:
  found = f.by_seed(f.part_of(results, data), metric, encoding=encoding)
  return {seed: 100 * value for seed, value in found.items()}


def label_of(text: str) -> str:
  """What cells call an encoding."""
  return encodings.parse(text).label


def _pair(data: str, better: str, worse: str):
  def test(results):
    first, second = (_accuracy(results, data, label_of(e)) for e in (better, worse))
    if data not in DIGITS:  # which texts of this size may not teach at all
      above = f.interval_of(list(difference(
        first, _accuracy(results, data, label_of(better), "commonest")).values()))
      if above.low is not None and above.low <= 0:
        raise f.Missing(f"{short(better)} did not learn it: {above} percent more right than the "
                        "commonest answer")
    yield f.greater(first, second, f"{short(better)} - {short(worse)}, percent right, {data}")
  return test


def short(text: str) -> str:
  """A name without folders.

  Example:
    >>> short("a/b.py:axial_rotary"), short("rotary")
    ('axial_rotary', 'rotary')
  """
  return text.rsplit(":", 1)[-1]


def _no_better(results: Any) -> Any:
  """At most two percent more than sinusoids of the line."""
  grid, line = (_accuracy(results, "digits", label_of(e)) for e in (GRID[1], "sinusoidal"))
  return f.less(grid, line, "grid_sinusoidal - sinusoidal, percent right, digits", by=-2)


def _control(results: Any) -> Any:
  """What the grid gains on digits, less what it gains on shuffled ones."""
  gain = {data: difference(_accuracy(results, data, label_of(GRID[0])),
                                    _accuracy(results, data, "rotary")) for data in DIGITS}
  return f.greater(gain["digits"], gain["permuted-digits"],
                   "gain of axial rotary over rotary, percent right, digits - permuted")


EXPECTATIONS = (
  f.Expectation("Does a classifier of text need positions?", "positions help to classify text",
                "source texts", _pair("translation", "sinusoidal", "none")),
  f.Expectation("Does a classifier need positions to name a verse's book?",
                "positions help to answer questions",
                "source texts", _pair("book", "sinusoidal", "none")),
  f.Expectation("Does a classifier need positions to tell which verse follows?",
                "positions help to answer questions",
                "source texts", _pair("follows", "sinusoidal", "none")),
  f.Expectation("Does a classifier of images need positions?",
                "accuracy .642 with learned 1-D positions, .614 without; of patches, here pixels",
                "arXiv 2010.11929, table 8", _pair("digits", "learned", "none")),
  f.Expectation("Is rotary on two axes better than learned positions on images?",
                "it improves ViT's accuracy on ImageNet", "arXiv 2403.13298, abstract",
                _pair("digits", GRID[0], "learned")),
  f.Expectation("Is rotary better on two axes than on one on images?", "we know of no numbers",
                "our question", _pair("digits", GRID[0], "rotary")),
  f.Expectation("Are sinusoids on two axes better than on one on images?",
                "2-D positions are no better than 1-D: accuracy "
                ".640 against .642; theirs are learned", "arXiv 2010.11929, table 8", _no_better),
  f.Expectation("Is the gain of two axes smaller when pixels are shuffled?",
                "shuffled pixels have no use for a grid",
                "our control", _control),
)


def _rows(data: str, results: sweeps.Results, commonest: float) -> list[tuple[str, ...]]:
  """Of each encoding: percent right, and whether its interval lies above a constant answer."""
  rows = []
  for label in map(str, results.values("encoding")):
    told, learned = f.shown(results, "accuracy", scale=100, encoding=label), "-"
    if label in f.ended(results):
      low = f.interval_of(list(f.by_seed(results, "accuracy", encoding=label).values())).low
      learned = "-" if low is None else "yes" if low > commonest else "no"
    rows.append((data, short(label), told, learned))
  return rows


def _setup(config: Config, tasks: dict[str, Classify], rows: list[tuple[str, ...]]) -> str:
  sets = "; ".join(
    f"{data} {len(task.valid[1])} sequences, {100 / task.found.classes:.1f} percent by chance, "
    f"{100 * task.commonest:.1f} by always giving the commonest class"
    for data, task in tasks.items())
  learned = {data for data, _, _, above in rows if above == "yes"}
  failed = [data for data in tasks if data not in learned]
  told = (f" No interval lies above the commonest answer on {', '.join(failed)}: that was "
          "not learned, and encodings cannot be compared there." if failed else "")
  return (
    f"Encoders, {study.sizes(config, 'd_model')}, mean of the states, "
    f"{listed(config.steps)} steps of {listed(config.batch_size)} sequences, "
    f"{len(config.seeds)} seeds; verses cut at {listed(config.seq_len)} characters. "
    "experiments/labelled.py says how sets are made and split. "
    f"Evaluated: {sets}.{told}")


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  tasks = {data: config.part(data).task() for data in results}
  rows = [row for data, found in results.items()
          for row in _rows(data, found, tasks[data].commonest)]
  return f.Page(
    "classify", "Classes of verses and digits",
    "Which encoding helps an encoder to tell translations, books, the verse that follows, and "
    "digits, read pixel by pixel?", _setup(config, tasks, rows),
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Percent right, mean and 95 percent interval over seeds",
             ("set", "encoding", "percent right", "interval above the commonest answer"),
             tuple(rows)),),
    left_out=(("images of a usual size", "no data set of them comes with a package"),))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
