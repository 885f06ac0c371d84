# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Abacus: a learned vector for a digit's place inside its number (hooks ``positions``, ``inputs``).

McLeish et al. 2024, "Transformers Can Do Arithmetic with the Right Embeddings", arXiv 2405.17399,
section 3. The data must be written with the least significant digit first.
Differs from the paper: nothing; ``a_row=True`` draws a shift for each row, where the paper and its
code draw one for the whole batch.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks, _rows, _runs
from posenc_jax.encodings.inputs import _add
from posenc_jax.encodings.inputs.learned import lookup


def abacus_positions(digits: Any, *, segments: Any = None) -> jax.Array:
  """1, 2, .. inside each run of digits, 0 elsewhere.

  Args:
    digits: bool ``[..., T]``, True on digits.
    segments: None, or int ``[..., T]``: numbers end where documents do.

  Returns:
    int32 ``[..., T]``.

  Raises:
    TypeError: digits that are not bool.

  Example:
    >>> abacus_positions(jnp.array([c.isdigit() for c in "98+7="])).tolist()
    [1, 2, 0, 1, 0]

  References:
    McLeish et al. 2024, arXiv 2405.17399, section 3, figure 2.
  """
  digits = _runs.bools("digits", digits)
  return jnp.where(digits, _runs.inside(digits, segments) + 1, 0)


@encoding
class Abacus(Encoding):
  """Adds ``table[id]`` to the embeddings; with a key, one random shift goes to all ids above 0.

  Beside an encoding of token positions each takes an axis: ``chain(along(0, Abacus(table)),
  along(1, Rotary(head_dim)))``. The ids of ``coupled_positions`` are read in the same way.

  Args:
    table: ``[L, D]``, a parameter; row 0 is that of tokens that are no digits.
    shift: static; the shift is drawn from {0, .., shift}. The paper's 99, or less.
    a_row: static; whether each row draws its own.

  Raises:
    TypeError: a table that is no float array, a shift that is no int.
    ValueError: a shift below 0; in a call, another width or an id outside the table.

  Example:
    >>> e = Abacus.init(jax.random.key(0), length=8, d_model=4)
    >>> ids = abacus_positions(jnp.array([True, True, False]))
    >>> e.inputs(jnp.zeros((3, 4)), e.positions(ids)).shape
    (3, 4)
  """

  table: jax.Array = parameter()
  shift: int = static(default=99)
  a_row: bool = static(default=False)

  def __post_init__(self):
    _checks.floats("table", self.table, "[L, D]", "Build it with Abacus.init(key, length, d_model)",
                   stacked=True)
    self.set_fields(shift=_checks.size("shift", self.shift, "The paper has 99; 0 is none", least=0),
                    a_row=_errors.check_bool("a_row", self.a_row, "The paper has False"))

  @classmethod
  def init(cls, key, length: int, d_model: int, *, shift: int = 99, stddev: float = 1.0,
           a_row: bool = False) -> "Abacus":
    """Draws a table ``[length + 1 + shift, D]`` from N(0, stddev^2) for numbers of that length."""
    length = _checks.size("length", length, "Pass the digits of the longest number")
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    shift = _checks.size("shift", shift, "The paper has 99; 0 is none", least=0)
    table = jax.random.normal(_checks.key(key), (length + 1 + shift, d_model), jnp.float32)
    return cls(table * stddev, shift, a_row)

  def positions(self, positions, *, key=None):
    if key is None:
      return positions
    positions = _rows.with_rows(positions, real=False)
    draw = lambda k: jax.random.randint(k, (), 0, self.shift + 1, jnp.int32)
    if not self.a_row:
      return jnp.where(positions > 0, positions + draw(_checks.key(key)), positions)
    move = lambda k, p: jnp.where(p > 0, p + draw(k), p)
    return _rows.each(move, _rows.keys(key, positions.shape[:-1]), positions)

  def inputs(self, x, positions):
    _add.check_width(x, self.table.shape[-1], "Abacus")
    return x + lookup(self.table, _add.aligned(x, positions, real=False)).astype(x.dtype)
