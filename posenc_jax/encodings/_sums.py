# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sums along a sequence as unevaluated pairs of floats, exact to about twice their precision.

Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B.
"""

import functools

import jax
import jax.numpy as jnp


# Compiled as one: outside of jit, a scan of pairs would otherwise be hundreds of small programs.
@functools.partial(jax.jit, static_argnames="axis")
def sum_pairs(terms: jax.Array, axis: int) -> tuple[jax.Array, jax.Array]:
  """Cumulated sums of terms along an axis, as pairs."""
  return jax.lax.associative_scan(add_pairs, (terms, jnp.zeros_like(terms)), axis=axis)


def add_pairs(a: tuple[jax.Array, jax.Array], b: tuple[jax.Array, jax.Array]
              ) -> tuple[jax.Array, jax.Array]:
  """(a0 + a1) + (b0 + b1), rounded to a pair of about twice the precision of one float."""
  s = a[0] + b[0]
  t = s - a[0]
  error = (a[0] - (s - t)) + (b[0] - t) + (a[1] + b[1])
  high = s + error
  return high, error - (high - s)
