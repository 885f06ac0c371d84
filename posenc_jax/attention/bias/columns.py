# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A bias as extra columns of q and k: for kernels that take no bias, and cheap anywhere.

Under a causal mask ALiBi's -m (i - j) differs from m j by a term that is constant along a row, and
a softmax does not see that term. So one column m of q and one column j of k are the whole bias. An
encoding says so by its ``bias_columns`` claim.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._heads import check_heads
from posenc_jax.attention.call import Call


def columns(call: Call) -> Any:
  """The columns of everything that adds a bias, or None where they do not serve.

  They serve under a causal mask, in an order that is known on the host, where no visible key has a
  later position than its query. (Positions that the layer's input drives follow the order.)

  Args:
    call: with one batch axis.

  Returns:
    None, or (``[1 or B, 1 or T, 1 or N, R]``, ``[1 or B, S, 1 or N, R]``) in float32 or float64.

  Raises:
    ValueError: columns of another number of heads than N.
  """
  queries, keys = call.queries, call.keys
  known = isinstance(queries.order, np.ndarray) and isinstance(keys.order, np.ndarray)
  plain = call.rule.causal and keys.prefix is None
  if not call.encoding.has("bias_columns") or not plain or not known:
    return None
  for part, q, k in call.encoding.parts(queries.positions, keys.positions):
    if not part.has("bias"):
      continue
    if part.layer_axes is None and not _never_later(q, k, queries.order, keys.order):
      return None
    found = part.bias_columns(q, k)
    if found is None:
      return None
    most = max(found, key=lambda x: x.shape[-2])
    check_heads(part, "bias_columns", most.shape, -2, call.sizes[2])
  return call.encoding.bias_columns(queries.positions, keys.positions)


def _never_later(q_positions, k_positions, q_order, k_order) -> bool:
  """Whether k_position <= q_position wherever k_order <= q_order; False where it is not known."""
  for p in (q_positions, k_positions):
    if not isinstance(p, np.ndarray) or p.ndim != 2:
      return False
  rows = max(len(x) for x in (q_positions, k_positions, q_order, k_order))
  for i in range(rows):
    q, k, a, b = (x[min(i, len(x) - 1)] for x in (q_positions, k_positions, q_order, k_order))
    by_order = np.argsort(b, kind="stable")
    latest = np.maximum.accumulate(k[by_order])
    seen = np.searchsorted(b[by_order], a, side="right")
    if (seen > 0).any() and (latest[seen[seen > 0] - 1] > q[seen > 0]).any():
      return False
  return True


def split(x: jax.Array, parts: int) -> list[jax.Array]:
  """x as a sum of numbers that bfloat16 holds exactly, largest first.

  Args:
    x: float32.
    parts: at most so many; 3 hold the 24 bits of a float32.

  Returns:
    Arrays of x's dtype. The first one takes all of x's gradient.

  Example:
    >>> [float(p[0]) for p in split(jnp.array([1023.0]), 3)]
    [1024.0, -1.0, 0.0]
  """
  out, rest = [], jax.lax.stop_gradient(x)
  for _ in range(parts):
    # The barrier keeps the rounding: a compiler may otherwise see x - x.
    part = jax.lax.optimization_barrier(rest.astype(jnp.bfloat16)).astype(x.dtype)
    out.append(part)
    rest = rest - part
  return [out[0] + (x - jax.lax.stop_gradient(x)), *out[1:]]


def widen(q: jax.Array, k: jax.Array, q_columns: jax.Array, k_columns: jax.Array,
          scale: float, *, parts: int = 3) -> tuple[jax.Array, jax.Array]:
  """q and k with columns such that scale * q' k'^T is scale * q k^T + the bias.

  Each column is split in digits that bfloat16 holds, as matrix units round to it what they take,
  float32 inputs too; products of digits below the 24th bit are left out, so 1 column becomes
  6. What remains is the rounding of the kernel's float32 sums: for ALiBi about slope * S * 2^-23.

  Args:
    q: ``[B, T, N, H]``; k: ``[B, S, K, H]``; bfloat16 or float32.
    q_columns, k_columns: as ``columns`` returns them.
    scale: what the kernel multiplies q k^T by.
    parts: digits.

  Returns:
    (``[B, T, N, H + C]``, ``[B, S, K, H + C]``), like q and k. Keys shared by several query heads
    stay shared: the columns of k must then not depend on the head within such a group.
  """
  groups = q.shape[2] // k.shape[2]
  if k_columns.shape[2] > 1:
    k_columns = k_columns[:, :, ::groups]
  left, right = (split(x, parts) for x in
                 (q_columns / jnp.asarray(scale, q_columns.dtype), k_columns))
  pairs = [(x, y) for i, x in enumerate(left) for j, y in enumerate(right) if i + j < parts]

  def wide(x, columns):  # Cast last: gradients are then summed over rows before they are rounded.
    columns = [jnp.broadcast_to(c, (*x.shape[:3], c.shape[-1])).astype(x.dtype) for c in columns]
    return jnp.concatenate([x, *columns], axis=-1)

  return wide(q, [x for x, _ in pairs]), wide(k, [y for _, y in pairs])
