# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BEiT's table: Swin's, and three entries for pairs with CLS (hook ``bias``, two axes).

Bao et al. 2021, "BEiT", arXiv 2106.08254, and its released code.
Differs from the released code: CLS is any token whose row is negative, such as (-1, -1), not the
first of the sequence; an offset beyond the window reads the nearest entry.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.grids import _tables

_MEND = "Build it with BeitTable.init(key, num_heads, window)"


def beit_bias(q_positions: Any, k_positions: Any, table: Any, cls: Any) -> jax.Array:
  """table[dy + My - 1, dx + Mx - 1] between patches; cls[0], cls[1], cls[2] with CLS.

  Args:
    q_positions: int ``[..., T, 2]`` and k_positions: int ``[..., S, 2]``: row, column; CLS has a
      negative row.
    table: ``[2 My - 1, 2 Mx - 1, N]``: the released table without its last three rows, reshaped.
    cls: ``[3, N]``: CLS looks at a patch, a patch at CLS, CLS at itself: its last three rows.

  Returns:
    ``[..., N, T, S]`` of the table's dtype.

  Raises:
    TypeError: positions that are not integers, tables that are no float arrays.
    ValueError: positions without two axes, tables whose shapes do not fit.

  Example:
    >>> at, table = jnp.array([[-1, -1], [0, 0], [0, 1]]), jnp.arange(3.0).reshape(1, 3, 1)
    >>> beit_bias(at, at, table, jnp.array([[7.0], [8.0], [9.0]]))[0].tolist()
    [[9.0, 7.0, 7.0], [8.0, 1.0, 0.0], [8.0, 2.0, 1.0]]
  """
  table = jnp.asarray(_tables.check_odd(table, _MEND))
  cls = jnp.asarray(_checks.floats("cls", cls, "[3, N]", _MEND,
                                   sizes={"3": 3, "N": table.shape[2]})).astype(table.dtype)
  q, k = (jnp.asarray(_align.numbers(p, name)) for p, name in (
    (q_positions, "q_positions"), (k_positions, "k_positions")))
  between = jnp.moveaxis(_tables.signed(table, _tables.offsets(
      q[..., :, None, :] - k[..., None, :, :])), 0, -3)
  from_cls = (q[..., 0] < 0)[..., None, :, None]
  to_cls = (k[..., 0] < 0)[..., None, None, :]
  a, b, both = (x.reshape((1,) * (between.ndim - 3) + (-1, 1, 1)) for x in cls)
  return jnp.where(from_cls, jnp.where(to_cls, both, a), jnp.where(to_cls, b, between))


@encoding
class BeitTable(Encoding):
  """Adds ``beit_bias``; positions ``[..., T, 2]``, integers, with a negative row for CLS.

  Args:
    table: ``[2 My - 1, 2 Mx - 1, N]``, a parameter.
    cls: ``[3, N]``, a parameter.

  Raises:
    TypeError, ValueError: as ``beit_bias``.

  Example:
    >>> BeitTable.init(jax.random.key(0), 2, (14, 14))
    BeitTable(table=f32[27,27,2], cls=f32[3,2])
  """

  table: jax.Array = parameter()
  cls: jax.Array = parameter(None)  # None, so that a missing one gets the message of the check

  position_axes = 2

  def __post_init__(self):
    table = _tables.check_odd(self.table, _MEND, stacked=True)
    _checks.floats("cls", self.cls, "[3, N]", _MEND, sizes={"3": 3, "N": table.shape[-1]},
                   stacked=True)

  @classmethod
  def init(cls, key, num_heads: int, window: tuple[int, int], *, stddev: float = 0.0
           ) -> "BeitTable":
    """Zeros, as released, or numbers from N(0, stddev^2); window is (height, width)."""
    height, width = _tables.window(window)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    shape = (2 * height - 1, 2 * width - 1, num_heads)
    draw = lambda k, s: jax.random.normal(k, s, jnp.float32) * stddev
    table, extra = jax.random.split(_checks.key(key))
    return cls(draw(table, shape), draw(extra, (3, num_heads)))

  def bias(self, tile):
    return beit_bias(tile.q_positions, tile.k_positions, self.table, self.cls)
