# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares position encodings: trains small language models on real text, tests them beyond it.

  python -m experiments.compare --preset=quick
  python -m experiments.compare
  python -m experiments.compare --encodings='rotary(base=5e5),alibi,my_file.py:Kerple' --seq_len=64
  python -m experiments.compare --encodings=fire --vary=fire.threshold=8,16,32 --dropout=0,0.1
  python -m experiments.compare --preset=quick --keep=weights       # attention maps in the report
  python -m experiments.compare --data_file=my_text.txt --out=runs/mine

Prints a table of nats per character at multiples of the training length, and leaves a run directory
with manifest, results.jsonl, table.csv, figures and a report. The same command continues a run that
was stopped. ``run(config)`` does the same from a notebook, without flags.
"""

import dataclasses
import math
from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np

from experiments import config as config_lib
from experiments import data as data_lib
from experiments import language, maps, script, texts
from experiments.config import run as run
from experiments.fields import Check, option
from posenc_jax import sweeps
from posenc_jax._errors import describe


@dataclasses.dataclass(frozen=True)
class Config(config_lib.TrainingConfig):
  """What to compare; ``corpus`` is the data, if it has been read already.

  Example:
    >>> tiny = Config(encodings=("none",), d_model=(16,), seq_len=(8,), seeds=(0,), steps=2,
    ...               layers=1, eval_characters=512, out=None, dry_run=True)
    >>> len(run(tiny).todo)
    1
  """

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
    "quick": dict(encodings=("rotary", "alibi", "none"), d_model=(32,), seq_len=(32,), seeds=(0,),
                  eval_multiples=(1, 4), layers=1, steps=120, out="runs/quick"),
    "default": {},
    "large": dict(d_model=(64, 128, 256), seq_len=(64, 128), layers=4, steps=2000, batch_size=32,
                  head_dim=32, eval_characters=32_768, seeds=(0, 1, 2, 3, 4), out="runs/large"),
  }

  eval_multiples: tuple[int, ...] = option((1, 2, 4, 8), "evaluation lengths / training length",
                                           low=1)
  eval_characters: int = option(8_192, "characters that each evaluation length predicts, the same",
                                low=1)
  data: str = option("web", "text: World English, King James or Basic English Bible",
                     choices=("web", "kjv", "bbe"))
  data_file: str | None = option(None, "a UTF-8 text file to use instead")
  out: str | None = option("runs/compare", "run directory")
  corpus: data_lib.Corpus | None = dataclasses.field(default=None, repr=False, compare=False)

  @property
  def text(self) -> str:
    """How a sentence calls the text that is read."""
    return texts.told(self.corpus.name if self.corpus else self.data, self.data_file)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; every length must predict the same characters."""
    found = super().check(bad)
    if not isinstance(self.corpus, data_lib.Corpus | None):
      found.add("corpus", describe(self.corpus), "a data.Corpus or None",
                "Give data_file, or read it by experiments.data.load_text")
    if self.data_file is not None and self.data != "web" and found.sound("data", "data_file"):
      found.add("data", repr(self.data), "either that or --data_file", "Drop one of them")
    if found.sound("eval_characters", "eval_multiples", "seq_len"):
      lengths = sorted({m * n for m in self.eval_multiples for n in self.seq_len})
      right = language.stretch_of(lengths, self.eval_characters) * language.STRETCHES
      if self.eval_characters % (math.lcm(*lengths) * language.STRETCHES):
        found.add("eval_characters", self.eval_characters,
                  f"{language.STRETCHES} stretches that every evaluation length divides, so that "
                  f"all predict the same characters: {', '.join(map(str, lengths))}",
                  f"Use {right}, or change --seq_len or --eval_multiples")
    return found

  def load(self) -> "Config":
    """With its data; raises ValueError if it cannot be used."""
    return self if self.corpus else dataclasses.replace(self, corpus=data_lib.load_text(
      self.data, self.data_file, longest_window=self.eval_characters))

  def attach(self, results: sweeps.Results) -> None:
    """Attention maps of held-out text, one picture an encoding."""
    config = self.load()
    assert config.corpus is not None
    maps.attach(results, config.experiment(), config.corpus.valid.astype(np.int32))

  def task(self) -> language.Language:
    """Language models on the corpus."""
    corpus = self.load().corpus
    assert corpus is not None
    return language.Language(corpus, self.eval_multiples, self.eval_characters)


def table(results: sweeps.Results) -> str:
  """Nats per token, mean and standard error over seeds, a row for each other setting that varies.

  Lanes that diverged or failed are in no mean; the last column says how many seeds count.
  """
  if "loss_by_multiple" not in results.series:
    return "no results yet"
  vectors = results.mean("loss_by_multiple")
  multiples = sorted({m for vector in vectors for m in vector.at})
  lanes = {s.settings: s for s in results.mean("loss")}
  known = [n for n in ("d_model", "encoding", "learning_rate", "seq_len") if n in results.settings]
  names = list(dict.fromkeys([*known, *results.varying()]))
  rows = []
  for vector in vectors:
    entries, lane = dict(zip(vector.at, vector.entries, strict=True)), lanes[vector.settings]
    cells = [vector.settings.get(name, "-") for name in names]
    cells = [f"{v:g}" if isinstance(v, float) else str(v) for v in cells]
    cells += [_number(entries.get(m, lane)) for m in multiples]
    total = lane.count + lane.failed
    rows.append([*cells, f"{lane.count} of {total}: {lane.told}" if lane.failed else str(total)])
  head = [*names, *(f"{m:g}x" for m in multiples), "seeds"]
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
  return config_lib.show(config, lambda results: (
    "nats per character at multiples of the training length, mean +- standard error\n\n"
    + table(results)))


if __name__ == "__main__":
  script.start(Config, main, __doc__)
