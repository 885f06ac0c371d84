# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Positions that are one apart, known on the host: then T + S - 1 distances say it all."""

from typing import Any

import numpy as np

from posenc_jax._heads import check_distance_bias, check_heads
from posenc_jax.base import Encoding


def contiguous(q_positions, k_positions) -> int | None:
  """How far query i stands behind key i, if positions count up by one and that is known.

  Args:
    q_positions: ``[B, T]``, k_positions: ``[B, S]``; batch axes of size 1 broadcast.

  Returns:
    q_positions[:, 0] - k_positions[:, 0] if both are NumPy integers that count up by one in every
    example, with the same difference in all; otherwise None.

  Example:
    >>> contiguous(np.array([[7, 8]]), np.arange(9)[None])
    7
    >>> contiguous(np.array([[7, 9]]), np.arange(9)[None]) is None
    True
  """
  for p in (q_positions, k_positions):
    if not isinstance(p, np.ndarray) or p.ndim != 2 or not np.issubdtype(p.dtype, np.integer):
      return None
    if not (np.diff(p.astype(np.int64), axis=1) == 1).all():
      return None
  offset = q_positions[:, :1].astype(np.int64) - k_positions[:, :1]
  return int(offset.flat[0]) if (offset == offset.flat[0]).all() else None


def distances(start: int, length: int, offset: int, t: int, s: int) -> np.ndarray:
  """Query minus key position for j - i = start, start + 1, ..; int32 ``[length]``.

  Differences beyond those of T queries and S keys, which a tile that is not full may ask for,
  repeat the last ones: an encoding never sees a distance that does not occur.

  Example:
    >>> distances(-3, 6, 0, t=3, s=2).tolist()
    [2, 2, 1, 0, -1, -1]
  """
  ahead = np.clip(np.arange(start, start + length), 1 - t, s - 1)
  return (offset - ahead).astype(np.int32)


def vector(encoding: Encoding, distance: Any, heads: int) -> Any:
  """The bias of each distance, ``[N, length]`` (or ``[1, length]`` if the heads share it).

  Args:
    encoding: one that claims ``distance_bias``.
    distance: query minus key position, ``[length]``.
    heads: N.

  Raises:
    ValueError: a bias of another number of heads.
  """
  bias = check_distance_bias(encoding, encoding.distance_bias(distance), distance)
  check_heads(encoding, "distance_bias", bias.shape, 0, heads)
  return bias
