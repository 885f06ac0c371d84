# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The task of small language models on text: their loss beyond the length they were trained at."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import data as data_lib
from experiments import training
from experiments.training import Shape
from posenc_jax import nn
from posenc_jax._errors import value_error

POSITION_BINS = 64
STRETCHES = 8  # pieces of evaluation text, spread evenly; what they are depends on no packing
EVALUATED_TOKENS_AT_ONCE = 4096


class Language:
  """Text, one character a token; a ``training.Task``.

  Args:
    corpus: what to train on.
    eval_multiples: of the training length, at which models are evaluated.
    eval_characters: how many characters each evaluation length predicts, the same ones, in
      ``STRETCHES`` stretches: every length must divide a stretch.
  """

  name = "language"

  def __init__(self, corpus: data_lib.Corpus, eval_multiples: Sequence[int] = (1, 2, 4, 8),
               eval_characters: int = 8192):
    self.corpus, self.data = corpus, corpus.sha256
    self.multiples = tuple(eval_multiples)
    self.eval_characters = eval_characters
    narrow = len(corpus.vocabulary) <= 256
    self.train_ids = corpus.train.astype(np.uint8 if narrow else np.int32)
    self.settings = {"eval_multiples": self.multiples, "eval_characters": eval_characters,
                     "unknown_share": round(corpus.unknown, 6)}

  @property
  def axes(self) -> dict[str, tuple[str, list[float]]]:
    """Positions are told in training lengths, so that lanes of all lengths have the same bins."""
    most = max(self.multiples)
    middles = [(i + 0.5) * most / POSITION_BINS for i in range(POSITION_BINS)]
    return {"loss_by_multiple": ("multiple of the training length", list(self.multiples)),
            "loss_by_position": ("position / training length", middles)}

  def longest(self, length: int) -> int:
    """The longest evaluation."""
    return max(self.multiples) * length

  def model(self, shape: Shape, encoding: Any, **how: Any) -> nn.TransformerLM:
    """A decoder-only model."""
    return training.transformer(len(self.corpus.vocabulary), shape, encoding, **how)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """Windows int32 ``[batch, length + 1]``."""
    return data_lib.sample_windows(jnp.asarray(self.train_ids), shape.length, shape.batch_size, key,
                                   counted=traced["seq_len"])

  def loss(self, shape: Shape, model: Any, batch: jax.Array, traced: dict[str, Any],
           key: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats per character."""
    each = training.token_losses(model, batch, key, dropout=shape.dropout)
    return training.masked_mean(each, traced["seq_len"]), {}

  def compile_seconds(self, shape: Shape) -> float:
    """Training and a loop of evaluation for each length."""
    return 6.0 + 1.2 * len(self.multiples) * len(shape.lengths) ** 0.5

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Loss at each multiple of the lane's training length, and by position in the longest."""
    lengths = sorted({m * n for m in self.multiples for n in shape.lengths})
    key = training.evaluation_key(traced)
    longest = traced["seq_len"] * max(self.multiples)
    means, by_position = [], jnp.zeros(POSITION_BINS)
    for n in lengths:
      windows = self.evaluation_windows(n)
      each = jax.lax.map(functools.partial(_window_losses, model, key), windows).reshape(-1, n)
      means.append(jnp.mean(each))
      if any(n == self.longest(one) for one in shape.lengths):
        by_position = jnp.where(longest == n, position_bins(jnp.mean(each, axis=0)), by_position)
    wanted = jnp.asarray(self.multiples, jnp.int32) * traced["seq_len"]
    by_multiple = jnp.stack(means)[jnp.searchsorted(jnp.asarray(lengths, jnp.int32), wanted)]
    return {"loss": by_multiple[0], "loss_by_multiple": by_multiple,
            "loss_by_position": by_position}

  def evaluation_windows(self, length: int) -> np.ndarray:
    """int32 ``[batches, windows, length + 1]`` that predict the same characters for every length.

    Raises:
      ValueError: the length does not divide a stretch.
    """
    stretch, rest = divmod(self.eval_characters, STRETCHES)
    if rest or stretch % length:
      raise value_error("eval_characters", self.eval_characters, f"a multiple of {STRETCHES} x "
                        f"{length}, so that the length {length} predicts all of them",
                        f"Use {stretch_of([length], self.eval_characters) * STRETCHES}")
    count = STRETCHES * stretch // length
    windows = data_lib.evaluation_windows(self.corpus.valid, length, count, block=stretch)
    at_once = max(d for d in range(1, count + 1)
                  if count % d == 0 and (d == 1 or d * length <= EVALUATED_TOKENS_AT_ONCE))
    return windows.reshape(count // at_once, at_once, length + 1)


def stretch_of(lengths: Sequence[int], characters: int) -> int:
  """The stretch nearest to ``characters / STRETCHES`` that all lengths divide.

  Example:
    >>> stretch_of([20, 24], 1000)
    120
  """
  common = math.lcm(*lengths)
  return max(round(characters / STRETCHES / common), 1) * common


def position_bins(losses: jax.Array) -> jax.Array:
  """Means over equal parts of ``[n]``: ``[POSITION_BINS]``, position p in bin floor(p bins / n).

  A bin of a sequence with fewer positions than bins has the loss of the position that it is in.
  """
  n = losses.shape[0]
  edges = [-(-i * n // POSITION_BINS) for i in range(POSITION_BINS + 1)]  # first position of a bin
  member = np.zeros((POSITION_BINS, n), np.float32)
  for i, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
    start = start if stop > start else i * n // POSITION_BINS
    stop = max(stop, start + 1)
    member[i, start:stop] = 1 / (stop - start)
  return jnp.sum(jnp.asarray(member) * losses[None], axis=1)


def _window_losses(model: Any, key: jax.Array, windows: jax.Array) -> jax.Array:
  return training.token_losses(model, windows, key)
