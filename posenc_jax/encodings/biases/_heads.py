# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Leaves and distances in one dtype and rank, and parameters that stay in an interval."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _numerics
from posenc_jax.encodings import _checks


def leaves(distance: Any, mend: str, **named: Any) -> tuple[Any, ...]:
  """(|distance| ``[...]``, each leaf ``[N, 1, ..]``) in float32, or float64 for float64 leaves.

  Args:
    distance: ``[...]``, query position minus key position.
    mend: how to build the leaves.
    **named: leaves ``[N]`` by name, of one N.

  Raises:
    TypeError, ValueError: distances that are no numbers, leaves that are not ``[N]``.
  """
  first = next(iter(named.values()))
  heads = {"N": first.shape[0]} if getattr(first, "ndim", 0) == 1 else None
  found = [jnp.asarray(_checks.floats(name, leaf, "[N]", mend, sizes=heads))
           for name, leaf in named.items()]
  dtype = _numerics.wide(*found)
  far = jnp.abs(jnp.asarray(_align.numbers(distance, "distance", real=True))).astype(dtype)
  return far, *[leaf.astype(dtype).reshape(leaf.shape + (1,) * far.ndim) for leaf in found]


def straight_clip(x: jax.Array, low: float, high: float | None = None) -> jax.Array:
  """x clipped to [low, high], with the gradient of x: that of a parameter clipped in place.

  Example:
    >>> jax.value_and_grad(lambda x: straight_clip(x, 0.01))(jnp.float32(-1.0))
    (Array(0.01, dtype=float32), Array(1., dtype=float32))
  """
  fixed = jax.lax.stop_gradient(x)
  return jnp.clip(fixed, low, high) + (x - fixed)


def power(far: jax.Array, exponent: jax.Array) -> jax.Array:
  """far^exponent for far >= 0 and exponent > 0, with finite gradients at 0."""
  some = far > 0
  return jnp.where(some, jnp.power(jnp.where(some, far, 1), exponent), 0)
