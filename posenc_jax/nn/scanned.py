# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers in one loop of the compiled program, which then holds one layer in place of all."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn.cache import check_room
from posenc_jax.nn.draws import next_key


def scan_layers(layers: Sequence[nnx.Module], x: jax.Array, rngs: nnx.Rngs | None, *, caches: Any,
                memories: Any, remat: bool, deterministic: bool, **options: Any
                ) -> tuple[jax.Array, list[Any]]:
  """x after all layers, and their caches.

  The layers' variables are stacked at each call, which costs a copy of them.

  Args:
    layers: alike but for the numbers in their variables.
    x: ``[..., T, D]``.
    rngs: keys of dropout; each layer gets its own of them, others than without the loop.
    caches, memories: None or one for each layer.
    remat: whether layers are computed again in the backward pass.
    deterministic: whether dropout is off.
    **options: what every layer is called with.

  Raises:
    ValueError: layers that differ; a full cache.
  """
  parts = [nnx.split(layer) for layer in layers]
  if any(graph != parts[0][0] for graph, _ in parts):
    raise _errors.value_error("scan", "layers that differ", "layers alike but for their numbers",
                              "Leave out scan, or give all layers one window")
  for cache in caches or ():
    check_room(cache, x.shape[-2])
  keys = None
  if rngs is not None and not deterministic and ("dropout" in rngs or "default" in rngs):
    keys = jax.random.split(next_key(rngs, "dropout"), len(layers))

  def run(x, each):
    state, cache, memory, key = each
    streams = None if key is None else nnx.Rngs(dropout=key)
    return nnx.merge(parts[0][0], state)(x, cache=cache, memory=memory, rngs=streams,
                                         deterministic=deterministic, **options)

  stack = lambda trees: jax.tree.map(lambda *xs: jnp.stack(xs), *trees)
  each = (stack([state for _, state in parts]), None if caches is None else stack(caches),
          None if memories is None else stack(memories), keys)
  x, kept = jax.lax.scan(jax.checkpoint(run) if remat else run, x, each)
  pick = lambda i: jax.tree.map(lambda leaf: leaf[i], kept)
  return x, [None if caches is None else pick(i) for i in range(len(layers))]
