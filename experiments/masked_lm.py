# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Masked characters: a bidirectional encoder without positions knows which letters, not where.

  python -m experiments.masked_lm
  python -m experiments.masked_lm --preset=smoke
  python -m experiments.masked_lm --preset=large

Without an encoding the loss stays near that of a model that knows the frequencies of characters
alone; with any encoding it falls. A causal model is different, see experiments.extrapolation.
"""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import config as config_lib
from experiments import data as data_lib
from experiments import findings as f
from experiments import script, texts, training
from experiments.config import TrainingConfig
from experiments.config import run as run
from experiments.fields import option
from experiments.findings import pictures, study
from posenc_jax import nn, sweeps

SHARE = 20  # one token of so many is drawn three times: 15 percent, as in BERT
MASKED_OF_SHARE = 3


class MaskedLanguage:
  """Text, one character a token, 15 percent of them hidden; a ``training.Task``.

  Every hidden character becomes the mask's id; BERT keeps or exchanges a fifth of them.

  Args:
    corpus: what to train on.
    windows: how many evaluation windows.
  """

  name, axes = "masked_lm", {}

  def __init__(self, corpus: data_lib.Corpus, windows: int):
    self.corpus, self.data, self.windows = corpus, corpus.sha256, windows
    self.mask_id = len(corpus.vocabulary)
    self.train_ids = corpus.train.astype(np.int32)
    counts = np.bincount(corpus.train, minlength=len(corpus.vocabulary)) + 1.0
    self.unigram = (-np.log(counts / counts.sum())).astype(np.float32)
    self.settings = {"windows": windows, "masked": MASKED_OF_SHARE / SHARE}

  def longest(self, length: int) -> int:
    """Evaluation is at the training length."""
    return length

  def model(self, shape: training.Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any
            ) -> nn.MaskedLM:
    """An encoder with logits."""
    return nn.MaskedLM(self.mask_id + 1, shape.d_model, shape.layers, head_dim=shape.head_dim,
                       encoding=encoding, active_width=width, dropout=dropout, rngs=rngs)

  def batch(self, shape: training.Shape, traced: dict[str, Any], key: jax.Array
            ) -> tuple[jax.Array, jax.Array]:
    """(characters, which are hidden), each ``[batch, length]``."""
    windows = data_lib.sample_windows(jnp.asarray(self.train_ids), shape.length, shape.batch_size,
                                      key, counted=traced["seq_len"])
    drawn = training.draw_tokens(jax.random.fold_in(key, 1), shape.batch_size, shape.length, SHARE)
    return windows[:, :-1], drawn < MASKED_OF_SHARE

  def loss(self, shape: training.Shape, model: Any, batch: Any, traced: dict[str, Any],
           key: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats of each hidden character."""
    real = jnp.arange(shape.length) < traced["seq_len"]
    tokens, hidden = batch
    return self._losses(model, tokens, hidden, real, key, dropout=shape.dropout)[0], {}

  def _losses(self, model, tokens, hidden, real, key, *, dropout=False):
    streams = {} if key is None else {"positions": key}
    if dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    rngs = nnx.Rngs(**streams)
    logits = model(jnp.where(hidden, self.mask_id, tokens),
                   mask=jnp.broadcast_to(real[None], tokens.shape), deterministic=not dropout,
                   rngs=rngs)
    each = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), tokens)
    counts = (hidden & real[None]).astype(each.dtype)
    mean = lambda x: jnp.sum(x * counts) / jnp.maximum(jnp.sum(counts), 1.0)
    return mean(each), mean(jnp.asarray(self.unigram)[tokens])

  def evaluate(self, shape: training.Shape, model: Any, traced: dict[str, Any]
               ) -> dict[str, jax.Array]:
    """Loss, that of the frequencies alone, and loss - that: the gain of the context if below 0."""
    tokens, hidden = self.evaluation(shape.length)
    key = training.evaluation_key(traced) if training.draws_always(self, shape) else None
    real = jnp.ones((shape.length,), bool)
    loss, unigram = self._losses(model, tokens, hidden, real, key)
    return {"loss": loss, "unigram": unigram, "gain": loss - unigram}

  def evaluation(self, length: int) -> tuple[jax.Array, jax.Array]:
    """Held-out windows and what is hidden in them, the same for every lane."""
    windows = data_lib.evaluation_windows(self.corpus.valid, length, self.windows)[:, :-1]
    hidden = np.random.default_rng(0).random(windows.shape) < MASKED_OF_SHARE / SHARE
    return jnp.asarray(windows, jnp.int32), jnp.asarray(hidden)

  def together(self, lengths: tuple[int, ...]) -> bool:
    """Lanes of one length only: evaluation windows are of the program's length."""
    return len(lengths) == 1


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, TrainingConfig):
  """What to compare."""

  both_ways: ClassVar[bool] = True
  several: ClassVar[tuple[str, ...]] = ("seq_len",)
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "masked_lm",
    smoke=dict(encodings=("none", "alibi"), d_model=(16,), head_dim=8, seq_len=(32,), layers=1,
               steps=200, windows=64),
    large=dict(d_model=(128,), head_dim=32, layers=4, seq_len=(128,), steps=5000, batch_size=64,
               windows=1024))

  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "learned", "rotary", "alibi", "t5(bidirectional=True)", "shaw",
     "deberta"), "encodings")
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((64,), "training lengths, in characters", low=1)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((4000,), "training steps", low=1)
  windows: int = option(256, "evaluation windows", low=1)
  data: str = option("web", "text: World English, King James or Basic English Bible",
                     choices=tuple(texts.BIBLES))
  out: str | None = option("runs/masked_lm", "run directory")

  def task(self) -> MaskedLanguage:
    """Masked characters of the corpus."""
    corpus = data_lib.load_text(self.data, None, longest_window=max(self.seq_len) * self.windows)
    return MaskedLanguage(corpus, self.windows)


