# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What encodings and attention cost by length, as the compiler counts it: no clocks, no chance."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import posenc_jax as px
from posenc_jax import functions, nn


def counted(function: Callable[..., Any], *shapes: Any) -> tuple[float, float]:
  """(floating-point operations, temporary and output bytes) of a compiled program.

  Args:
    function: of arrays.
    *shapes: ``jax.ShapeDtypeStruct`` of each.
  """
  compiled = jax.jit(function).lower(*shapes).compile()
  cost: Any = compiled.cost_analysis()
  cost = cost[0] if isinstance(cost, list) else cost  # a list of one in earlier versions of JAX
  memory: Any = compiled.memory_analysis()
  return float(cost["flops"]), float(memory.temp_size_in_bytes + memory.output_size_in_bytes)


def exponent(lengths: Sequence[int], values: Sequence[float]) -> float:
  """a of values that grow as length^a, between the two longest lengths.

  Example:
    >>> exponent((2, 4, 8), (1.0, 4.0, 16.0))
    2.0
  """
  return math.log(values[-1] / values[-2]) / math.log(lengths[-1] / lengths[-2])


def of_encoding(lengths: Sequence[int], d_model: int) -> list[tuple[float, float]]:
  """(operations, bytes) of adding sinusoidal positions to ``[T, d_model]``, for each T."""
  e = px.Sinusoidal(d_model)
  add = lambda x, at: e.inputs(x, at)
  return [counted(add, jax.ShapeDtypeStruct((n, d_model), jnp.float32),
                  jax.ShapeDtypeStruct((n,), jnp.int32)) for n in lengths]


def of_attention(lengths: Sequence[int], head_dim: int, implementation: str
                 ) -> list[tuple[float, float]]:
  """(operations, bytes) of causal attention of one head, for each T.

  The operations of a loop are those of one turn, so they mean something of "reference" alone.
  """
  call = lambda q: px.attend(q, q, q, causal=True, implementation=implementation)
  return [counted(call, jax.ShapeDtypeStruct((n, 1, head_dim), jnp.float32)) for n in lengths]


def storage(d_model: int, max_len: int) -> tuple[int, int]:
  """Bytes kept by the module with a table, and by the encoding that computes its rows.

  Example:
    >>> storage(512, 5000)
    (10240000, 3076)
  """
  size = lambda tree: sum(jnp.asarray(x).nbytes for x in jax.tree.leaves(tree))
  module = nn.AbsolutePositionalEncoding(d_model, max_len)
  return size(module.table[...]), size(px.Sinusoidal(d_model))


def farthest_error(d_model: int) -> float:
  """Largest error of ``sinusoidal`` at positions up to 2^31 - 1, against exact whole numbers.

  Of the first and the slowest frequency: sin(p) from p reduced in 60 digits is not needed, as
  frequency 1 is compared through sin(a + b) = sin a cos b + cos a sin b with b the last 2^15.
  """
  top = 2**31 - 1
  low = jnp.arange(1, 1025, dtype=jnp.int32)
  table = lambda at: functions.sinusoidal(at, d_model)
  here, moved = table(jnp.array([top - 1024], jnp.int32)), table(jnp.int32(top - 1024) + low)
  step = table(low)
  sin, cos = here[:, 0::2], here[:, 1::2]
  wanted = sin * step[:, 1::2] + cos * step[:, 0::2]
  return float(jnp.abs(moved[:, 0::2] - wanted).max())
