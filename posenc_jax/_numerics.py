# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is known on the host, which dtype computes, and the softmax that every path shares."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np


def known(x: Any) -> np.ndarray | None:
  """The NumPy value of ``x`` if it is known while tracing and on this host, otherwise None.

  Value checks run only on what this returns, so that they never touch a tracer.
  """
  if isinstance(x, jax.core.Tracer | jax.ShapeDtypeStruct):
    return None
  if isinstance(x, jax.Array) and not x.is_fully_addressable:
    return None
  return np.asarray(x)


def unknown(x: Any) -> Any:
  """x, with a value that the compiler does not know, so that it computes nothing from it ahead.

  Example:
    >>> unknown(np.arange(3)).tolist()
    [0, 1, 2]
  """
  return x if known(x) is None else jax.lax.optimization_barrier(jnp.asarray(x))


def on_host(x: Any) -> Any:
  """NumPy if the values of an array are known, else x itself; other objects stay as they are."""
  if not isinstance(x, jax.Array):
    return x
  value = known(x)
  return x if value is None else value


def wide(*kinds: Any) -> np.dtype:
  """float64 if any of the arrays or dtypes is float64, else float32: angles, distances, sums.

  Example:
    >>> wide(jnp.bfloat16), wide(jnp.ones(2), np.float64)
    (dtype('float32'), dtype('float64'))
  """
  dtypes = [jnp.dtype(kind if isinstance(kind, type) else getattr(kind, "dtype", kind))
            for kind in kinds]
  return np.dtype(np.float64 if np.dtype(np.float64) in dtypes else np.float32)


def is_float(x: Any) -> bool:
  """Whether x is an array of a floating dtype; a plain Python number is a setting, not an array."""
  return hasattr(x, "dtype") and bool(jnp.issubdtype(x.dtype, jnp.inexact))


def split_floats(tree: Any) -> tuple[Any, Any]:
  """(float leaves, other leaves), both of the tree's shape with None in place of the rest."""
  return (jax.tree.map(lambda x: x if is_float(x) else None, tree),
          jax.tree.map(lambda x: None if is_float(x) else x, tree))


def join(one: Any, other: Any) -> Any:
  """Two trees with None where the other has a leaf, as one tree: undoes ``split_floats``."""
  return jax.tree.map(lambda a, b: b if a is None else a, one, other, is_leaf=lambda x: x is None)


def masked_softmax(scores: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Softmax over the visible keys; a row that sees none is all zeros, with finite gradients.

  Args:
    scores: ``[..., T, S]``.
    mask: None or bool, broadcastable to the scores, True where visible.

  Returns:
    Like scores.

  Example:
    >>> masked_softmax(jnp.zeros((1, 2)), jnp.array([[True, False]])).tolist()
    [[1.0, 0.0]]
  """
  # The lowest number in place of -inf: debug_infs then finds no infinities but the user's own.
  lowest = jnp.asarray(jnp.finfo(scores.dtype).min, scores.dtype)
  seen = scores if mask is None else jnp.where(mask, scores, lowest)
  top = jax.lax.stop_gradient(jnp.max(seen, axis=-1, keepdims=True, initial=lowest))
  e = jnp.exp(seen - top)
  e = e if mask is None else jnp.where(mask, e, 0)
  total = jnp.sum(e, axis=-1, keepdims=True)
  return e / jnp.where(total == 0, 1, total)
