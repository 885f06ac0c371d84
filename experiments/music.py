# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bach chorales, token by token: PoPE against rotary, relative attention against sinusoids.

  python -m experiments.music
  python -m experiments.music --preset=smoke
  python -m experiments.music --preset=large

Causal models read the four voices of a chorale at every 16th, soprano first, and are evaluated on
chorales that training never sees, also with windows longer than those of training. Needs the extras
``experiments`` and ``tasks`` (music21, whose scores are parsed once per run directory, which takes
about a minute).
"""

import dataclasses
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import chorales, script, training
from experiments import config as config_lib
from experiments import findings as f
from experiments.config import run as run
from experiments.fields import Check, option
from experiments.findings import pictures, study
from experiments.findings.study import listed
from experiments.training import Shape
from posenc_jax import nn, sweeps

TOKENS_AT_ONCE = 4096  # of an evaluation
STEP = len(chorales.VOICES)  # tokens


class Music:
  """Chorales as tokens; a ``training.Task``.

  Args:
    found: the chorales.
    eval_multiples: of the training length, at which models are evaluated, on the same tokens; 1
      must be among them.
    eval_chorales: how many chorales of the evaluation part, the first ones.
  """

  name = "music"

  def __init__(self, found: chorales.Chorales, eval_multiples: Sequence[int], eval_chorales: int):
    train, valid = chorales.split(found)
    self.train, self.valid = train, valid[:eval_chorales]
    self.data: str | None = found.sha256
    self.multiples = tuple(eval_multiples)
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {
      "loss_by_multiple": ("multiple of the training length", list(self.multiples)),
      "loss_by_voice": ("voice, 1 is the soprano", list(range(1, STEP + 1)))}
    counts = np.bincount(np.concatenate([x[1:] for x in self.train]),
                         minlength=chorales.VOCABULARY) + 1.0
    self.unigram = float(-np.mean(np.log(counts / counts.sum())[
      np.concatenate([x[1:] for x in self.valid])]))
    self.held = float(np.mean([np.mean(x[1:-STEP] == x[1 + STEP:]) for x in self.valid]))
    self.settings: Mapping[str, Any] = {
      "eval_multiples": self.multiples, "eval_chorales": len(self.valid),
      "train_chorales": len(train), "train_tokens": sum(len(x) - 1 for x in train),
      "eval_tokens": sum(len(x) - 1 for x in self.valid), "unigram": round(self.unigram, 4),
      "held": round(self.held, 4), "resolution": found.resolution, "music21": found.version}

  def longest(self, length: int) -> int:
    """The longest evaluation."""
    return max(self.multiples) * length

  def together(self, lengths: Any) -> bool:
    """Windows of another length begin at other places."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, **how: Any) -> nn.TransformerLM:
    """A decoder-only model."""
    return training.transformer(chorales.VOCABULARY, shape, encoding, **how)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """Windows int32 ``[batch, length + 1]``."""
    stream, starts = map(jnp.asarray, chorales.starts_of(self.train, shape.length))
    chosen = starts[jax.random.randint(key, (shape.batch_size,), 0, starts.shape[0])]
    return stream[chosen[:, None] + jnp.arange(shape.length + 1)[None]]

  def loss(self, shape: Shape, model: Any, batch: jax.Array, traced: dict[str, Any],
           key: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats a token."""
    each = training.token_losses(model, batch, key, dropout=shape.dropout)
    real = (batch[:, 1:] != chorales.PADDING).astype(each.dtype)
    return jnp.sum(each * real) / jnp.sum(real), {}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Nats a token in windows of each multiple of the length, and of each voice in those of one."""
    key = training.evaluation_key(traced) if training.draws_always(self, shape) else None
    sums = [self._by_voice(model, m * shape.length, key) for m in self.multiples]
    voices = sums[self.multiples.index(1)]
    return {"loss": jnp.mean(voices), "loss_by_multiple": jnp.stack([jnp.mean(s) for s in sums]),
            "loss_by_voice": voices}

  def _by_voice(self, model: Any, length: int, key: jax.Array | None) -> jax.Array:
    """Nats a token of each voice, ``[4]``; all voices have as many tokens."""
    windows = chorales.windows_of(self.valid, length)
    some = max(1, TOKENS_AT_ONCE // length)
    windows = np.pad(windows, ((0, -len(windows) % some), (0, 0)))

    def piece(rows):
      logits = model(rows[:, :-1], rngs=training.position_streams(key)).astype(jnp.float32)
      each = optax.softmax_cross_entropy_with_integer_labels(logits, rows[:, 1:])
      real = (rows[:, 1:] != chorales.PADDING).astype(each.dtype)
      voice = lambda x: jnp.sum(x.reshape(-1, STEP), axis=0)
      return voice(each * real), voice(real)

    sums, counts = jax.lax.map(piece, jnp.asarray(windows.reshape(-1, some, length + 1)))
    return jnp.sum(sums, axis=0) / jnp.sum(counts, axis=0)


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train; ``found`` are the chorales, if they have been read already."""

  several: ClassVar[tuple[str, ...]] = ("seq_len",)
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "music",
    smoke=dict(encodings=("rotary", "pope"), pieces=20, d_model=(16,), head_dim=8, seq_len=(64,),
               layers=1, steps=80, batch_size=8, eval_chorales=2, eval_multiples=(1, 2)),
    large=dict(d_model=(256,), head_dim=32, layers=6, seq_len=(1024,), steps=3000, batch_size=8,
               learning_rate=(6e-4,), dropout=(0.2,), eval_chorales=1000, eval_multiples=(1, 2)))

  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "rotary", "pope", "shaw", "music-transformer"), "encodings")
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((128,), "training lengths, in tokens, four a step", low=STEP)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((1200,), "training steps", low=1)
  batch_size: tuple[int, ...] = option((8,), "sequences a step", low=1, high=2**20)
  pieces: int | None = option(None, "how many chorales are read; none: all", low=10)
  resolution: int = option(4, "steps a quarter note", low=1, high=8)
  eval_chorales: int = option(24, "chorales that are evaluated, at most", low=1)
  eval_multiples: tuple[int, ...] = option((1, 2, 4), "evaluation lengths / training length; 1 and "
                                           "others", low=1)
  out: str | None = option("runs/music", "run directory; keeps the parsed chorales too")
  found: chorales.Chorales | None = dataclasses.field(default=None, repr=False, compare=False)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; windows hold whole steps."""
    found = super().check(bad)
    if found.sound("seq_len"):
      for length in self.seq_len:
        if length % STEP:
          found.add("seq_len", length, f"a multiple of the {STEP} voices",
                    f"Use {length - length % STEP}")
    if found.sound("eval_multiples"):
      if 1 not in self.eval_multiples or len(set(self.eval_multiples)) < len(self.eval_multiples):
        found.add("eval_multiples", self.eval_multiples, "1 and others, each once", "Correct it")
    return found

  def load(self) -> "Config":
    """With its chorales; raises ImportError without music21."""
    cache = None if self.out is None else pathlib.Path(self.out)
    return self if self.found else dataclasses.replace(
      self, found=chorales.load(self.pieces, self.resolution, cache, write=not self.dry_run))

  def task(self) -> Music:
    """Chorales as tokens."""
    found = self.load().found
    assert found is not None
    return Music(found, self.eval_multiples, self.eval_chorales)


def _at(results: sweeps.Results, encoding: str, multiple: float, length: Any) -> dict[int, float]:
  return f.by_seed(results, "loss_by_multiple", at=multiple, encoding=encoding, seq_len=length)


def _less(better: str, worse: str, longest: bool = False):
  """A test: better - worse at the training length or the longest evaluation, below 0."""
  def test(results):
    for n in results.values("seq_len"):
      times = max(f.places(results, "loss_by_multiple")) if longest else 1
      first, second = (_at(results, e, times, n) for e in (better, worse))
      where = f"windows of {int(times) * int(n)}, trained at {n}" if longest else f"L {n}"
      yield f.less(first, second, f"{better} - {worse}, nats a token, {where}")
  return test


POPE = "arXiv 2509.10534, table 2"
HUANG = "arXiv 1809.04281, section 1"
EXPECTATIONS = (
  f.Expectation("Is PoPE better than rotary on chorales?",
                "0.4889 nats a token against 0.5081: -0.0192", POPE, _less("pope", "rotary")),
  f.Expectation("Is PoPE better than rotary on chorales longer than trained on?",
                "PoPE extrapolates without fine-tuning, rotary degrades (on text)",
                "arXiv 2509.10534, abstract",
                _less("pope", "rotary", longest=True)),
  f.Expectation("Is Music Transformer's relative attention better than sinusoids on chorales?",
                "Relative attention has a lower perplexity on chorales", HUANG,
                _less("music-transformer", "sinusoidal")),
  f.Expectation("Is Shaw's relative attention better than sinusoids on chorales?",
                "Music Transformer's is a form of it in less memory; of Shaw's own on chorales we "
                "know no number", "our question",
                _less("shaw", "sinusoidal")),
)


def _setup(config: Config, results: sweeps.Results) -> str:
  about = config.task().settings
  return (
    f"{about['train_chorales']} four-part chorales from the scores of music21 {about['music21']}, "
    f"{about['resolution']} steps a quarter note, {about['train_tokens']} tokens; one of "
    f"{chorales.EVALUATED}, by a fixed shuffle of the scores, is for evaluation, of which "
    f"{about['eval_chorales']} are used ({about['eval_tokens']} tokens, all predicted at every "
    f"length). Decoder-only models, {study.sizes(config)}, windows of "
    f"{listed(config.seq_len)} tokens, {listed(config.steps)} steps of "
    f"{listed(config.batch_size)} windows, dropout {listed(config.dropout)}. {len(config.seeds)} "
    "seeds. A model that knows only how frequent each pitch is has "
    f"{about['unigram']:.3f} nats a token; {about['held']:.0%} of the "
    "tokens are the pitch that their voice had a step before.")


def page(config: Config, results: sweeps.Results) -> f.Page:
  """The verdicts; losses by voice and by length of the window."""
  panels = [(f"L {n}", pictures.part(results, seq_len=n)) for n in config.seq_len]
  tables = []
  for n, (_, one) in zip(config.seq_len, panels, strict=True):
    found = pictures.table(f"Nats a token of each voice, windows of {n}", one, "loss_by_voice")
    tables += [
      pictures.table(f"Nats a token by length of the windows, trained at {n}", one,
                     "loss_by_multiple", " L"),
      dataclasses.replace(found, head=("encoding", *chorales.VOICES, "seeds"))]
  shown = (
    f.Picture("training", "Training loss, means over seeds with 95 percent bands.",
              pictures.curves(panels, "loss", "step", "nats a token")),
    f.Picture("length", "Loss in windows of several training lengths, means over seeds with 95 "
              "percent bands. All lengths predict the same tokens.", pictures.curves(
                panels, "loss_by_multiple", "evaluation length / training length",
                "nats a token", logarithmic=True)),
  )
  return f.Page(
    "music", "Bach chorales",
    "Does PoPE predict music better than rotary, and relative attention better than sinusoids?",
    _setup(config, results), tuple(f.judge(EXPECTATIONS, results)), tuple(tables), shown, LEFT_OUT)


LEFT_OUT = (
  ("the nats of the papers", "they have another collection and split of chorales, models about a "
   "hundred times as large and windows of up to 2048 tokens; only orderings are compared. "
   "--preset=large has the width, layers, rate, steps and dropout of PoPE's paper"),
  ("MAESTRO and other performances", "no package brings them along"),
  ("transposed copies of the training part", "more music than the default's steps would read once"),
)


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
