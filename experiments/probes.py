# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a linear map reads the position out of a model's states, layer by layer."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from experiments import data as data_lib
from experiments import language, training
from experiments.training import Shape


def states_of(model: Any, tokens: jax.Array) -> list[jax.Array]:
  """States ``[B, T, D]`` of a ``TransformerLM``: what enters the first layer, then each layer's.

  Args:
    model: without dropout and drawn positions.
    tokens: int ``[B, T]``.
  """
  stack = model.stack
  positions = jnp.arange(tokens.shape[-1], dtype=jnp.int32)
  x, entered = stack.enter(model.embedding(tokens, stack.count), positions[None])
  states = [x]
  for layer, given in zip(stack.layers, entered, strict=True):
    encoding, at = given or (None, None)
    x, _ = layer(x, rngs=None, count=stack.count, encoding=encoding, positions=at, segments=None,
                 cache=None, memory=None, cross_encoding=None, cross_positions=None,
                 cross_segments=None, deterministic=True)
    states.append(x)
  return states


def linear_r2(states: jax.Array, targets: jax.Array, weights: jax.Array, *, ridge: float = 1e-3
              ) -> jax.Array:
  """R^2 of a ridge regression that is fitted on one half of the rows and tested on the other.

  Args:
    states: ``[B, T, D]``, B even; the first half of B is for the fit.
    targets: ``[T]``.
    weights: ``[T]``, 1 for positions that count, else 0.
    ridge: share of the mean variance that is added to every variance.

  Returns:
    A scalar, at most 1; 0 is as good as the mean.
  """
  half = states.shape[0] // 2
  ones = jnp.ones_like(states[..., :1])
  count = jnp.sum(weights)
  mean = jnp.sum(targets * weights) / count
  y = (targets - mean) * weights
  # Centred over the positions that count, so that the intercept is no direction of its own.
  centre = jnp.sum(states[:half] * weights[None, :, None], axis=(0, 1)) / (half * count)
  x = (states - centre[None, None]) * weights[None, :, None]
  x = jnp.concatenate([x, ones * weights[None, :, None]], axis=-1)
  fit = x[:half].reshape(-1, x.shape[-1])
  gram = jnp.matmul(fit.T, fit, precision="highest") / (half * count)
  right = jnp.matmul(fit.T, jnp.tile(y, half), precision="highest") / (half * count)
  damp = ridge * jnp.trace(gram) / gram.shape[0]
  scale = jax.lax.rsqrt(jnp.diagonal(gram) + damp)  # Jacobi's preconditioner
  solve = lambda v: scale * (gram @ (scale * v)) + damp * scale * scale * v
  w, _ = cg(solve, scale * right, maxiter=256)
  left = jnp.matmul(x[half:], scale * w, precision="highest") - y[None]
  return 1 - jnp.sum(left**2) / (left.shape[0] * jnp.sum(y**2))


class Probed(language.Language):
  """Language models whose states are asked for the position too; see ``language.Language``."""

  name = "language, probed"
  probed = 64  # windows, half of them for the fit

  def __init__(self, *args: Any, layers: int, **kwargs: Any):
    super().__init__(*args, **kwargs)
    self.layers = layers

  @property
  def axes(self) -> dict[str, tuple[str, list[float]]]:
    """Layer 0 is what enters the first layer."""
    return {**super().axes, "position_r2": ("layer", [float(i) for i in range(self.layers + 1)])}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """The losses, and R^2 of the position at each layer."""
    found = super().evaluate(shape, model, traced)
    key = training.evaluation_key(traced)
    windows = data_lib.sample_windows(jnp.asarray(self.corpus.valid), shape.length, self.probed,
                                      key, counted=traced["seq_len"])
    at = jnp.arange(shape.length)
    weights = (at < traced["seq_len"]).astype(jnp.float32)
    target = at.astype(jnp.float32) / jnp.asarray(traced["seq_len"], jnp.float32)
    found["position_r2"] = jnp.stack([linear_r2(x.astype(jnp.float32), target, weights)
                                      for x in states_of(model, windows[:, :-1])])
    return found
