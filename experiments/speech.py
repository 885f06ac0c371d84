# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Spoken digits in a row: rotary and ALiBi against sinusoids, also in longer utterances.

  python -m experiments.speech
  python -m experiments.speech --preset=smoke
  python -m experiments.speech --digits=2 --eval_digits=1,2,4,8 --encodings=rotary,sinusoidal,none

An encoder reads frames of log-mel energies and says of each which digit is spoken there. Training
hears one to ``--digits`` digits in a row; evaluation hears each number of ``--eval_digits``, by
voices that training never hears. Needs the extras ``experiments`` and ``tasks`` (espeakng-loader,
which brings a speech synthesiser along; the digits are made anew in a few seconds).
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments import config as config_lib
from experiments import findings as f
from experiments import script, spoken, training
from experiments.config import run as run
from experiments.fields import Check, option
from experiments.findings import pictures, study
from experiments.findings.study import listed
from experiments.training import Shape
from posenc_jax import nn, sweeps

MOST_GAP = 8  # frames of silence before a digit
AT_ONCE = 16  # utterances of an evaluation


class Listener(nnx.Module):
  """Frames ``[B, T, BANDS]`` to logits of their labels, ``[B, T, LABELS]``.

  Args:
    d_model, layers, head_dim, encoding, dropout, rngs: of the encoder.
  """

  def __init__(self, d_model: int, layers: int, head_dim: int, *, encoding: Any, dropout: Any,
               rngs: nnx.Rngs):
    draw = jax.random.normal(rngs.params(), (spoken.BANDS, d_model)) / spoken.BANDS**0.5
    self.into = nnx.Param(draw)
    self.encoder = nn.TransformerEncoder(None, d_model, layers, head_dim=head_dim,
                                         encoding=encoding, dropout=dropout, rngs=rngs)
    self.out = nnx.Param(jnp.zeros((d_model, spoken.LABELS)))

  def __call__(self, frames: jax.Array, **how: Any) -> jax.Array:
    return self.encoder(frames @ self.into[...], **how) @ self.out[...]


