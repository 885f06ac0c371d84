# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What ``experiments.context_extension`` measures: nats of a text's tokens, and keys retrieved."""

import dataclasses
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import data as data_lib
from experiments import language, passkeys, searched
from experiments.task import Shape

ROWS_AT_ONCE = 4096  # tokens
DEPTHS = 8  # parts of a row in which a key may be


def fold(rows: np.ndarray, parts: int, length: int) -> np.ndarray:
  """``[M, length + 1]`` to ``[parts, batches, rows, length + 1]``: M rows, cut in their order."""
  mine = len(rows) // parts
  at_once = max(d for d in range(1, mine + 1) if mine % d == 0 and (d == 1
                                                                    or d * length <= ROWS_AT_ONCE))
  return rows.reshape(parts, mine // at_once, at_once, length + 1).astype(np.int32)


def reading_judge(text: np.ndarray, tokens: int) -> searched.Judge:
  """Windows of a text, one at least and about so many tokens; all count."""
  rows = lambda length: data_lib.evaluation_windows(text, length, max(tokens // length, 1))
  return searched.Judge(rows, 0, f"{_digest(text)} {tokens}")


def retrieving_judge(corpus: data_lib.Corpus, text: np.ndarray, tokens: int) -> searched.Judge:
  """Keys in a text, two rows at least and about so many tokens; the answers count."""
  corpus = dataclasses.replace(corpus, valid=text)
  rows = lambda length: passkeys.Passkeys(corpus, max(tokens // length, 2)).evaluation(length)
  return searched.Judge(rows, passkeys.KEY_LENGTH, f"{_digest(text)} {tokens} keys")


def _digest(text: np.ndarray) -> str:
  return hashlib.sha256(np.ascontiguousarray(text).tobytes()).hexdigest()


class Reading:
  """Nats of text; an ``extended.Ability``.

  Args:
    task: of the text, the evaluation part of its corpus and what is trained on.
    parts: how many parts the evaluated text has, each a lane's.
  """

  def __init__(self, task: language.Language, parts: int = 1):
    self.task, self.parts = task, parts

  def rows(self, length: int) -> np.ndarray:
    """Windows that predict the same tokens for every length."""
    return fold(self.task.evaluation_windows(length), self.parts, length)

  def score(self, logits: jax.Array, rows: jax.Array) -> jax.Array:
    """Nats of each token: ``[rows, T]``."""
    return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), rows[:, 1:])

  def summary(self, scores: jax.Array, trained: int) -> dict[str, jax.Array]:
    """The mean; that of the first and of the last ``trained`` positions; and by position."""
    by_position = jnp.mean(scores, axis=0)
    return {"loss": jnp.mean(scores), "first": jnp.mean(by_position[:trained]),
            "last": jnp.mean(by_position[-trained:]),
            "loss_by_position": language.position_bins(by_position)}

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """Windows of the training part."""
    return self.task.batch(shape, traced, key)

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats a token."""
    return self.task.loss(shape, model, batch, traced, key)


class Retrieving:
  """Keys told whole; an ``extended.Ability``.

  Args:
    task: of the keys.
  """

  def __init__(self, task: passkeys.Passkeys):
    self.task = task

  def rows(self, length: int) -> np.ndarray:
    """Rows whose keys stand at all depths."""
    return fold(self.task.evaluation(length), 1, length)

  def score(self, logits: jax.Array, rows: jax.Array) -> jax.Array:
    """1 for a key that is told: ``[rows]``."""
    return passkeys.told(logits, rows).astype(jnp.float32)

  def summary(self, scores: jax.Array, trained: int) -> dict[str, jax.Array]:
    """The share that is told, all in all and by depth."""
    share = jnp.mean(scores)
    whole = scores.shape[0] // DEPTHS * DEPTHS
    return {"loss": 1 - share, "solved": share,
            "solved_by_depth": jnp.mean(scores[:whole].reshape(DEPTHS, -1), axis=1)}

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """Rows of the training part."""
    return self.task.batch(shape, traced, key)

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats of a digit."""
    return self.task.loss(shape, model, batch, traced, key)
