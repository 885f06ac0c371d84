# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How much a picture may hold, in one place, and numbers that no picture can show.

Beyond these sizes nobody sees more, and the arrays behind a picture fill the memory.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors

MOST_COLUMNS = 4096        # rows and columns of a table
MOST_DISTANCE = 65_536     # points of a line by distance
MOST_MAP_DISTANCE = 128    # of a map over two distances, which has (2n + 1)^2 points a head
MOST_MAPS = 16             # maps of heads
MOST_LINES = 256           # heads, rows of frequencies
MOST_PANELS = 64           # layers x heads of attention weights
GREY = "0.6"               # where an image has no number: white is zero on many scales
MOST_NUMBERS = 2**26       # of queries, keys or weights behind a picture: 256 MiB in float32


def check_count(argument: str, count: int, most: int, mend: str) -> None:
  """Raises if a picture would have more of something than anybody can look at."""
  if count > most:
    raise _errors.value_error(argument, count, f"at most {most}", mend)


def size(argument: str, value: Any, most: int | None = None) -> int:
  """A static int from 1 to ``most``; a TypeError or ValueError for anything else."""
  number = _errors.check_int(argument, value, "an int, at least 1", "Pass an int", least=1)
  if most is not None:
    check_count(argument, number, most, "Draw a part")
  return number


def head_sizes(heads: Any, kv_heads: Any, head_dim: Any) -> tuple[int, int, int]:
  """N, K and H as ints; K is N where it is None, and divides N."""
  heads = size("heads", heads, MOST_LINES)
  kv_heads = heads if kv_heads is None else size("kv_heads", kv_heads)
  if heads % kv_heads:
    raise _errors.value_error("kv_heads", kv_heads, f"a divisor of heads = {heads}",
                              "Pass the K of the model, or leave it out for one a query head")
  return heads, kv_heads, size("head_dim", head_dim)


def check_numbers(arguments: str, what: str, *sizes: int) -> None:
  """Raises if the array of these sizes behind a picture would fill the memory."""
  if math.prod(sizes) > MOST_NUMBERS:
    came = " x ".join(map(str, sizes))
    raise _errors.value_error(arguments, f"{came} {what}", f"at most {MOST_NUMBERS} of them",
                              "Draw fewer or shorter ones")


def note_not_finite(argument: str, values: np.ndarray) -> tuple[np.ndarray, str]:
  """Masks what is not finite, for it has no place on a scale, and says so.

  Args:
    argument: whose numbers they are, for the warning.
    values: float array.

  Returns:
    The array, masked where it is NaN or infinite, and a line for the picture: "" if it is nowhere.

  Warns:
    UserWarning: some are not finite.

  Example:
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...   warnings.simplefilter("ignore")
    ...   note_not_finite("e", np.array([1.0, np.nan]))[1]
    '1 of 2 numbers is NaN or infinite and left out'
  """
  bad = ~np.isfinite(values)
  if not bad.any():
    return values, ""
  count = int(bad.sum())
  told, verb = f"{count} of {_errors.counted(bad.size, 'number')}", "is" if count == 1 else "are"
  _errors.warn(argument, f"{told} that {verb} NaN or infinite", "finite numbers",
               "The picture leaves them out and says so")
  return np.ma.masked_array(values, bad), f"{told} {verb} NaN or infinite and left out"
