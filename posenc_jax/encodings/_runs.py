# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where a token stands in its run of like tokens, such as the digits of a number."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, positions
from posenc_jax.encodings import _checks


def bools(argument: str, value: Any) -> jax.Array:
  """``value`` as bool ``[..., T]``, one for each token."""
  value = value if hasattr(value, "dtype") else np.asarray(value)
  _checks.mask(value, argument)
  if not value.ndim:
    raise _errors.value_error(argument, "shape ()", "bool [..., T]", "Say it of every token")
  return jnp.asarray(value)


def inside(member: jax.Array, segments: Any = None) -> jax.Array:
  """How many members of the run stand before each token, int32 ``[..., T]``; runs end at segments.

  Example:
    >>> inside(jnp.array([True, True, False, True])).tolist()
    [0, 1, 0, 0]
  """
  of = jnp.where(member, 1, 0)
  if segments is None:
    return positions.from_segments(of)
  return jnp.minimum(positions.from_segments(of), positions.from_segments(
      jnp.broadcast_to(jnp.asarray(segments), of.shape)))
