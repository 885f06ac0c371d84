# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Early modern English into today's: encodings in encoder, decoder and between.

  python -m experiments.translate
  python -m experiments.translate --preset=smoke
  python -m experiments.translate --cross=none,rotary --encodings=rotary,alibi,none --seq_len=128

Verses of the King James Version into the World English Bible, by character: nats per character by
the source's length, chrF of greedily written verses, and some of them on the page. ``--encodings``
are those of the attention within encoder and decoder, ``--cross`` those of the attention from the
decoder to the source ("across"). Needs the extras ``experiments`` and ``tasks`` (sacrebleu).
"""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from experiments import config as config_lib
from experiments import encodings, pairs, script
from experiments import findings as f
from experiments.fields import Faults, option
from experiments.findings import select, study
from experiments.findings.study import listed
from experiments.translate_task import BINS, Translate, chrf, cross_fault
from experiments.translate_task import greedy as greedy
from posenc_jax import sweeps


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train."""

  both_ways: ClassVar[bool] = True
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "translate",
    smoke=dict(encodings=("none", "sinusoidal"), cross=("none",), d_model=(16,), head_dim=8,
               layers=1, steps=40, batch_size=8, seq_len=(48,), eval_rows=64, written_rows=4),
    large=dict(d_model=(256,), head_dim=32, layers=4, steps=20_000, batch_size=64, seq_len=(256,),
               eval_rows=2048, written_rows=256))

  cross: tuple[str, ...] = option(("none", "rotary"), "encodings of the attention to the source")
  encodings: tuple[str, ...] = option(("none", "sinusoidal", "learned", "rotary"),
                                      "encodings of both sides")
  d_model: tuple[int, ...] = option((64,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((96,), "longest verse, one number", low=8)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((600,), "training steps", low=1)
  eval_rows: int = option(512, "pairs whose loss is taken, at most", low=1)
  written_rows: int = option(32, "pairs that are written out, for chrF", low=1)
  out: str | None = option("runs/translate", "run directory, one below it for each --cross")

  def check(self, bad: Any = ()) -> Any:
    """Everything that is wrong."""
    found = super().check(bad)
    if found.sound("eval_rows", "written_rows") and self.written_rows > self.eval_rows:
      found.add("written_rows", self.written_rows, f"at most --eval_rows={self.eval_rows}",
                "Lower it")
    if found.sound("cross"):
      self._check_cross(found)
    return found

  def _check_cross(self, found: Any) -> None:
    seen = []
    for text in self.cross:
      try:
        spec = encodings.parse(text)
      except ValueError as error:
        found.faults.append(str(error).replace("--encodings", "--cross", 1))
        continue
      if spec in seen:
        found.add("cross", f"{text!r}, which is there already", "each encoding once",
                  "Drop the repeats")
      seen.append(spec)
      if found.sound("d_model", "head_dim", "seq_len"):
        faults = (cross_fault(spec, width, head_dim, self.seq_len[0])
                  for head_dim in self.head_dim for width in self.d_model)
        found.faults += [fault for fault in [next(filter(None, faults), None)] if fault]

  def part(self, cross: str) -> "Config":
    """The config of one encoding across."""
    out = None if self.out is None else f"{self.out}/{cross}"
    return dataclasses.replace(self, cross=(cross,), out=out)

  def task(self) -> Translate:
    """Translation with the first encoding across."""
    return Translate(pairs.load_pairs(longest=self.seq_len[0]), self.cross[0], self.eval_rows,
                     self.written_rows)


def run(config: Config) -> dict[str, Any]:
  """Trains, evaluates and writes verses.

  Args:
    config: the settings.

  Returns:
    Results by the encoding across; plans in a dry run.

  Raises:
    Faults: the config does not make sense.
    ImportError: a translation or sacrebleu is not installed.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  chrf(["a"], ["a"])  # before hours of training
  return {cross: config_lib.run(config.part(cross)) for cross in config.cross}


def _loss(results: dict[str, sweeps.Results], encoding: str, cross: str = "none"
          ) -> dict[int, float]:
  return f.by_seed(f.part_of(results, cross, f"--cross={cross}"), "loss", encoding=encoding)


def _pair(better: str, worse: str):
  return lambda results: f.less(_loss(results, better), _loss(results, worse),
                                f"nats per character, {better} - {worse}")


EXPECTATIONS = (
  f.Expectation("Does translation need positions?", "without them the order of words is lost",
                "source texts", _pair("sinusoidal", "none")),
  f.Expectation("Do learned and sinusoidal positions translate equally well?",
                "nearly identical results: perplexity 4.92 of both, BLEU 25.7 against 25.8",
                "arXiv 1706.03762, table 3, row E", lambda r: f.close(
                  _loss(r, "learned"), _loss(r, "sinusoidal"), 0.05,
                  "nats per character, learned - sinusoidal")),
  f.Expectation("Does rotary translate better than sinusoids?",
                "BLEU 27.5 against 27.3, English to German; here the loss", "arXiv 2104.09864, "
                "table 1", _pair("rotary", "sinusoidal")),
  f.Expectation("Does rotary between decoder and encoder help translation?",
                "no text says so", "our question",
                lambda r: f.less(
                  _loss(r, "rotary", "rotary"), _loss(r, "rotary"),
                  "nats per character, rotary on both sides: rotary across - none across")),
)


def written(task: Translate, results: sweeps.Results, encoding: str) -> tuple[list[float], str]:
  """(chrF of each seed, the first verse as the first seed wrote it)."""
  wanted = [task.text_of(row[1:]) for row in task.valid[1][:task.written_rows]]
  scores, sample = [], ""
  for record in results:
    if record["status"] == "ok" and record["cell"]["encoding"] == encoding:
      rows = np.asarray(record["series"]["written"]).reshape(len(wanted), -1)
      texts = [task.text_of(row) for row in rows]
      scores.append(chrf(texts, wanted))
      sample = sample or texts[0]
  return scores, sample


def _by_length(found: sweeps.Results, encoding: str, middle: float) -> str:
  """The mean over seeds in a bin; "-" if no source has such a length, "failed" without lanes."""
  if encoding not in f.ended(found):
    return select.FAILED
  try:
    values = f.by_seed(found, "loss_by_length", at=middle, encoding=encoding)
  except f.Missing:
    return "-"
  return f"{f.interval_of(list(values.values())).mean:.3f}"


def _setup(config: Config, rows: int) -> str:
  return (
    f"Encoder-decoders, {study.sizes(config, 'd_model')}, "
    f"{listed(config.steps)} steps of {listed(config.batch_size)} verse pairs "
    f"of at most {config.seq_len[0]} characters, {len(config.seeds)} seeds. Losses are of {rows} "
    "pairs from books that training never saw; chrF is sacrebleu's, "
    f"of {min(config.written_rows, rows)} of them, greedily written.")


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  rows, samples = [], []
  tasks = {cross: config.part(cross).task() for cross in results}
  for cross, found in results.items():
    task = tasks[cross]
    if not samples:
      samples = [("King James", task.text_of(task.valid[0][0])),
                 ("World English", task.text_of(task.valid[1][0][1:]))]
    for encoding in map(str, found.values("encoding")):
      values, sample = written(task, found, encoding)
      by = [_by_length(found, encoding, x) for x in task.axes["loss_by_length"][1]]
      rows.append((encoding, cross, *by,
                   str(f.interval_of(values)) if values else select.FAILED))
      samples.append((f"{encoding}, {cross} across", sample if values else select.FAILED))
  edges = [config.seq_len[0] * (i + 1) // BINS for i in range(BINS)]
  return f.Page(
    "translate", "King James English into today's",
    "Which encodings serve an encoder-decoder: within both sides, and across, in the attention "
    "from the decoder to the source?",
    _setup(config, len(next(iter(tasks.values())).valid[0])),
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Nats per character by the source's length, and chrF",
             ("both sides", "across", *(f"up to {e}" for e in edges), "chrF"), tuple(rows)),
     f.Table("The first verse, as the first seed writes it", ("by", "text"), tuple(samples))))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