class Speech:
  """The digit of each frame; a ``training.Task``.

  Args:
    found: the recordings.
    digits: the most in an utterance of training.
    eval_digits: how many in those of evaluation, in turn.
    eval_rows: utterances of each.
    noise: standard deviation of what is added to every energy, in deviations of the energies.
  """

  name = "speech"

  def __init__(self, found: spoken.Spoken, digits: int, eval_digits: Sequence[int],
               eval_rows: int, noise: float):
    self.found, self.digits, self.rows, self.noise = found, digits, eval_rows, noise
    self.eval_digits = tuple(eval_digits)
    self.data: str | None = found.sha256
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {
      "accuracy_by_digits": ("digits in a row", list(self.eval_digits))}
    self.settings: Mapping[str, Any] = {"digits": digits, "eval_digits": self.eval_digits,
                                        "eval_rows": eval_rows, "noise": noise}

  def longest(self, length: int) -> int:
    """Frames of the longest utterance of evaluation: as many for each digit as in training."""
    return -(-length * max(self.digits, *self.eval_digits) // self.digits)

  def together(self, lengths: Any) -> bool:
    """Utterances of another length are other utterances."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Listener:
    """A Listener; there is one width."""
    assert width is None, "Config has one width"
    return Listener(shape.d_model, shape.layers, shape.head_dim, encoding=encoding,
                    dropout=dropout, rngs=rngs)

  def draw(self, part: spoken.Recordings, most: int, count: Any, length: int, key: jax.Array
           ) -> tuple[jax.Array, ...]:
    """(frames with noise, labels, which digit of the row) of one utterance, by one voice."""
    keys = jax.random.split(key, 5)
    voice = jax.random.randint(keys[0], (), 0, part.lengths.shape[0])
    digits = jax.random.randint(keys[1], (most,), 0, len(spoken.WORDS))
    ways = jax.random.randint(keys[2], (most,), 0, part.lengths.shape[2])
    gaps = jax.random.randint(keys[3], (most,), 1, MOST_GAP + 1)
    frames, lengths = (jnp.asarray(x)[voice, digits, ways] for x in (part.frames, part.lengths))
    frames, labels, which = spoken.utterance(frames, lengths, gaps, digits, count,
                                             self.found.silence, length)
    return frames + self.noise * jax.random.normal(keys[4], frames.shape), labels, which

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(frames ``[B, T, BANDS]``, labels ``[B, T]``), one to ``digits`` in a row."""
    counts = jax.random.randint(jax.random.fold_in(key, 1), (shape.batch_size,), 1, self.digits + 1)
    draw = lambda count, key: self.draw(self.found.train, self.digits, count, shape.length, key)
    return jax.vmap(draw)(counts, jax.random.split(key, shape.batch_size))[:2]

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats a frame."""
    frames, labels = batch
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    real = labels != spoken.PADDING
    logits = model(frames, mask=real, deterministic=not shape.dropout, rngs=nnx.Rngs(**streams))
    each = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32),
                                                            jnp.where(real, labels, 0))
    return jnp.sum(jnp.where(real, each, 0.0)) / jnp.sum(real).astype(each.dtype), {}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Loss a frame at the trained numbers, and percent of the digits that are right, by number.

    A digit is right if the sum of the log probabilities over its frames is highest for it.
    """
    always = training.draws_always(self, shape)
    key = training.evaluation_key(traced) if always else None
    length, most = self.longest(shape.length), max(self.eval_digits)

    def piece(item):
      counts, keys = item
      frames, labels, which = jax.vmap(
        lambda count, key: self.draw(self.found.valid, most, count, length, key))(counts, keys)
      logits = model(frames, mask=labels != spoken.PADDING, rngs=training.position_streams(key))
      return spoken.scores(logits, labels, which, most)

    rows = -(-self.rows // AT_ONCE) * AT_ONCE  # the last ones fill up and do not count
    real = jnp.arange(rows) < self.rows
    counts = jnp.repeat(jnp.asarray(self.eval_digits), rows)
    keys = jax.random.split(jax.random.key(0), counts.shape[0])  # the same for every lane
    found = jax.lax.map(piece, (counts.reshape(-1, AT_ONCE), keys.reshape(-1, AT_ONCE)))
    right, digits, nats, frames = (
      jnp.sum(x.reshape(len(self.eval_digits), rows), axis=1, where=real[None]) for x in found)
    trained = jnp.asarray([n <= self.digits for n in self.eval_digits], nats.dtype)
    accuracy = 100 * right / digits
    return {"loss": jnp.sum(nats * trained) / jnp.sum(frames * trained),
            "accuracy": jnp.sum(accuracy * trained) / jnp.sum(trained),
            "accuracy_by_digits": accuracy}


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train; ``found`` are the recordings, if they have been made already."""

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "speech",
    smoke=dict(encodings=("none", "rotary"), d_model=(16,), head_dim=8, layers=1, steps=40,
               batch_size=8, eval_rows=16, digits=1, seq_len=(48,), eval_digits=(1, 2)),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=4000, batch_size=64, eval_rows=512))

  digits: int = option(2, "the most digits in a row of training", low=1)
  eval_digits: tuple[int, ...] = option((1, 2, 4, 8), "digits in a row of evaluation", low=1)
  eval_rows: int = option(96, "utterances that are evaluated of each number of digits", low=1)
  noise: float = option(1.0, "deviation of the noise, in deviations of the energies", low=0)
  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "rotary", "alibi", "t5(bidirectional=True)"), "encodings")
  d_model: tuple[int, ...] = option((32,), "model width, one", low=1)
  seq_len: tuple[int, ...] = option((80,), "frames of an utterance of training, of 20 ms, one "
                                           "number; what is longer is cut", low=8)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((800,), "training steps", low=1)
  out: str | None = option("runs/speech", "run directory")
  found: spoken.Spoken | None = dataclasses.field(default=None, repr=False, compare=False)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; some number of digits is that of training."""
    found = super().check(bad)
    if found.sound("digits", "eval_digits"):
      if min(self.eval_digits) > self.digits:
        found.add("eval_digits", self.eval_digits, f"a number that training has, up to "
                  f"{self.digits}", "Add one")
    return found

  def load(self) -> "Config":
    """With its recordings; raises ImportError without espeakng-loader."""
    return self if self.found else dataclasses.replace(self, found=spoken.load())

  def task(self) -> Speech:
    """Digits of frames."""
    found = self.load().found
    assert found is not None
    return Speech(found, self.digits, self.eval_digits, self.eval_rows, self.noise)


def _at(results: sweeps.Results, encoding: str, count: float) -> dict[int, float]:
  return f.by_seed(results, "accuracy_by_digits", at=count, encoding=encoding)


def _more(better: str, worse: str, longest: bool = False):
  """A test: better - worse at the numbers of digits of training, or at the most that there are."""
  def test(results):
    if longest:
      most = max(f.places(results, "accuracy_by_digits"))
      yield f.greater(_at(results, better, most), _at(results, worse, most),
                      f"{better} - {worse}, percent of digits right, {most:g} in a row")
    else:
      first, second = (f.by_seed(results, "accuracy", encoding=e) for e in (better, worse))
      yield f.greater(first, second, f"{better} - {worse}, percent of digits right")
  return test


def _falls(encoding: str):
  """A test: the percent that is right at the most digits less that at the fewest, below -5."""
  def test(results):
    numbers = f.places(results, "accuracy_by_digits")
    one, other = (_at(results, encoding, n) for n in (max(numbers), min(numbers)))
    yield f.less(one, other, f"{encoding}, percent of digits right, {max(numbers):g} in a row - "
                 f"{min(numbers):g}", by=5)
  return test


PHAM = "arXiv 2005.09940, abstract"
LI, CAPE = "arXiv 2107.05907, abstract", "arXiv 2106.03143, section 1"
EXPECTATIONS = (
  f.Expectation("Does a recogniser of digits need positions?", "The order of frames matters",
                "our control", _more("rotary", "none")),
  f.Expectation("Is rotary better than sinusoids on spoken digits?",
                "Rotary lowers the word errors of a Conformer "
                "by 8.7 and 7.3 percent", LI,
                _more("rotary", "sinusoidal")),
  f.Expectation("Is ALiBi better than sinusoids on spoken digits?",
                "Relative positions suit speech better than absolute ones", PHAM,
                _more("alibi", "sinusoidal")),
  f.Expectation("Do sinusoids fail in utterances longer than trained on?",
                "Absolute positions lose on "
                "lengths that training has not seen", CAPE, _falls("sinusoidal")),
  f.Expectation("Is rotary better than sinusoids in longer utterances?",
                "Relative positions hold where absolute ones fail",
                CAPE, _more("rotary", "sinusoidal", longest=True)),
  f.Expectation("Is ALiBi better than sinusoids in longer utterances?",
                "Relative positions hold where absolute ones fail", CAPE,
                _more("alibi", "sinusoidal", longest=True)),
)


def page(config: Config, results: sweeps.Results) -> f.Page:
  """The verdicts, and how many digits are right by their number in a row."""
  voices = {name: len(spoken.ACCENTS) * len(found) for name, found in spoken.SPEAKERS.items()}
  setup = (
    f"eSpeak NG says the digits in {voices['train']} voices for training and {voices['valid']} "
    f"others for evaluation, at {len(spoken.SPEEDS)} speeds. "
    f"Encoders, {study.sizes(config)}, read {spoken.BANDS} log-mel energies every 20 ms, "
    f"with noise of {config.noise:g} of their deviations, and say of each frame "
    "which digit is spoken in it. "
    f"Trained for {listed(config.steps)} steps of {listed(config.batch_size)} utterances of 1 to "
    f"{config.digits} digits. A digit counts as right if the sum of the log probabilities over its "
    f"frames is highest for it; {config.eval_rows} utterances of each number of digits. "
    f"{len(config.seeds)} seeds.")
  shown = f.Picture(
    "digits", f"Percent of the digits that are right, by digits in a row; training has up to "
    f"{config.digits}. Means over seeds with 95 percent bands.", pictures.curves(
      [("", results)], "accuracy_by_digits", "digits in a row", "percent of digits right",
      logarithmic=True, limits=(0, 100)))
  return f.Page(
    "speech", "Spoken digits",
    "Do rotary and ALiBi recognise spoken digits better than sinusoids, and in longer utterances?",
    setup, tuple(f.judge(EXPECTATIONS, results)),
    (pictures.table("Percent of the digits that are right, by digits in a row", results,
                    "accuracy_by_digits"),), (shown,), LEFT_OUT)


LEFT_OUT = (
  ("speech of people", "no package that is easy to install brings recordings along; a synthesiser "
   "says a digit always alike, but for voice and speed"),
  ("word error rates", "they need transcripts of running speech; here frames are labelled"),
)


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
