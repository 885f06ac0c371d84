# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""For tests of the modules: calling them in one compile, and NumPy Transformers.

The NumPy models are float64, have no batch axis, and attend by the loops of ``tests.oracles``.
"""

import math

import jax
import numpy as np
from flax import nnx

from tests import oracles

# Most of the time of these tests is compiling; nothing runs long enough to need optimized code.
FAST = {"xla_backend_optimization_level": 0}


def build(cls, *args, seed=0, **kwargs):
  """cls(*args, **kwargs), drawn from a seed."""
  return cls(*args, rngs=nnx.Rngs(seed), **kwargs)


def call(model, *args, method="__call__", **kwargs):
  """model(*args, **kwargs), compiled; numbers outside arrays stay static."""
  graphdef, state = nnx.split(model)
  leaves, treedef = jax.tree.flatten((args, kwargs))
  traced = [i for i, x in enumerate(leaves) if hasattr(x, "dtype")]

  def run(state, arrays):
    filled = list(leaves)
    for i, x in zip(traced, arrays, strict=True):
      filled[i] = x
    a, k = treedef.unflatten(filled)
    return getattr(nnx.merge(graphdef, state), method)(*a, **k)

  return jax.jit(run, compiler_options=FAST)(state, [leaves[i] for i in traced])


def number(variable):
  return np.asarray(variable[...], np.float64)


def attention(module, x, memory=None, **options):
  """Multi-head attention of [T, D] to [S, D]; options of ``oracles.attention``."""
  rotate = options.pop("rotate", lambda y: y)
  memory = x if memory is None else memory
  q, k, v = (np.einsum("td,dnh->tnh", y, number(w)) for y, w in
             ((x, module.query), (memory, module.key), (memory, module.value)))
  out = oracles.attention(rotate(q), rotate(k), v, **options)
  return np.einsum("tnh,nhd->td", out, number(module.out))


def norm(module, x):
  y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
  return y * number(module.scale) + number(module.bias)


def feed_forward(module, x, activation):
  hidden = x @ number(module.up) + number(module.up_bias)
  if activation == "gelu":
    inner = math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)
    hidden = 0.5 * hidden * (1 + np.tanh(inner))
  else:
    hidden = np.maximum(hidden, 0)
  return hidden @ number(module.down) + number(module.down_bias)


def block(module, x, *, pre, activation, memory=None, seen_memory=None, **options):
  """One layer, norms before or after each branch."""
  branches = [(lambda y: attention(module.attention, y, **options), module.attention_norm)]
  if memory is not None:
    branches.append((lambda y: attention(module.cross, y, memory, mask=seen_memory),
                     module.cross_norm))
  branches.append((lambda y: feed_forward(module.feed_forward, y, activation),
                   module.feed_forward_norm))
  for branch, normalize in branches:
    x = x + branch(norm(normalize, x)) if pre else norm(normalize, x + branch(x))
  return x


def stack(module, x, *, layers=None, pre=True, **options):
  """All layers; ``layers`` holds options of single layers."""
  for i, layer in enumerate(module.layers):
    x = block(layer, x, pre=pre, **options, **(layers[i] if layers else {}))
  return norm(module.norm, x) if pre else x


def embed(module, tokens, added=0.0):
  table = number(module.table)
  return table[np.asarray(tokens)] * math.sqrt(table.shape[1]) + added


def randomize(model, rng):
  """Gives scales, biases and tables that start at one or zero random values, so that they count."""
  def moved(x):
    if not np.issubdtype(x.dtype, np.floating):
      return x
    return x + jax.numpy.asarray(0.1 * rng.normal(size=x.shape), x.dtype)

  nnx.update(model, jax.tree.map(moved, nnx.state(model, nnx.Param)))
  return model
