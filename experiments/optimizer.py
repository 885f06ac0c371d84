# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""AdamW of one lane, its settings traced: Loshchilov and Hutter 2019, arXiv 1711.05101."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax


def schedule(index: jax.Array, steps: int, warmup: Any = 0.05) -> jax.Array:
  """Linear warm-up over a share of the steps, then a cosine to zero: a factor in [0, 1].

  Args:
    index: int32, from 0.
    steps: of the whole run.
    warmup: the share, may be traced; at least one step.

  Returns:
    float32, like index.
  """
  # A share such as 0.07 of 100 steps is a little less than 7 in float32.
  warm = jnp.maximum(jnp.floor(jnp.asarray(warmup, jnp.float32) * steps + 1e-3), 1.0)
  at = index.astype(jnp.float32)
  up = (at + 1) / warm
  down = 0.5 * (1 + jnp.cos(np.float32(np.pi) * (at - warm) / jnp.maximum(steps - warm, 1.0)))
  return jnp.where(at < warm, up, down)


def descend(params: Any, adam: Any, grads: Any, rate: Any, *, clip: Any = 1.0, decay: Any = 0.0,
            betas: tuple[Any, Any] = (0.9, 0.999), epsilon: Any = 1e-8) -> tuple[Any, Any]:
  """One step of a lane: gradients clipped by their global norm inside the lane, then AdamW.

  Args:
    params, grads: trees alike.
    adam: from ``optax.scale_by_adam().init``.
    rate: the step's learning rate.
    clip: the largest norm; 0 for none.
    decay: of parameters with two axes or more, times the rate (weight decay, decoupled).
    betas: of both moments.
    epsilon: beside the root of the second: smaller gradients make smaller steps.

  Returns:
    (params, adam). All numbers may be traced.
  """
  norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
  factor = jnp.where(clip > 0, jnp.minimum(1.0, clip / jnp.maximum(norm, 1e-9)), 1.0)
  grads = jax.tree.map(lambda g: g * factor, grads)
  with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an int32 step count
    updates, adam = optax.scale_by_adam(*betas, epsilon).update(grads, adam, params)
  step = lambda p, u: p - rate * (u + decay * p if p.ndim > 1 else u)
  return jax.tree.map(step, params, updates), adam
