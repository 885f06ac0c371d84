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
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import config as config_lib
from experiments import encodings, pairs, script, training
from experiments import findings as f
from experiments.fields import Faults, option
from experiments.findings import statistics, study
from experiments.training import Shape
from posenc_jax import nn, sweeps
from posenc_jax._errors import explain_fault
from posenc_jax.methods import Sizes

BINS = 4  # of source lengths
PADDING, END = 0, 3


def chrf(written: list[str], wanted: list[str]) -> float:
  """chrF of a corpus, 0 to 100.

  Raises:
    ImportError: sacrebleu is not installed.
  """
  try:
    import sacrebleu
  except ImportError as error:
    raise ImportError(explain_fault(
      "experiments.translate", "an environment without sacrebleu", "one with it, for chrF",
      "Run: pip install -e '.[tasks]'")) from error
  return float(sacrebleu.corpus_chrf(written, [wanted]).score)


def greedy(model: nn.Seq2SeqTransformer, sources: jax.Array, begin: int, length: int,
           rngs: nnx.Rngs) -> jax.Array:
  """The likeliest next token, ``length`` times: sources int ``[B, S]`` to int32 ``[B, length]``."""
  cache = model.init_cache(model.encode(sources, mask=sources != PADDING, rngs=rngs), length)

  def step(carry, _):
    token, cache = carry
    logits, cache = model.decode(token, cache=cache, rngs=rngs)
    token = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    return (token, cache), token[:, 0]

  first = jnp.full((sources.shape[0], 1), begin, jnp.int32)
  return jax.lax.scan(step, (first, cache), None, length=length)[1].T


