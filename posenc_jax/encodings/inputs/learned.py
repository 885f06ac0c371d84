# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Learned absolute positions: a row of a table is added to each embedding (hook ``inputs``).

Gehring et al. 2017, arXiv 1705.03122; Devlin et al. 2018, "BERT", arXiv 1810.04805.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks


def lookup(table: jax.Array, positions: Any, *, offset: int = 0) -> jax.Array:
  """table[positions + offset]; a position outside the table is an error, or NaN under a trace.

  Args:
    table: ``[L, D]``.
    positions: ``[...]`` integers; a plain Python int is refused, as it may be a length.
    offset: added to every position (RoBERTa and OPT start at 2).

  Returns:
    ``[..., D]`` of the table's dtype. Rows of positions outside [0, L) are NaN when positions are
    only known inside a trace: indexing would clamp or wrap and go unnoticed.

  Raises:
    ValueError: a known position outside the table.
    TypeError: positions are not integers.

  Example:
    >>> lookup(jnp.eye(3), jnp.array([2])).tolist()
    [[0.0, 0.0, 1.0]]
  """
  table = _checks.floats("table", table, "[L, D]", "Draw one with Learned.init(key, L, D).table")
  offset = _errors.check_int("offset", offset, "an int", "RoBERTa and OPT start at 2")
  positions = _checks.positions(positions)
  known = _numerics.known(positions)
  rows = table.shape[0]
  if known is not None and known.size:
    low, high = int(known.min()) + offset, int(known.max()) + offset
    if low < 0 or high >= rows:
      raise _errors.value_error(
          "positions", f"row {high if high >= rows else low}", f"rows 0 to {rows - 1} of the table",
          f"Build the table with at least {high + 1} rows" if high >= rows
          else "Positions of a learned table start at 0; mask padding out")
  index = jnp.asarray(positions, jnp.int32) + jnp.int32(offset)
  index = jnp.where(index < 0, rows, index)  # a negative index would wrap to the last row
  return jnp.take(jnp.asarray(table), index, axis=0, mode="fill", fill_value=jnp.nan)


@encoding
class Learned(Encoding):
  """Adds ``table[positions + offset]`` to the embeddings.

  Args:
    table: ``[L, D]``, a parameter.
    offset: static; see ``lookup``.

  Raises:
    TypeError: a table that is no float array, an offset that is no int.
    ValueError: a table of another rank; in a call, another width or a position outside the table.

  Example:
    >>> e = Learned.init(jax.random.key(0), length=8, d_model=4)
    >>> e.inputs(jnp.zeros((1, 2, 4)), jnp.arange(2)[None]).shape
    (1, 2, 4)
  """

  table: jax.Array = parameter()
  offset: int = static(default=0)

  def __post_init__(self):
    _checks.floats("table", self.table, "[L, D]",
                   "Build it with Learned.init(key, length, d_model)", stacked=True)
    self.set_fields(offset=_errors.check_int("offset", self.offset, "an int",
                                             "RoBERTa and OPT start at 2"))

  @classmethod
  def init(cls, key, length: int, d_model: int, *, offset: int = 0,
           stddev: float = 0.02) -> "Learned":
    """Draws a table ``[length + offset, d_model]`` from N(0, stddev^2), as BERT does."""
    mend = "Pass the longest sequence and the model width"
    length, d_model = _checks.size("length", length, mend), _checks.size("d_model", d_model, mend)
    offset = _errors.check_int("offset", offset, "an int", "RoBERTa and OPT start at 2")
    key = _checks.key(key)
    return cls(jax.random.normal(key, (length + offset, d_model), jnp.float32) * stddev, offset)

  def inputs(self, x, positions):
    if x.shape[-1] != self.table.shape[-1]:
      raise _errors.value_error("x", f"width {x.shape[-1]}",
                                f"the width {self.table.shape[-1]} of the table",
                                "Build Learned with the model's width")
    positions = _align.align_array(positions, x.ndim - 2, x.shape[-2], 0, "positions", real=False)
    return x + lookup(self.table, positions, offset=self.offset).astype(x.dtype)
