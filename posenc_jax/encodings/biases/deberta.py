# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""DeBERTa's signed logarithmic buckets of relative positions.

He et al. 2020, "DeBERTa", arXiv 2006.03654, and its second version's log buckets. Differs from the
released code: buckets are integer thresholds, so boundaries do not hang on a float logarithm.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors
from posenc_jax.encodings import _checks


def deberta_thresholds(bucket_size: int, max_position: int) -> np.ndarray:
  """First distance of each bucket from mid + 1 on, for all distances below 2^31, in exact integers.

  Bucket mid + j holds the n with (mid (R/mid)^((j-1)/(mid-1)), mid (R/mid)^(j/(mid-1))] where
  R = max_position - 1; bucket mid + 1 begins right after mid.

  Args:
    bucket_size, max_position: as in ``deberta_bucket``.

  Returns:
    int64 NumPy, ascending.

  Raises:
    TypeError, ValueError: as ``deberta_bucket``.

  Example:
    >>> deberta_thresholds(256, 512)[:3].tolist()
    [129, 130, 131]
  """
  bucket_size, max_position = _check_settings(bucket_size, max_position)
  mid, ratio = bucket_size // 2, max_position - 1
  holds = lambda n, j: n ** (mid - 1) * mid**j <= ratio**j * mid ** (mid - 1)
  starts, n, j = [mid + 1], mid, 0
  while n < 2**31:
    j += 1
    n = max(n, round(mid * math.exp(math.log(ratio / mid) * j / (mid - 1))) - 1)
    while not holds(n, j):  # the float estimate may be one or two too large
      n -= 1
    while holds(n + 1, j):
      n += 1
    starts.append(n + 1)
  return np.asarray(starts, np.int64)


def deberta_bucket(relative_position: Any, *, bucket_size: int, max_position: int
                   ) -> jax.Array:
  """r itself up to mid = bucket_size / 2, then sign(r) times a bucket that grows with log |r|.

  Args:
    relative_position: int ``[...]``, key position minus query position: DeBERTa's own sign, the
      opposite of the ``distance`` of other functions.
    bucket_size: even, at least 4 (256 in released models).
    max_position: more than bucket_size / 2 + 1 (512 in released models).

  Returns:
    int32 ``[...]``. Nothing saturates: beyond max_position buckets go on past bucket_size, as in
    the released code, so clip before reading a table.

  Raises:
    TypeError: positions or settings that are not integers.
    ValueError: settings outside the above.

  Example:
    >>> deberta_bucket(jnp.array([3, -128, 200, -511]), bucket_size=256, max_position=512).tolist()
    [3, -128, 169, -255]
  """
  bucket_size, max_position = _check_settings(bucket_size, max_position)
  r = jnp.asarray(_align.numbers(relative_position, "relative_position"))
  r = jnp.maximum(r, np.int32(1 - 2**31))  # int32 holds no opposite of -2^31
  mid = bucket_size // 2
  starts = deberta_thresholds(bucket_size, max_position)
  starts = jnp.asarray(starts[starts < 2**31], jnp.int32)
  far = jnp.abs(r)
  bucket = jnp.minimum(far, mid) + jnp.searchsorted(starts, far, side="right").astype(jnp.int32)
  return jnp.sign(r).astype(jnp.int32) * bucket


def _check_settings(bucket_size, max_position):
  mend = "Released models have 256 and 512"
  bucket_size = _checks.size("bucket_size", bucket_size, mend)
  max_position = _checks.size("max_position", max_position, mend)
  if bucket_size < 4 or bucket_size % 2:
    raise _errors.value_error("bucket_size", bucket_size, "an even number, at least 4",
                              "Released models have 256")
  if max_position <= bucket_size // 2 + 1:
    raise _errors.value_error("max_position", max_position,
                              f"more than bucket_size / 2 + 1 = {bucket_size // 2 + 1}",
                              "Released models have 512")
  return bucket_size, max_position