HAVIV = "arXiv 2203.16634, table 4"


def _collapse(results: sweeps.Results):
  for n in results.values("seq_len"):
    gain, told = (f.by_seed(results, "gain", encoding="none", seq_len=n),
                  f"none: loss - unigram loss, nats, L {n}")
    # It knows no more than frequencies, and has learned these.
    yield f.above(gain, -0.25, told)
    yield f.below(gain, 0.25, told)


def _below(*pairs: tuple[str, str]):
  """A test: the first of each pair has the lower loss, at every training length."""
  def test(results: sweeps.Results):
    for first, second in pairs:
      for n in results.values("seq_len"):
        one, other = (f.by_seed(results, "loss", encoding=e, seq_len=n) for e in (first, second))
        yield f.less(one, other, f"{first} - {second}, nats, L {n}")
  return test


def _others(results: sweeps.Results):
  """Every encoding of which the paper has no number, against none."""
  others = [e for e in results.values("encoding") if e not in ("none", *PUBLISHED)]
  if not others:
    raise f.Missing("no other encoding was trained")
  return _below(*((e, "none") for e in others))(results)


PUBLISHED = {"learned": 4.06, "sinusoidal": 4.07, "alibi": 4.00}  # perplexity
EXPECTATIONS = (
  f.Expectation("Does a masked model without positions fail?", "It does: perplexity 147.18, with "
                "learned positions 4.06; here failing is to know little more than frequencies",
                HAVIV, _collapse),
  *(f.Expectation(f"Is a masked model better with {e} positions than without?",
                  f"Perplexity {p:.2f} against 147.18", HAVIV,
                  _below((e, "none"))) for e, p in PUBLISHED.items()),
  f.Expectation("Is ALiBi better than learned and sinusoidal positions in a masked model?",
                "Perplexity 4.00 against learned 4.06 and sinusoidal 4.07", HAVIV,
                _below(("alibi", "learned"), ("alibi", "sinusoidal"))),
  f.Expectation("Does a masked model learn faster with rotary than with learned positions?",
                "The training loss of masked words falls faster; here the loss after as many steps "
                "as learned positions had", "arXiv 2104.09864, section 4.2 and figure 3",
                _below(("rotary", "learned"))),
  f.Expectation("Do the other encodings help a masked model?",
                "we know of no numbers", "our question", _others),
)


def _frequencies(results: sweeps.Results) -> str:
  """The loss of frequencies alone, which every lane that ended well knows; by training length."""
  known = {r["cell"]["seq_len"]: r["metrics"]["unigram"] for r in results if r["status"] == "ok"}
  told = " and ".join(f"{x:.3f}" + (f" (L {n})" if len(known) > 1 else "")
                      for n, x in known.items())
  return told and f" A model that knows only how frequent each character is has {told} nats."


def page(config: Config, results: sweeps.Results) -> f.Page:
  """The verdicts, and the loss while it trains."""
  panels = [(f"L {n}", pictures.part(results, seq_len=n)) for n in config.seq_len]
  rows = [(e, str(n), *(f.shown(results, what, encoding=e, seq_len=n) for what in ("loss", "gain")))
          for e in config.labels for n in config.seq_len]
  return f.Page(
    "masked_lm", "Masked characters without positions",
    "Does a bidirectional encoder learn anything without an encoding?",
    f"Encoders, layers {config.layers[0]}, width {config.d_model[0]}, trained for "
    f"{config.steps[0]} steps of {config.batch_size[0]} windows of {texts.told(config.data)}; 15 "
    f"percent of the characters are hidden, each by the mask's own id. Evaluated on "
    f"{config.windows} held-out windows, the same characters hidden for all.{_frequencies(results)}"
    f" {len(config.seeds)} seeds.",
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Nats of each hidden character", ("encoding", "L", "loss", "loss - unigram loss"),
             tuple(rows)),),
    (f.Picture("training", "Training loss of hidden characters, means over seeds with 95 percent "
               "bands.", pictures.curves(panels, "loss", "step", "nats per hidden character")),),
    (("the numbers of the paper", "it masks pieces of words, 128 a sequence, for a model like "
      "RoBERTa large; here are characters"),
     ("BERT's other fifth", "all hidden tokens are replaced by the mask, none kept or exchanged")))


def main(config: Config) -> int:
  """Runs, writes the page; the exit status."""
  return study.main(config, config_lib.run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
