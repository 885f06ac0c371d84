# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training small language models on text, as lanes of a sweep, and their loss beyond that length.

One program trains all lanes of an encoding: seeds, learning rates, training lengths (a shorter one
counts the loss of its first tokens only) and, if the planner finds it cheaper, widths (a narrower
model is a wide one with zero surplus parameters). All lanes of a seed see the same batches.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import data as data_lib
from experiments import encodings
from posenc_jax import nn, sweeps
from posenc_jax.nn import width as width_lib

POSITION_BINS = 64
STRETCHES = 8  # pieces of evaluation text, spread evenly; what they are depends on no packing
EVALUATED_TOKENS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class Shape:
  """What shapes the program of a group of cells."""

  encoding: str
  widths: tuple[int, ...]
  lengths: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Settings:
  """What all cells share; recorded in the manifest.

  Attributes:
    layers, head_dim, batch: of the models and of training.
    steps: of Adam, with warm-up over the first 5 percent and cosine decay.
    eval_multiples: of the training length, at which models are evaluated.
    eval_characters: how many characters each evaluation length predicts, the same ones, in
      ``STRETCHES`` stretches.
  """

  layers: int
  head_dim: int
  batch: int
  steps: int
  eval_multiples: tuple[int, ...]
  eval_characters: int

  @property
  def stretch(self) -> int:
    """Characters of one stretch; no evaluation length can be longer."""
    return self.eval_characters // STRETCHES


