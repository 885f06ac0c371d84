# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the texts that this project implements say of positions, each statement with a number.

  python -m experiments.claims
  python -m experiments.claims --preset=smoke
  python -m experiments.claims --d_model=16,32,48,64,96,128 --layers=4

Costs are counted by the compiler; what needs a model is measured on small language models of text,
over eight widths (two in the preset smoke). Writes docs/results/claims.md.
"""

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

import jax
import numpy as np

import posenc_jax as px
from experiments import compare, costs, measures, probes, script
from experiments import config as config_lib
from experiments import findings as f
from experiments.fields import Check, Faults, option
from experiments.findings import study
from posenc_jax import sweeps

LENGTHS = (4096, 16384, 65536, 131072)  # at which costs are counted; powers, between the last two
WIDE = 512  # d_model of what is counted and compared, as in the paper
RECOVERED = 0.9
NEEDED = ("sinusoidal", "learned")  # encodings of which the texts speak


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, compare.Config):
  """What to train; costs have no settings."""

  several: ClassVar[tuple[str, ...]] = ("d_model",)
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "claims",
    smoke=dict(d_model=(16, 32), seq_len=(16,), layers=(1,), head_dim=(8,), steps=40,
               eval_multiples=(1, 4), eval_characters=512),
    large=dict(d_model=(64, 128, 192, 256, 320, 384, 448, 512), head_dim=32, layers=4, steps=3000,
               batch_size=32, eval_characters=32_768))

  encodings: tuple[str, ...] = option(NEEDED, "encodings of which the texts "
                                      "speak; both are needed")
  d_model: tuple[int, ...] = option((16, 32, 48, 64, 80, 96, 112, 128), "widths, two at least",
                                    low=1)
  seq_len: tuple[int, ...] = option((64,), "training length, one", low=1)
  layers: tuple[int, ...] = option((2,), "layers, one number", low=1, high=100)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((400,), "training steps", low=1)
  eval_multiples: tuple[int, ...] = option((1, 4), "evaluation lengths / training length, "
                                           "1 and more", low=1)
  out: str | None = option("runs/claims", "run directory")

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; the page needs one depth and length, and widths to compare."""
    found = super().check(bad)
    if found.sound("encodings") and (lacking := [e for e in NEEDED if e not in self.labels]):
      found.add("encodings", ", ".join(self.encodings), f"{' and '.join(NEEDED)} among them, of "
                "which the texts speak", f"Add {' and '.join(lacking)}")
    if found.sound("d_model") and len(self.d_model) < 2:
      found.add("d_model", self.d_model, "two widths at least", "Add some")
    if found.sound("eval_multiples") and (1 not in self.eval_multiples
                                          or len(self.eval_multiples) < 2):
      found.add("eval_multiples", self.eval_multiples, "1 and a longer one", "Add it")
    return found

  def task(self) -> probes.Probed:
    """Language models on the corpus, probed."""
    corpus = self.load().corpus
    assert corpus is not None
    return probes.Probed(corpus, self.eval_multiples, self.eval_characters, layers=self.layers[0])


@dataclasses.dataclass(frozen=True)
class Found:
  """What ``run`` found.

  Attributes:
    config: the settings.
    results: of the language models.
    encoding, attention, rows: (operations, bytes) at each of LENGTHS.
    table, frequencies: bytes kept by a table of 5000 rows and by ``Sinusoidal``, d_model 512.
    farthest: largest error of the sinusoidal table at positions up to 2^31 - 1.
    bert: largest change of an attention weight when all positions of a table as BERT's move by one.
  """

  config: Config
  results: sweeps.Results
  encoding: list[tuple[float, float]]
  attention: list[tuple[float, float]]
  rows: list[tuple[float, float]]
  table: int
  frequencies: int
  farthest: float
  bert: float


