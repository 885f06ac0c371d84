# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The task of small language models on text: their loss beyond the length they were trained at."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import data as data_lib
from experiments import training
from experiments.training import Shape
from posenc_jax import nn, positions
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
    """Training and a loop of evaluation, whatever the lengths."""
    return 6.0 + 0.2 * shape.layers

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Loss at each multiple of the lane's training length, and by position in the longest.

    Lengths that divide a longer one are evaluated in its loop, several windows side by side in a
    row as documents of their own: one copy of the model to compile in place of one a length.
    """
    lengths = sorted({m * n for m in self.multiples for n in shape.lengths})
    key = training.evaluation_key(traced) if training.draws_always(self, shape) else None
    longest = traced["seq_len"] * max(self.multiples)
    means: dict[int, jax.Array] = {}
    by_position = jnp.zeros(POSITION_BINS)
    while len(means) < len(lengths):
      row = max(n for n in lengths if n not in means)
      members = [n for n in lengths if n not in means and row % n == 0]
      rows = [self._rows(n, row) for n in members]
      items = jax.tree.map(lambda *xs: np.concatenate(xs), *rows)
      alone = len(members) == 1
      each = jax.lax.map(
        lambda item, alone=alone: _row_losses(model, key, *item, alone=alone), items)
      each = each.reshape(len(members), -1, row)
      means |= dict(zip(members, jnp.mean(each, axis=(1, 2)), strict=True))
      for i, n in enumerate(members):
        if any(n == self.longest(one) for one in shape.lengths):
          found = position_bins(jnp.mean(each[i].reshape(-1, n), axis=0))
          by_position = jnp.where(longest == n, found, by_position)
    wanted = jnp.asarray(self.multiples, jnp.int32) * traced["seq_len"]
    found = jnp.stack([means[n] for n in lengths])
    by_multiple = found[jnp.searchsorted(jnp.asarray(lengths, jnp.int32), wanted)]
    return {"loss": by_multiple[0], "loss_by_multiple": by_multiple,
            "loss_by_position": by_position}

  def _rows(self, length: int, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of a length, side by side in rows: (tokens, targets, segments).

    Tokens and targets are int32 ``[batches, rows, row]``, segments ``[batches, row]``.
    """
    windows = self.evaluation_windows(length)
    count = windows.size // (length + 1) * length // row
    at_once = max(d for d in range(1, count + 1)
                  if count % d == 0 and (d == 1 or d * row <= EVALUATED_TOKENS_AT_ONCE))
    fold = lambda x: x.reshape(count // at_once, at_once, row)
    segments = np.arange(row, dtype=np.int32) // length
    return (fold(windows[..., :-1]), fold(windows[..., 1:]),
            np.broadcast_to(segments, (count // at_once, row)))

  def evaluation_windows(self, length: int) -> np.ndarray:
    """int32 ``[windows, length + 1]`` that predict the same characters for every length.

    Raises:
      ValueError: the length does not divide a stretch.
    """
    stretch, rest = divmod(self.eval_characters, STRETCHES)
    if rest or stretch % length:
      raise value_error("eval_characters", self.eval_characters, f"a multiple of {STRETCHES} x "
                        f"{length}, so that the length {length} predicts all of them",
                        f"Use {stretch_of([length], self.eval_characters) * STRETCHES}")
    count = STRETCHES * stretch // length
    return data_lib.evaluation_windows(self.corpus.valid, length, count, block=stretch)


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


def _row_losses(model: Any, key: jax.Array | None, tokens: jax.Array, targets: jax.Array,
                segments: jax.Array, *, alone: bool) -> jax.Array:
  """Nats of each target ``[rows, T]``; rows of one window each need no segments."""
  how: dict[str, Any] = {}
  if not alone:
    how = {"positions": positions.from_segments(segments),
           "segments": jnp.broadcast_to(segments, tokens.shape)}
  logits = model(tokens, rngs=training.position_streams(key), **how)
  return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), targets)
