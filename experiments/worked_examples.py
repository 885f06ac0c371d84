# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The worked examples of the texts that this project implements, with the true numbers.

  python -m experiments.worked_examples
  python -m experiments.worked_examples --model=seq2seq
  python -m experiments.worked_examples --epochs=2 --out=examples

Prints a 5 x 8 sinusoidal table beside those that the texts' own formulas give, attention among
three tokens, the table of 768 columns and 512 positions (as a picture in --out), and the loss of a
small training run, decoder-only or of the encoder-decoder: about a minute. ``run(config)`` returns
the numbers.
"""

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import posenc_jax as px
from experiments import script
from experiments.fields import Check, Faults, option
from posenc_jax import nn

PICTURE = "sinusoidal_768x512.png"
EMBEDDINGS = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]], np.float32)
SOURCE_LOSSES = {1: 2.34, 10: 0.93}  # by epoch; the source prints no others

# The source does not say what it trains on. Here texts are made of stock phrases of 16 tokens, each
# of the 10000 tokens in one of them; the r-th phrase comes up in proportion to 1/r, as words do.
# A model that knows the phrases predicts every next token, so the least possible loss is 0. What
# the encoder-decoder writes is the text in another language: each token has one translation.
PHRASE = 16


@dataclasses.dataclass(frozen=True)
class Config:
  """Settings of the run; sizes and rate of the training are the source's, so they are no flags."""

  out: str | None = option("runs/worked_examples", "directory of the picture; None in a notebook "
                           "for none")
  model: str = option("decoder", "decoder: the next token of a text; seq2seq: the texts' "
                      "encoder-decoder, which translates it", choices=("decoder", "seq2seq"))
  epochs: int = option(10, "passes over the texts", low=1)
  texts: int = option(3200, "texts to train on", low=1)
  batch_size: int = option(64, "texts a step", low=1)
  seed: int = option(0, "of parameters, texts and their order", low=0, high=2**31 - 1)
  vocabulary: int = 10_000
  d_model: int = 64
  num_heads: int = 2
  num_layers: int = 2
  learning_rate: float = 1e-3
  dropout: float = 0.1

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    found = Check(self, bad)
    if found.sound("texts", "batch_size") and self.texts < self.batch_size:
      found.add("texts", self.texts, f"at least one batch of --batch_size={self.batch_size}",
                "Raise it or make batches smaller")
    if found.sound("out") and self.out is not None and _below_a_file(pathlib.Path(self.out)):
      found.add("out", f"{self.out}, which is a file or below one", "a directory", "Name another")
    return found.faults


def _below_a_file(path: pathlib.Path) -> bool:
  there = next((p for p in (path, *path.parents) if p.exists()), None)
  return there is not None and not there.is_dir()


def small_tables() -> dict[str, np.ndarray]:
  """The 5 x 8 table as the texts have it, in truth, and by the formulas that they give for it.

  Returns:
    Arrays ``[5, 8]``: "zeros" that one source prints, "true" values of Vaswani et al., the
    "doubled_exponent" of that source's code, and the "growing_angle" of the first formula.
  """
  return {"zeros": np.zeros((5, 8), np.float32),
          "true": np.asarray(px.sinusoidal(jnp.arange(5), 8)),
          "doubled_exponent": np.asarray(px.tutorial_doubled_exponent(5, 8)),
          "growing_angle": np.asarray(px.tutorial_growing_angle(5, 8))}


def three_tokens() -> dict[str, np.ndarray]:
  """Attention among three tokens: q = k = v = V + P, softmax(q k^T / sqrt(3)) v, no mask.

  Returns:
    weights ``[3, 3]`` and output ``[3, 3]``.
  """
  x = jnp.asarray(EMBEDDINGS + EMBEDDINGS)[:, None, :]  # [T, one head, H]
  # Values that are rows of the identity make the output the weights themselves.
  rows = jnp.eye(3)[:, None, :]
  return {"weights": np.asarray(px.attend(x, x, rows)[:, 0]),
          "output": np.asarray(px.attend(x, x, x)[:, 0])}


