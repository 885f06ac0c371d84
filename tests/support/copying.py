# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A script in forty lines: the second half of a sequence repeats the first."""

import dataclasses

import jax.numpy as jnp

from experiments import script, training
from experiments.config import TrainingConfig, main
from experiments.config import run as run
from experiments.fields import option


class Copying:
  """The task."""

  name, data, settings, axes = "copying", None, {}, {}

  def longest(self, length):
    return length

  def model(self, shape, encoding, **how):
    return training.transformer(8, shape, encoding, **how)

  def batch(self, shape, traced, key):
    half = traced["seq_len"] // 2
    drawn = training.draw_tokens(key, shape.batch_size, shape.length + 1, 8)
    return drawn[:, jnp.arange(shape.length + 1) % half]

  def loss(self, shape, model, batch, traced, key):
    each = training.token_losses(model, batch, key, dropout=shape.dropout)
    repeated = jnp.arange(shape.length) >= traced["seq_len"] // 2 - 1
    each = each * repeated[None].astype(each.dtype)
    return training.masked_mean(each, traced["seq_len"]), {}

  def evaluate(self, shape, model, traced):
    key = training.evaluation_key(traced)
    plain = dataclasses.replace(shape, dropout=False)
    return {"loss": self.loss(plain, model, self.batch(shape, traced, key), traced, key)[0]}


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
  """What to train."""

  out: str | None = option("runs/copying", "run directory")

  def task(self):
    return Copying()


if __name__ == "__main__":
  script.start(Config, main, __doc__)
