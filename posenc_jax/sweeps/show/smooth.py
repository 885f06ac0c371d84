# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Smoothing of curves: a centred moving mean."""

from collections.abc import Sequence

import numpy as np


def smoothed(values: Sequence[float | None], half: int) -> list[float | None]:
  """The mean of each value and its ``half`` neighbours on either side.

  Near an end both sides shrink alike, so that the ends themselves are kept and no slope is bent.

  Args:
    values: [n], None where there is none.
    half: neighbours on a side, at least 0.

  Returns:
    [n]; a window without any value gives None.

  Example:
    >>> smoothed([1.0, 2.0, 6.0, None], 1)
    [1.0, 3.0, 4.0, None]
  """
  x = np.array([np.nan if v is None else v for v in values], np.float64)
  known = np.isfinite(x)
  sums = np.concatenate([[0.0], np.cumsum(np.where(known, x, 0.0))])
  counts = np.concatenate([[0], np.cumsum(known)])
  at = np.arange(len(x))
  reach = np.minimum(half, np.minimum(at, len(x) - 1 - at))
  low, high = at - reach, at + reach + 1
  total, number = sums[high] - sums[low], counts[high] - counts[low]
  return [float(t / n) if n else None for t, n in zip(total, number, strict=True)]
