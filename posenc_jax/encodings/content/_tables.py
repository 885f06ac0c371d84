# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Looking up numbers of pairs, by rows of tables that pairs of positions name."""

import jax.numpy as jnp


def with_heads(index, rank):
  """index ``[..., T, S]`` as ``[..., 1, T, S]`` of a rank."""
  return index.reshape((1,) * (rank - index.ndim - 1) + index.shape[:-2] + (1,) + index.shape[-2:])


def look_up(x, index):
  """x ``[..., N, T, R]`` at index ``[..., 1, T, S]``."""
  return jnp.take_along_axis(x, index, axis=-1, mode="clip")


def for_heads(k, heads):
  """Keys ``[..., S, K, H]`` written out for all query heads, ``[..., S, N, H]``."""
  return jnp.repeat(k, heads // k.shape[-2], axis=-2)


def of_keys(k, table, index):
  """``[..., N, T, S]``: keys k ``[..., S, N, H]`` by rows of a table ``[R, N, H]``.

  index is ``[..., T, S]``. Queries share the products of all keys with all rows; a new token alone
  would pay for R rows where it needs one for each key. Already eight take longer by rows.
  """
  if index.shape[-2] == 1:
    rows = jnp.take(table, index, axis=0, mode="clip")
    return jnp.moveaxis(jnp.sum(k[..., None, :, :, :] * rows, axis=-1), -1, -3)
  dots = jnp.einsum("...snh,rnh->...nsr", k, table)
  turned = jnp.swapaxes(with_heads(index, dots.ndim), -1, -2)
  return jnp.swapaxes(look_up(dots, turned), -1, -2)
