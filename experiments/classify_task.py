# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The task of ``experiments.classify``: a class for each sequence."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import labelled, training
from experiments.training import Shape
from posenc_jax import nn, positions


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
    self.commonest = float(np.bincount(self.valid[1]).max() / len(order))

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
    nats, right = self._each(shape, model, batch, traced, not shape.dropout, streams)
    return jnp.mean(nats), {"accuracy": jnp.mean(right)}

  def _each(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], plain: bool,
              streams: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """(nats, whether it is right) of each sequence, float32 ``[B]``."""
    ids, labels = batch
    real = (ids != 0) & (jnp.arange(ids.shape[1])[None] < traced["seq_len"])
    two = any(e.position_axes == 2 for e in model.encoder.stack.encodings.encodings())
    at = positions.grid(*self.found.grid)[None] if two else None
    logits = model(ids, at, mask=real, deterministic=plain, rngs=nnx.Rngs(**streams))
    logits = logits.astype(jnp.float32)
    right = (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels), right

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Loss and accuracy of sequences that training never saw, in pieces of a batch.

    "commonest" is the accuracy of an answer that is always the same.
    """
    always = training.draws_always(self, shape)
    streams = {"positions": training.evaluation_key(traced)} if always else {}
    ids, labels = (training.in_batches(x, shape.batch_size) for x in self.valid)
    each = jax.lax.map(lambda piece: self._each(shape, model, piece, traced, True, streams),
                       (ids[..., :shape.length], labels))
    nats, right = (jnp.mean(x.reshape(-1)[:len(self.valid[1])]) for x in each)
    return {"loss": nats, "accuracy": right, "commonest": jnp.asarray(self.commonest, nats.dtype)}
