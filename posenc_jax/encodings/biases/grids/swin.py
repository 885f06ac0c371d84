# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Swin's table: a learned number for each offset in a window (hook ``bias``, two axes).

Liu et al. 2021, "Swin Transformer", arXiv 2103.14030, equation 4.
Differs from the paper: windows are the call's (batch axes, segments or a mask); an offset beyond
the window reads the nearest entry.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.grids import _tables

_MEND = "Build it with SwinTable.init(key, num_heads, window)"


def swin_bias(distance: Any, table: Any) -> jax.Array:
  """table[dy + My - 1, dx + Mx - 1].

  Args:
    distance: int ``[..., 2]``, query minus key position: rows dy, columns dx.
    table: ``[2 My - 1, 2 Mx - 1, N]``; released tables ``[.., N]`` reshape to it.

  Returns:
    ``[N, ...]`` of the table's dtype.

  Raises:
    TypeError: distances that are not integers, a table that is no float array.
    ValueError: distances without two axes, a table of even sizes.

  Example:
    >>> table = jnp.arange(9.0).reshape(3, 3, 1)
    >>> swin_bias(jnp.array([[0, 0], [1, -1], [-5, 0]]), table).tolist()
    [[4.0, 6.0, 1.0]]
  """
  return _tables.signed(jnp.asarray(_tables.check_odd(table, _MEND)), _tables.offsets(distance))


@encoding
class SwinTable(Encoding):
  """Adds a learned number for each head and offset; positions ``[..., T, 2]``, integers.

  Args:
    table: ``[2 My - 1, 2 Mx - 1, N]``, a parameter.

  Raises:
    TypeError, ValueError: as ``swin_bias``.

  Example:
    >>> SwinTable.init(jax.random.key(0), 2, (7, 7))
    SwinTable(table=f32[13,13,2])
  """

  table: jax.Array = parameter()

  position_axes = 2
  relative = True

  def __post_init__(self):
    self.set_fields(table=_tables.check_odd(self.table, _MEND, stacked=True))

  @classmethod
  def init(cls, key, num_heads: int, window: tuple[int, int], *, stddev: float = 0.02
           ) -> "SwinTable":
    """Draws the numbers from N(0, stddev^2); window is (height, width)."""
    height, width = _tables.window(window)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    shape = (2 * height - 1, 2 * width - 1, num_heads)
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev)

  def distance_bias(self, distance):
    return swin_bias(distance, self.table)