class LanguageModel:
  """The experiment: cells are {encoding, d_model, seq_len, learning_rate, seed[, base]}.

  Args:
    corpus: what to train on.
    settings: shared by all cells.
  """

  name = "language"

  def __init__(self, corpus: data_lib.Corpus, settings: Settings):
    self.corpus, self.settings, self.data = corpus, settings, corpus.sha256
    narrow = len(corpus.vocabulary) <= 256
    self.train_ids = corpus.train.astype(np.uint8 if narrow else np.int32)

  def split(self, cell: sweeps.Cell) -> tuple[Shape, dict[str, Any]]:
    """Widths, lengths and encodings shape the program; the lane's own sizes are traced too."""
    traced = {n: cell[n] for n in ("seed", "learning_rate", "seq_len", "d_model")}
    if cell.get("base") is not None:
      traced["base"] = cell["base"]
    return Shape(cell["encoding"], (cell["d_model"],), (cell["seq_len"],)), traced

  def merge(self, statics: Sequence[Shape]) -> Shape | None:
    """One program for all widths and lengths of one encoding."""
    if len({s.encoding for s in statics}) > 1:
      return None
    union = lambda name: tuple(sorted({x for s in statics for x in getattr(s, name)}))
    return Shape(statics[0].encoding, union("widths"), union("lengths"))

  def cost(self, shape: Shape) -> float:
    """Floating-point operations of a training step: 6 a parameter and token, and attention."""
    width, length = max(shape.widths), max(shape.lengths)
    tokens = self.settings.batch * length
    return tokens * self.settings.layers * (72 * width**2 + 12 * width * length)

  def memory(self, shape: Shape) -> float:
    """Bytes a lane needs: activations of one step, parameters with both Adam moments."""
    width, length = max(shape.widths), max(shape.lengths)
    scores = length * width // self.settings.head_dim
    tokens = self.settings.batch * length
    activations = 4 * tokens * self.settings.layers * (20 * width + 3 * scores)
    return activations + 16 * self.settings.layers * 12 * width**2

  def compile_seconds(self, shape: Shape) -> float:
    """Training and five lengths of evaluation: most of what a small group costs."""
    return 6.0 + 1.2 * len(self.settings.eval_multiples) * len(shape.lengths) ** 0.5

  def make_train(self, shape: Shape) -> sweeps.Train:
    """Training of one lane; sizes of the lane come in ``traced``."""
    s, longest = self.settings, max(shape.lengths)
    lengths = tuple(sorted({m * n for m in s.eval_multiples for n in shape.lengths}))
    ids = jnp.asarray(self.train_ids)

    def init(traced, key):
      del key  # every encoding starts from the same draws, so that seeds pair them
      keys = jax.random.split(jax.random.key(traced["seed"]), 2)
      model = self._model(shape, lengths[-1], traced, keys[0])
      graph, params, rest = nnx.split(model, nnx.Param, ...)
      return {"graph": graph, "params": params, "rest": rest,
              "adam": optax.scale_by_adam().init(params)}

    def step(state, traced, index):
      key = jax.random.fold_in(jax.random.key(traced["seed"]), index + 1)
      batch = data_lib.sample_windows(ids, longest, s.batch, key, counted=traced["seq_len"])
      counts = (jnp.arange(longest) < traced["seq_len"]).astype(jnp.float32)

      def loss(params):
        model = nnx.merge(state["graph"], params, state["rest"])
        each = token_losses(model, batch, key)
        return jnp.sum(each * counts[None]) / (s.batch * jnp.sum(counts))

      value, grads = jax.value_and_grad(loss)(state["params"])
      rate = traced["learning_rate"] * schedule(index, s.steps)
      params, adam = descend(state["params"], state["adam"], grads, rate)
      return {**state, "params": params, "adam": adam}, {"loss": value}

    def finish(state, traced):
      model = nnx.merge(state["graph"], state["params"], state["rest"])
      return self._evaluate(model, lengths, traced)

    axes = {"loss_by_multiple": ("multiple of the training length", list(s.eval_multiples)),
            "loss_by_position": ("position", _bin_centres(lengths[-1]))}
    return sweeps.Train(init, step, s.steps, finish, tokens=s.batch * longest, axes=axes)

  def _model(self, shape: Shape, length: int, traced: dict, key: jax.Array) -> nn.TransformerLM:
    s, widest, padded = self.settings, max(shape.widths), len(shape.widths) > 1
    model_key, encoding_key = jax.random.split(key)

    def encoding(d_model):
      base = {"base": traced["base"]} if "base" in traced else {}
      sizes = encodings.Sizes(d_model, d_model // s.head_dim, s.head_dim, length,
                              max(shape.lengths), **base)
      return encodings.build(shape.encoding, sizes, encoding_key)

    if padded:
      stacked = width_lib.stack_encodings({w: encoding(w) for w in shape.widths},
                                          head_dim=s.head_dim)
      chosen = width_lib.pick_encoding(stacked, shape.widths, traced["d_model"])
    else:
      chosen = encoding(widest)
    return nn.TransformerLM(len(self.corpus.vocabulary), widest, s.layers, head_dim=s.head_dim,
                            encoding=chosen, active_width=traced["d_model"] if padded else None,
                            rngs=nnx.Rngs(params=model_key))

  def _evaluate(self, model, lengths, traced) -> dict[str, jax.Array]:
    """Loss at each multiple of the lane's training length, and per position of the longest."""
    means, positions = [], None
    for n in lengths:
      windows = self.evaluation_windows(n)
      each = jax.lax.map(functools.partial(_window_losses, model), windows)
      each = each.reshape(-1, n)
      means.append(jnp.mean(each))
      positions = jnp.mean(each, axis=0)
    wanted = jnp.asarray(self.settings.eval_multiples, jnp.int32) * traced["seq_len"]
    by_multiple = jnp.stack(means)[jnp.searchsorted(jnp.asarray(lengths, jnp.int32), wanted)]
    bins = min(POSITION_BINS, lengths[-1])
    by_position = jnp.mean(positions[:lengths[-1] // bins * bins].reshape(bins, -1), axis=1)
    return {"loss": by_multiple[0], "loss_by_multiple": by_multiple,
            "loss_by_position": by_position}

  def evaluation_windows(self, length: int) -> np.ndarray:
    """int32 ``[batches, windows, length + 1]``, cut from the same stretches for every length.

    Lengths that divide a stretch predict exactly the same characters; others lack its end.
    """
    each = self.settings.stretch // length
    windows = data_lib.evaluation_windows(self.corpus.valid, length, STRETCHES * each,
                                          block=each * length)
    count = len(windows)
    at_once = max(d for d in range(1, count + 1)
                  if count % d == 0 and (d == 1 or d * length <= EVALUATED_TOKENS_AT_ONCE))
    return windows.reshape(count // at_once, at_once, length + 1)


def _bin_centres(length: int) -> list[float]:
  bins = min(POSITION_BINS, length)
  size = length // bins
  return [i * size + (size - 1) / 2 for i in range(bins)]


def _window_losses(model, windows):
  return token_losses(model, windows, jax.random.key(0))


def token_losses(model, windows: jax.Array, key: jax.Array) -> jax.Array:
  """Cross-entropy in nats of each next token: windows int32 ``[B, T + 1]``, result ``[B, T]``."""
  logits = model(windows[:, :-1], rngs=nnx.Rngs(positions=key))
  return optax.softmax_cross_entropy_with_integer_labels(
      logits.astype(jnp.float32), windows[:, 1:])


def schedule(index: jax.Array, steps: int) -> jax.Array:
  """Linear warm-up over the first 5 percent, then a cosine to zero: a factor in [0, 1]."""
  warm = max(steps // 20, 1)
  at = index.astype(jnp.float32)
  up = (at + 1) / warm
  down = 0.5 * (1 + jnp.cos(np.float32(np.pi) * (at - warm) / max(steps - warm, 1)))
  return jnp.where(at < warm, up, down)


def descend(params, adam, grads, rate, *, clip: float = 1.0):
  """One Adam step of a lane, gradients clipped by their global norm inside the lane."""
  norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
  factor = jnp.minimum(1.0, clip / jnp.maximum(norm, 1e-9))
  grads = jax.tree.map(lambda g: g * factor, grads)
  with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an int32 step count
    updates, adam = optax.scale_by_adam().update(grads, adam, params)
  return jax.tree.map(lambda p, u: p - rate * u, params, updates), adam
