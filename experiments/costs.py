# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What encodings and attention cost by length, as the compiler counts it: no clocks, no chance."""

import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from posenc_jax import functions, nn

PI = decimal.Decimal("3.14159265358979323846264338327950288419716939937511")

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


def far_positions() -> list[int]:
  """Positions up to 2^31 - 1: powers of two with their neighbours, and others evenly between.

  Example:
    >>> far_positions()[:5], far_positions()[-2:] == [2**31 - 2, 2**31 - 1]
    ([0, 1, 2, 3, 4], True)
  """
  near = {2**n + by for n in range(32) for by in (-2, -1, 0, 1)}
  return sorted(p for p in near | set(range(0, 2**31, 2**26 - 5)) if 0 <= p < 2**31)


def farthest_error(d_model: int) -> float:
  """Largest error of ``sinusoidal``, of all columns at ``far_positions``.

  It is compared with sines and cosines of angles in decimal arithmetic of 50 digits, reduced by
  whole turns before they are rounded: nothing of the package is in them.
  """
  exact = decimal.Context(prec=50)
  powers = [exact.divide(decimal.Decimal(-2 * i), decimal.Decimal(d_model))
            for i in range((d_model + 1) // 2)]
  frequencies = [exact.power(decimal.Decimal(10_000), x) for x in powers]
  turn, positions = exact.multiply(decimal.Decimal(2), PI), far_positions()
  angles = np.array([[float(exact.remainder(exact.multiply(decimal.Decimal(p), x), turn))
                      for x in frequencies] for p in positions])
  wanted = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(positions), -1)
  found = functions.sinusoidal(jnp.array(positions, jnp.int32), d_model)
  return float(np.abs(np.asarray(found, np.float64) - wanted[:, :d_model]).max())