def large_table(out: str | None) -> np.ndarray:
  """The sinusoidal table as one source writes it, D x T; its picture goes into ``out``.

  Returns:
    ``[768, 512]``: a row for each column of the embeddings, a column for each position.
  """
  table = np.asarray(px.sinusoidal(jnp.arange(512), 768)).T
  if out is not None:
    from matplotlib.figure import Figure  # never pyplot, which would change a notebook's backend

    figure = Figure(figsize=(6, 7), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto",
                          interpolation="nearest")
    axes.set(xlabel="position, of 512", ylabel="column of the embedding, of 768",
             title="sinusoidal(arange(512), 768), transposed")
    figure.colorbar(picture)
    directory = pathlib.Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    figure.savefig(directory / PICTURE, dpi=110)
  return table


def draw_texts(key: jax.Array, count: int, vocabulary: int) -> jax.Array:
  """Texts int32 ``[count, 17]``: phrases begun anywhere and read round to where they began."""
  phrases = vocabulary // PHRASE
  book = jax.random.permutation(jax.random.key(0), vocabulary)[:phrases * PHRASE]
  book = book.reshape(phrases, PHRASE).astype(jnp.int32)  # the same phrases for every key
  which, where = jax.random.split(key)
  rank = jnp.arange(1, phrases + 1).astype(jnp.float32)
  phrase = jax.random.categorical(which, -jnp.log(rank), shape=(count,))
  start = jax.random.randint(where, (count,), 0, PHRASE)
  at = (start[:, None] + jnp.arange(PHRASE + 1)[None]) % PHRASE
  return book[phrase[:, None], at]


def translate(texts: jax.Array, vocabulary: int) -> jax.Array:
  """Texts int32 in the other language: each token's one translation, the same for every call."""
  return jax.random.permutation(jax.random.key(1), vocabulary).astype(jnp.int32)[texts]


def make_model(config: Config, key: jax.Array) -> nnx.Module:
  """The decoder-only model, or the encoder-decoder with one more token id, that begins a target."""
  sizes: Any = dict(
    d_model=config.d_model, num_layers=config.num_layers, num_heads=config.num_heads,
    encoding=px.Sinusoidal(config.d_model), dropout=config.dropout, rngs=nnx.Rngs(params=key))
  if config.model == "decoder":
    return nn.TransformerLM(config.vocabulary, **sizes)
  return nn.Seq2SeqTransformer(config.vocabulary + 1, **sizes)


def logits_of(config: Config, model: Any, texts: jax.Array, **how) -> tuple:
  """(logits ``[B, 16, V]``, the tokens int ``[B, 16]`` to be predicted) of texts ``[B, 17]``."""
  if config.model == "decoder":
    return model(texts[:, :-1], **how), texts[:, 1:]
  target = translate(texts[:, :-1], config.vocabulary)
  begin = jnp.full_like(target[:, :1], config.vocabulary)
  return model(texts[:, :-1], jnp.concatenate([begin, target[:, :-1]], axis=1), **how), target


