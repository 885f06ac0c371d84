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
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import config as config_lib
from experiments import encodings, grids, labelled, script, training
from experiments import findings as f
from experiments.fields import Check, Faults, option
from experiments.findings import statistics, study
from experiments.findings.claims import difference
from experiments.training import Shape
from posenc_jax import nn, positions, sweeps

DIGITS = ("digits", "permuted-digits")
GRID = tuple(f"{grids.HERE}:{name}" for name in ("axial_rotary", "grid_sinusoidal", "alibi_2d"))


class Classify:
  """A class for each sequence; a ``training.Task``.

  Args:
    found: the set.
    eval_rows: how many sequences are evaluated, the first ones of a fixed shuffle.
  """

  def __init__(self, found: labelled.Labelled, eval_rows: int):
    self.found, self.name = found, f"classify {found.name}"
    self.data: str | None = found.sha256
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {}
    order = np.random.default_rng(0).permutation(len(found.valid[1]))[:eval_rows]
    self.valid = tuple(x[order] for x in found.valid)
    self.settings: Mapping[str, Any] = {"eval_rows": len(order)}

  def longest(self, length: int) -> int:
    """No longer ones are evaluated."""
    return length

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Any:
    """An encoder whose states are averaged."""
    return nn.Classifier(self.found.classes, self.found.vocabulary, shape.d_model, shape.layers,
                         head_dim=shape.head_dim, encoding=encoding, active_width=width,
                         dropout=dropout, rngs=rngs)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(ids ``[B, T]``, labels ``[B]``)."""
    ids, labels = self.found.train
    rows = jax.random.randint(key, (shape.batch_size,), 0, len(labels))
    return jnp.asarray(ids)[rows, :shape.length], jnp.asarray(labels)[rows]

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats a sequence, and the share that is right."""
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    return self._scored(shape, model, batch, traced, not shape.dropout, streams)

  def _scored(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], plain: bool,
              streams: dict[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
    from flax import nnx

    ids, labels = batch
    real = (ids != 0) & (jnp.arange(ids.shape[1])[None] < traced["seq_len"])
    two = any(e.position_axes == 2 for e in model.encoder.stack.encodings.encodings())
    at = positions.grid(*self.found.grid)[None] if two else None
    logits = model(ids, at, mask=real, deterministic=plain, rngs=nnx.Rngs(**streams))
    logits = logits.astype(jnp.float32)
    right = jnp.mean((jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32))
    loss = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
    return loss, {"accuracy": right}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Loss and accuracy of sequences that training never saw, in pieces of a batch."""
    always = training.draws_always(self, shape)
    streams = {"positions": training.evaluation_key(traced)} if always else {}
    count = len(self.valid[1]) // shape.batch_size
    pieces = tuple(jnp.asarray(x[:count * shape.batch_size].reshape(
      count, shape.batch_size, *x.shape[1:])) for x in self.valid)
    pieces = (pieces[0][..., :shape.length], pieces[1])
    loss, more = jax.lax.map(
      lambda piece: self._scored(shape, model, piece, traced, True, streams), pieces)
    return {"loss": jnp.mean(loss), "accuracy": jnp.mean(more["accuracy"])}


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, config_lib.TrainingConfig):
  """What to train."""

  both_ways: ClassVar[bool] = True
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "classify",
    smoke=dict(data=("translation", "digits"), encodings=("none", "sinusoidal"),
               grid_encodings=GRID[1:2], d_model=(16,), head_dim=8, layers=1, steps=60,
               batch_size=16, seq_len=(64,), eval_rows=320),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=4000, batch_size=64, seq_len=(256,)))

  data: tuple[str, ...] = option(labelled.SETS, "sets of labelled sequences",
                                 choices=labelled.SETS)
  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "learned", "rotary", "alibi", "t5(bidirectional=True)"),
    "encodings of a line of tokens")
  grid_encodings: tuple[str, ...] = option(GRID, "encodings of the digits' grid", empty=True)
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((96,), "characters of a verse, or of a pair of verses", low=3)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((600,), "training steps", low=1)
  eval_rows: int = option(1600, "sequences that are evaluated, at most", low=1)
  out: str | None = option("runs/classify", "run directory, one below it for each set")

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong."""
    found = super().check(bad)
    if found.sound("batch_size", "eval_rows") and self.eval_rows < max(self.batch_size):
      found.add("eval_rows", self.eval_rows, f"a batch of {max(self.batch_size)} at least",
                "Raise it")
    return found

  def part(self, name: str) -> "Part":
    """The config of one set; digits have a length of 64 and the grid's encodings too."""
    digits = name in DIGITS
    same = {x.name: getattr(self, x.name) for x in dataclasses.fields(self)}
    same |= {"seq_len": (64,) if digits else self.seq_len, "data": (name,),
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


def _accuracy(results: dict[str, sweeps.Results], data: str, encoding: str) -> dict[int, float]:
  found = f.by_seed(f.part_of(results, data), "accuracy", encoding=encoding)
  return {seed: 100 * value for seed, value in found.items()}


def label_of(text: str) -> str:
  """What cells call an encoding."""
  return encodings.parse(text).label


def _pair(data: str, better: str, worse: str):
  def test(results):
    first, second = (_accuracy(results, data, label_of(e)) for e in (better, worse))
    return f.greater(first, second, f"{short(better)} - {short(worse)}, percent right, {data}")
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
  f.Expectation("Is the gain of two axes gone when pixels are shuffled?",
                "shuffled pixels have no use for a grid",
                "our control", _control),
)


def page(config: Config, results: dict[str, Any]) -> f.Page:
  """The page of what ``run`` found."""
  rows = []
  for data, found in results.items():
    for label in found.values("encoding"):
      values = [100 * v for v in f.by_seed(found, "accuracy", encoding=label).values()]
      rows.append((data, short(str(label)), str(statistics.interval_of(values))))
  return f.Page(
    "classify", "Classes of verses and digits",
    "Which encoding helps an encoder to tell translations, books, the verse that follows, and "
    "digits, read pixel by pixel?",
    f"Encoders with {config.layers[0]} layers, d_model {config.d_model[0]}, mean of the states, "
    f"{config.steps[0]} steps of {config.batch_size[0]} sequences; verses cut at "
    f"{config.seq_len[0]} characters. experiments/labelled.py says how sets are made and split.",
    tuple(f.judge(EXPECTATIONS, results)),
    (f.Table("Percent right, mean and 95 percent interval over seeds",
             ("set", "encoding", "percent right"), tuple(rows)),),
    left_out=(("images of a usual size", "no data set of them comes with a package"),))


def main(config: Config) -> int:
  """Runs, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