class Translate:
  """A verse in other words; a ``training.Task``.

  Args:
    found: the pairs.
    cross: encoding of the attention to the source, or "none".
    eval_rows, written_rows: pairs whose loss is taken, and that are written out.
  """

  def __init__(self, found: pairs.Pairs, cross: str, eval_rows: int, written_rows: int):
    self.found, self.cross, self.written_rows = found, cross, written_rows
    self.name = f"translate {found.name}, {cross} across"
    self.data: str | None = found.sha256
    order = np.random.default_rng(0).permutation(len(found.valid[0]))[:eval_rows]
    self.valid = tuple(x[order] for x in found.valid)
    self.length = found.train[0].shape[1]
    self.settings: Mapping[str, Any] = {
      "cross": cross, "eval_rows": eval_rows, "written_rows": written_rows, "longest": self.length}
    middles = [(i + 0.5) * self.length / BINS for i in range(BINS)]
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {
      "loss_by_length": ("characters of the source", middles)}

  def longest(self, length: int) -> int:
    """A target has its BEGIN and END too."""
    return length + 2

  def together(self, lengths: Any) -> bool:
    """Pairs of other lengths are other data."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Any:
    """The encoder-decoder, one table for both sides."""
    heads = shape.d_model // shape.head_dim
    sizes = Sizes(shape.d_model, heads, shape.head_dim, shape.length + 2, shape.length)
    across = None if self.cross == "none" else encodings.build(
      self.cross, sizes, jax.random.key(0))
    return nn.Seq2SeqTransformer(
      len(self.found.vocabulary), shape.d_model, shape.layers, head_dim=shape.head_dim,
      encoding=encoding, cross_encoding=across, active_width=width, dropout=dropout, rngs=rngs)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(sources ``[B, S]``, targets ``[B, S + 2]``)."""
    rows = jax.random.randint(key, (shape.batch_size,), 0, len(self.found.train[0]))
    return tuple(jnp.asarray(x)[rows] for x in self.found.train)

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats per character of the target, its END included."""
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    each, counts = self._each(model, batch, not shape.dropout, nnx.Rngs(**streams))
    return jnp.sum(each) / jnp.sum(counts), {}

  def _each(self, model: Any, batch: Any, plain: bool, rngs: nnx.Rngs) -> tuple[jax.Array, ...]:
    """(nats of each row, its number of characters)."""
    sources, targets = batch
    logits = model(sources, targets[:, :-1], source_mask=sources != PADDING, deterministic=plain,
                   rngs=rngs)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32),
                                                           targets[:, 1:])
    real = (targets[:, 1:] != PADDING).astype(jnp.float32)
    return jnp.sum(nats * real, axis=-1), jnp.sum(real, axis=-1)

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Nats per character in all and by the source's length, and what is written greedily."""
    key = training.evaluation_key(traced) if training.draws_always(self, shape) else None
    count = len(self.valid[0]) // shape.batch_size
    fold = lambda x: jnp.asarray(x[:count * shape.batch_size].reshape(
      count, shape.batch_size, x.shape[-1]))
    each, counts = jax.lax.map(
      lambda pair: self._each(model, pair, True, training.position_streams(key)),
      tuple(map(fold, self.valid)))
    each, counts = each.reshape(-1), counts.reshape(-1)
    sizes = (self.valid[0][:count * shape.batch_size] != PADDING).sum(-1)
    bins = np.minimum((sizes - 1) * BINS // self.length, BINS - 1)
    member = jnp.asarray(bins[None] == np.arange(BINS)[:, None], jnp.float32)
    by_length = jnp.sum(member * each[None], -1) / jnp.sum(member * counts[None], -1)
    written = greedy(model, jnp.asarray(self.valid[0][:self.written_rows]),
                     self.found.vocabulary.index(pairs.BEGIN), self.length + 1,
                     training.position_streams(key))
    return {"loss": jnp.sum(each) / jnp.sum(counts), "loss_by_length": by_length,
            "written": written.reshape(-1).astype(jnp.float32)}

  def text_of(self, ids: np.ndarray) -> str:
    """The characters up to END, special ones left out."""
    known = np.asarray(ids, int).tolist()
    known = known[:known.index(END)] if END in known else known
    return "".join(self.found.vocabulary[i] for i in known if i > END)


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
    if found.sound("seq_len") and len(self.seq_len) > 1:
      found.add("seq_len", self.seq_len, "one number", "Choose one")
    if found.sound("batch_size", "eval_rows") and self.eval_rows < max(self.batch_size):
      found.add("eval_rows", self.eval_rows, f"a batch of {max(self.batch_size)} at least",
                "Raise it")
    if found.sound("cross"):
      for text in self.cross:
        try:
          spec = encodings.parse(text)
          if found.sound("d_model", "head_dim") and (fault := encodings.reader_fault(
              "--cross", spec.label, spec.build(self._some(), jax.random.key(0)))):
            found.faults.append(fault)
        except ValueError as error:
          found.faults.append(str(error).replace("--encodings", "--cross", 1))
    return found

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


def scores(task: Translate, results: sweeps.Results, encoding: str) -> tuple[list[float], str]:
  """(chrF of each seed, the first verse as the first seed wrote it)."""
  wanted = [task.text_of(row[1:]) for row in task.valid[1][:task.written_rows]]
  found, sample = [], ""
  for record in results:
    if record["status"] == "ok" and record["cell"]["encoding"] == encoding:
      rows = np.asarray(record["series"]["written"]).reshape(len(wanted), -1)
      texts = [task.text_of(row) for row in rows]
      found.append(chrf(texts, wanted))
      sample = sample or texts[0]
  return found, sample


def _by_length(found: sweeps.Results, encoding: str, middle: float) -> str:
  """The mean over seeds in a bin; "-" if no source has such a length."""
  try:
    values = f.by_seed(found, "loss_by_length", at=middle, encoding=encoding)
  except f.Missing:
    return "-"
  return f"{statistics.interval_of(list(values.values())).mean:.3f}"


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  rows, samples = [], []
  for cross, found in results.items():
    task = config.part(cross).task()
    if not samples:
      samples = [("King James", task.text_of(task.valid[0][0])),
                 ("World English", task.text_of(task.valid[1][0][1:]))]
    for encoding in map(str, found.values("encoding")):
      values, sample = scores(task, found, encoding)
      by = [_by_length(found, encoding, x) for x in task.axes["loss_by_length"][1]]
      rows.append((encoding, cross, *by,
                   str(statistics.interval_of(values))))
      samples.append((f"{encoding}, {cross} across", sample))
  edges = [config.seq_len[0] * (i + 1) // BINS for i in range(BINS)]
  return f.Page(
    "translate", "King James English into today's",
    "Which encodings serve an encoder-decoder: within both sides, and across, in the attention "
    "from the decoder to the source?",
    f"{config.layers[0]} layers, d_model {config.d_model[0]}, {config.steps[0]} steps of "
    f"{config.batch_size[0]} verse pairs of at most {config.seq_len[0]} characters; books that "
    f"training never saw. chrF is sacrebleu's, of {config.written_rows} greedily written verses.",
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Nats per character by the source's length, and chrF",
             ("both sides", "across", *(f"up to {e}" for e in edges), "chrF"), tuple(rows)),
     f.Table("The first verse, as the first seed writes it", ("by", "text"), tuple(samples))))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