def run(config: Config) -> Any:
  """Counts costs and trains the models.

  Args:
    config: the settings.

  Returns:
    {"models": sweeps.Results, "found": Found}; in a dry run {"models": sweeps.Plan} alone.

  Raises:
    Faults: the config does not make sense.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  results = config_lib.run(config)
  if isinstance(results, sweeps.Plan):
    return {"models": results}
  table, kept = costs.storage(WIDE, 5000)
  learned = px.Learned.init(jax.random.key(0), 66, 64, stddev=0.02)  # BERT's scale
  still, moved = (measures.profile(learned, 4, 16, 64, 64, offset=n) for n in (0, 1))
  return {"models": results, "found": Found(
    config, results, costs.of_encoding(LENGTHS, WIDE),
    costs.of_attention(LENGTHS, 64, "reference"), costs.of_attention(LENGTHS, 64, "rows"),
    table, kept, costs.farthest_error(WIDE), float(np.abs(still - moved).max()))}


def _growth(values: list[tuple[float, float]], which: int) -> float:
  return costs.exponent(LENGTHS, [v[which] for v in values])


def _near(value: float, wanted: float, text: str) -> f.Claim:
  return f.exact(abs(value - wanted), 0.1, f"{text} T: |power - {wanted:g}|", sign=-1,
                 shown=f"{abs(value - wanted):.3f} (power {value:.3f})")


def _storage(found: Found) -> Any:
  return (f.exact(abs(found.table - 5000 * 512 * 4), 0.5, "bytes of the table - 5000 x 512 x 4",
                  sign=-1, shown=f"0 ({found.table} bytes)" if found.table == 5000 * 512 * 4
                  else ""),
          f.exact(found.table / found.frequencies, 1000, "table / frequencies alone", sign=1))


def _loss(found: Found, encoding: str, multiple: int, width: int) -> dict[int, float]:
  return f.by_seed(found.results, "loss_by_multiple", at=multiple, encoding=encoding, d_model=width)


def _rise(encoding: str):
  def test(found: Found) -> Any:
    far, width = max(found.config.eval_multiples), max(found.config.d_model)
    return f.less(_loss(found, encoding, far, width), _loss(found, encoding, 1, width),
                  f"{encoding}, d_model {width}: nats at {far} L - at L", by=-0.02)
  return test


def _limit(found: Found) -> Any:
  return f.exact(
    found.farthest, 1e-6, f"largest error of sines and cosines, all {WIDE} columns at "
    f"{len(costs.far_positions())} positions up to 2^31 - 1, against 50 digits", sign=-1)


def _width(found: Found) -> Any:
  """The position that the embeddings hold, of the widest and the narrowest model."""
  narrow, wide = min(found.config.d_model), max(found.config.d_model)
  one, other = (f.by_seed(found.results, "position_r2", at=0, encoding="sinusoidal", d_model=w)
                for w in (wide, narrow))
  return f.greater(one, other, f"R^2 of the position, embeddings, d_model {wide} - {narrow}")


def _doubled(found: Found) -> Any:
  """The loss of each width that is twice another, as in the published table."""
  widths = sorted(found.config.d_model)
  pairs = [(w, 2 * w) for w in widths if 2 * w in widths]
  if not pairs:
    raise f.Missing("no d_model is twice another")
  for narrow, wide in pairs:
    yield f.less(_loss(found, "sinusoidal", 1, wide), _loss(found, "sinusoidal", 1, narrow),
                 f"nats of d_model {wide} - {narrow}")


def _probe(found: Found) -> Any:
  width = max(found.config.d_model)
  for layer in range(found.config.layers[0] + 1):
    r2 = f.by_seed(found.results, "position_r2", at=layer, encoding="sinusoidal", d_model=width)
    yield f.above(r2, RECOVERED, f"R^2 of the position, "
                  f"{'embeddings' if layer == 0 else f'after layer {layer}'}, d_model {width}")


SOURCE = "source texts"
EXPECTATIONS = (
  f.Expectation("Does the sinusoidal encoding cost O(T)?",
                "O(T) time and memory", SOURCE, lambda x: (
    _near(_growth(x.encoding, 0), 1, "operations as a power of"),
    _near(_growth(x.encoding, 1), 1, "bytes as a power of"))),
  f.Expectation("Does a kept table hold max_len x d_model numbers?",
                "max_len x d_model numbers are kept", SOURCE,
                _storage),
  f.Expectation("Is the sinusoidal formula free of a longest length?",
                "not limited", SOURCE, _limit),
  f.Expectation("Does a sinusoidal model handle sequences longer than trained on?",
                "it handles sequences longer than those trained on", SOURCE,
                _rise("sinusoidal")),
  f.Expectation("Does a larger d_model represent positions better?",
                "a larger d_model represents positions better",
                SOURCE, _width),
  f.Expectation("Does a wider model have a lower loss?",
                "perplexity of translation 5.75, 4.92 and 4.66 at "
                "d_model 256, 512 and 1024; here language models",
                "arXiv 1706.03762, table 3, base and rows C", _doubled),
  f.Expectation("Can positions be read back from embeddings they were added to?",
                "the position stays recoverable by a linear map, at every layer", SOURCE, _probe),
  f.Expectation("Do learned positions generalise to longer sequences?",
                "they generalise to longer sequences", SOURCE,
                _rise("learned")),
  f.Expectation("Does dense attention cost O(n^2)?", "O(n^2) time and memory", SOURCE, lambda x: (
    _near(_growth(x.attention, 0), 2, "operations as a power of"),
    _near(_growth(x.attention, 1), 2, "bytes of the dense form as a power of"))),
  f.Expectation("Can attention do with O(n) memory?",
                "tiles need O(n) memory beside inputs and output",
                "arXiv 2205.14135, theorem 1",
                lambda x: _near(_growth(x.rows, 1), 1, "bytes by rows as a power of")),
  f.Expectation("Do tiles save attention's memory?",
                "at 16384 tokens their overhead is 59 times smaller, in "
                "that implementation", "arXiv 2112.05682, abstract", lambda x: f.exact(
                  x.attention[1][1] / x.rows[1][1], 1, f"dense / rows, bytes at {LENGTHS[1]}",
                  sign=1)),
  f.Expectation("Does BERT use relative positions?", "it does", SOURCE, lambda x: f.exact(
    x.bert, 1e-5, "change of a weight when all positions of a learned table move by 1", sign=-1)),
)


def _count(operations: float | None) -> str:
  return "-" if operations is None else f"{operations:.3g}"


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  found = results["found"]
  rows = [(str(w), *(f.shown(found.results, "loss_by_multiple", at=m, encoding=e, d_model=w)
                     for e in NEEDED for m in sorted(config.eval_multiples)))
          for w in sorted(config.d_model)]
  head = ("d_model", *(f"{e}, {m} L" for e in NEEDED for m in sorted(config.eval_multiples)))
  counts = [(name, *(f"{_count(flops)} / {size:.3g}" for flops, size in values))
            for name, values in (
              ("sinusoidal, d_model 512", found.encoding), ("attention, dense", found.attention),
              ("attention by rows", [(None, size) for _, size in found.rows]))]
  return f.Page(
    "claims", "What the source texts say, tested",
    "The texts that this project implements make statements about positions. Which of them hold?",
    f"Costs are those of compiled programs at {', '.join(map(str, LENGTHS))} tokens, powers those "
    "between the last two. Language "
    f"models: {config.layers[0]} layers, {len(config.d_model)} widths, {config.steps[0]} steps, "
    f"trained at {config.seq_len[0]} characters of {config.text}. The probe is a ridge regression "
    "on the states of 32 windows, tested on 32 others. BERT's published weights hold a learned "
    "table of absolute positions, which posenc_jax.from_hf says too; whether such a table is "
    "relative is measured on one drawn with BERT's scale.",
    tuple(f.judge(EXPECTATIONS, found)),
    (f.Table("Nats per character by width", head, tuple(rows)),
     f.Table("Operations / bytes", ("what", *(str(n) for n in LENGTHS)), tuple(counts))),
    left_out=(("operations of attention by rows", "the compiler counts one turn of a loop"),))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
