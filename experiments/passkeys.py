# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A key within text, asked for at its end: how far back does a model find what it needs?

A row is text with a marker and the key's digits somewhere in it, and at its end the marker again;
the digits are to follow. Mohtashami and Jaggi 2023, arXiv 2305.16300, have the task for large
models, with sentences around the key. Here digits are tokens of their own, the digits of a key are
different, and text is by character, so that a model of two layers can learn it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import data as data_lib
from experiments import training
from experiments.training import Shape
from posenc_jax import nn

DIGITS = 10
KEY_LENGTH = 5
EXTRA = 2 * (KEY_LENGTH + 1)  # tokens of a row that are not text: marker and key, twice


def hide(text: jax.Array, key: jax.Array, depth: jax.Array, marker: int) -> jax.Array:
  """A row: text with marker and key from ``depth`` on, and both again at its end.

  Args:
    text: int32 ``[n]``.
    key: int32 ``[KEY_LENGTH]``, the key's tokens.
    depth: how many characters come before the marker, 0 to n; may be traced.
    marker: its token.

  Returns:
    int32 ``[n + EXTRA]``.

  Example:
    >>> row = hide(jnp.array([1, 2]), jnp.array([30, 31, 32, 33, 34]), jnp.int32(1), 9)
    >>> row.tolist()
    [1, 9, 30, 31, 32, 33, 34, 2, 9, 30, 31, 32, 33, 34]
  """
  n = text.shape[0]
  told = jnp.concatenate([jnp.full((1,), marker, jnp.int32), key])
  at = jnp.arange(n + told.shape[0])
  inside = (at >= depth) & (at < depth + told.shape[0])
  shifted = jnp.where(at < depth, at, at - told.shape[0])
  row = jnp.where(inside, told[jnp.clip(at - depth, 0, told.shape[0] - 1)],
                  text[jnp.clip(shifted, 0, n - 1)])
  return jnp.concatenate([row, told])


class Passkeys:
  """Keys in text; a ``training.Task``.

  Args:
    corpus: whose characters stand around the key.
    rows: evaluated at each length, their depths spread evenly.
  """

  name = "passkeys"
  axes: Mapping[str, tuple[str, Sequence[float]]] = {}

  def __init__(self, corpus: data_lib.Corpus, rows: int = 64):
    self.corpus, self.data, self.rows = corpus, corpus.sha256, rows
    narrow = len(corpus.vocabulary) < 256
    self.train_ids = corpus.train.astype(np.uint8 if narrow else np.int32)
    self.marker = len(corpus.vocabulary) + DIGITS
    self.settings: Mapping[str, Any] = {"rows": rows, "key_length": KEY_LENGTH}

  def longest(self, length: int) -> int:
    """Models are evaluated at the length of their training."""
    return length

  def together(self, lengths: tuple[int, ...]) -> bool:
    """Lanes of one length only: the question stands at the end of a row."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, **how: Any) -> nn.TransformerLM:
    """A decoder-only model."""
    return training.transformer(self.marker + 1, shape, encoding, **how)

  def rows_of(self, windows: jax.Array, key: jax.Array, depths: jax.Array) -> jax.Array:
    """Rows with a drawn key each: text int32 ``[B, n]``, depths ``[B]`` to ``[B, n + EXTRA]``."""
    def one(i, text, depth):
      digits = jax.random.permutation(jax.random.fold_in(key, i), DIGITS)[:KEY_LENGTH]
      return hide(text, digits.astype(jnp.int32) + (self.marker - DIGITS), depth, self.marker)
    return jax.vmap(one)(jnp.arange(windows.shape[0], dtype=jnp.uint32), windows, depths)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """Rows int32 ``[batch, length + 1]``, keys anywhere in them."""
    text, where, digits = (jax.random.fold_in(key, i) for i in range(3))
    n = shape.length + 1 - EXTRA
    windows = data_lib.sample_windows(jnp.asarray(self.train_ids), n - 1, shape.batch_size, text)
    depths = jax.random.randint(where, (shape.batch_size,), 0, n + 1)
    return self.rows_of(windows, digits, depths)

  def loss(self, shape: Shape, model: Any, batch: jax.Array, traced: dict[str, Any],
           key: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats of a digit of the answer; text is given, not predicted."""
    each = training.token_losses(model, batch, key, dropout=shape.dropout)
    return jnp.mean(each[:, -KEY_LENGTH:]), {}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """The share of rows whose key is told whole, at the training length."""
    rows = jnp.asarray(self.evaluation(shape.length))
    share = jnp.mean(told(model(rows[:, :-1]), rows).astype(jnp.float32))
    return {"loss": 1 - share, "solved": share}

  def evaluation(self, length: int) -> np.ndarray:
    """Rows ``[rows, length + 1]`` of held-out text, the same for every lane."""
    n, rng = length + 1 - EXTRA, np.random.default_rng(length)
    windows = data_lib.evaluation_windows(self.corpus.valid, n, self.rows)[:, :n]
    depths = np.round(np.linspace(0, n, self.rows)).astype(int)
    rows = []
    for text, depth in zip(windows, depths, strict=True):
      key = np.append(self.marker, self.marker - DIGITS + rng.permutation(DIGITS)[:KEY_LENGTH])
      rows.append(np.concatenate([text[:depth], key, text[depth:], key]))
    return np.array(rows, np.int32)


def told(logits: jax.Array, rows: jax.Array) -> jax.Array:
  """Whether greedy decoding would write the whole key: ``[B, T, V]``, ``[B, T + 1]`` to ``[B]``."""
  wanted = rows[:, -KEY_LENGTH:]
  return jnp.all(jnp.argmax(logits[:, -KEY_LENGTH:], axis=-1).astype(rows.dtype) == wanted, axis=1)