def train(config: Config, tell=lambda epoch, loss, held_out: None) -> dict[str, list[float]]:
  """Trains the model of ``config.model``; nats per token of each epoch, and on texts held out.

  Args:
    config: the settings.
    tell: called with each epoch's numbers as they come.

  Returns:
    ``{"loss": [epochs], "held_out": [epochs]}``: the mean over the epoch with dropout, and at its
    end without.
  """
  keys = jax.random.split(jax.random.key(config.seed), 4)
  texts, held_out = (draw_texts(k, n, config.vocabulary)
                     for k, n in ((keys[0], config.texts), (keys[1], 4 * config.batch_size)))
  graphdef, params, rest = nnx.split(make_model(config, keys[2]), nnx.Param, ...)
  optimizer = optax.adam(config.learning_rate)

  def loss(params, batch, key=None):
    rngs = None if key is None else nnx.Rngs(dropout=key)
    logits, wanted = logits_of(config, nnx.merge(graphdef, params, rest), batch,
                               deterministic=key is None, rngs=rngs)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, wanted))

  def step(carry, batch_and_key):
    params, state = carry
    value, grads = jax.value_and_grad(loss)(params, *batch_and_key)
    with jax.numpy_dtype_promotion("standard"):  # Optax raises a float to an int32 step count.
      updates, state = optimizer.update(grads, state, params)
    return (optax.apply_updates(params, updates), state), value

  @jax.jit
  def epoch(carry, key):
    order, drop = jax.random.split(key)
    batches = config.texts // config.batch_size
    shuffled = jax.random.permutation(order, texts)[:batches * config.batch_size]
    shuffled = shuffled.reshape(batches, config.batch_size, -1)
    carry, losses = jax.lax.scan(step, carry, (shuffled, jax.random.split(drop, batches)))
    return carry, jnp.mean(losses), loss(carry[0], held_out)

  carry, out = (params, optimizer.init(params)), {"loss": [], "held_out": []}
  for i in range(config.epochs):
    carry, trained, held = epoch(carry, jax.random.fold_in(keys[3], i))
    out["loss"].append(float(trained))
    out["held_out"].append(float(held))
    tell(i + 1, float(trained), float(held))
  return out


def run(config: Config, tell=lambda epoch, loss, held_out: None) -> dict:
  """All examples, as numbers.

  Args:
    config: the settings.
    tell: see ``train``.

  Returns:
    ``small_tables``, ``three_tokens``, ``large_table`` and ``training``.

  Raises:
    Faults: the config does not make sense.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  return {"small_tables": small_tables(), "three_tokens": three_tokens(),
          "large_table": large_table(config.out), "training": train(config, tell)}


def _rows(array) -> str:
  return "\n".join("  " + " ".join(f"{x:8.4f}" for x in row) for row in np.asarray(array))


def main(config: Config) -> int:
  """Prints the examples; returns the exit status."""
  print("1. Positions 0 to 4 in 8 columns. One source prints:\n")
  tables = small_tables()
  for name, told in (("zeros", ""), ("true", "in truth, sinusoidal(arange(5), 8)"),
                     ("doubled_exponent", "what the source's own code gives, as it doubles the "
                      "exponent twice:\n  tutorial_doubled_exponent(5, 8)"),
                     ("growing_angle", "what another source's first formula gives: "
                      "tutorial_growing_angle(5, 8)")):
    print(f"\n  {told}\n" * bool(told), _rows(tables[name]), sep="\n" * bool(told))
  attention = three_tokens()
  print("\n2. Three tokens, V = P =\n", _rows(EMBEDDINGS), sep="\n")
  print("\n  taken as q = k = v = V + P and softmax(q k^T / sqrt(3)) v, without a mask; what the\n"
        "  source prints is not a softmax. In truth\n"
        "\n  weights\n", _rows(attention["weights"]), "\n  output\n", _rows(attention["output"]),
        sep="\n")
  table = large_table(config.out)
  where = "none, as out is None" if config.out is None else f"{config.out}/{PICTURE}"
  print("\n3. 768 x 512 is D x T in the source: sinusoidal(arange(512), 768) transposed, 512 "
        f"positions.\n  Picture: {where}. The last position's column begins\n")
  print(_rows(table[:8, -1:].T))
  print(f"\n4. Training, --model={config.model}: vocabulary {config.vocabulary}, d_model "
        f"{config.d_model}, {config.num_heads} heads, {config.num_layers} layers, Adam "
        f"{config.learning_rate:g}.\n"
        "  The source does not name its data, so its losses stand beside ours but are no goal:\n"
        f"  ours are of made-up phrases; guessing has {np.log(config.vocabulary):.2f}, the best 0."
        "\n\n  epoch    loss  held out  source")

  def tell(epoch, loss, held_out):
    source = f"{SOURCE_LOSSES[epoch]:8.2f}" if epoch in SOURCE_LOSSES else ""
    print(f"  {epoch:5d} {loss:7.3f} {held_out:9.3f}{source}", flush=True)

  train(config, tell)
  return 0


if __name__ == "__main__":
  script.start(Config, main, __doc__)
