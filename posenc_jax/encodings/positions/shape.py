# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""SHAPE and random starts: all positions of a row move by one random number (hook ``positions``).

Kiyono et al. 2021, "SHAPE: Shifted Absolute Position Embedding for Transformers", arXiv 2109.05644.
Differs from the paper: nothing by default. The released code adds the constant K, not 0, where
nothing is drawn: ``compat="released-code"``.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks, _rows


def shifted_positions(positions: Any, key: jax.Array, *, maximum: int = 500) -> jax.Array:
  """p + k, k drawn uniformly from {0, .., maximum - 1} for each row.

  Args:
    positions: ``[..., T]``, int32 or float32; each row draws its own k.
    key: a PRNG key. Row b draws with ``fold_in(key, b)``, whatever the number of rows.
    maximum: K.

  Returns:
    Like positions. Negative ones (padding) stay as they are.

  Raises:
    TypeError: positions that are no such numbers, a maximum that is no int, no PRNG key.
    ValueError: maximum < 1.

  Example:
    >>> shifted_positions(jnp.arange(3), jax.random.key(0), maximum=1).tolist()
    [0, 1, 2]

  References:
    Kiyono et al. 2021, arXiv 2109.05644, section 3.
  """
  maximum = _checks.size("maximum", maximum, "The paper's K is 500")
  positions = _rows.with_rows(positions)
  row_keys = _rows.keys(key, positions.shape[:-1])
  k = jax.vmap(lambda one: jax.random.randint(one, (), 0, maximum, jnp.int32))(row_keys.reshape(-1))
  k = k.reshape(*row_keys.shape, 1).astype(positions.dtype)
  return jnp.where(positions < 0, positions, positions + k)


def random_starts(rows: int, length: int) -> "Shifted":
  """``Shifted`` by any start with which ``length`` tokens fit into a table of ``rows`` rows.

  Args:
    rows: of the table of positions.
    length: the longest sequence.

  Returns:
    An encoding for the front of a chain.

  Raises:
    ValueError: a table that is shorter than the sequences.

  Example:
    >>> random_starts(rows=64, length=16)
    Shifted(maximum=49)
  """
  rows = _checks.size("rows", rows, "Pass the rows of the table")
  length = _checks.size("length", length, "Pass the longest sequence")
  if length > rows:
    raise _errors.value_error("length", length, f"at most the table's {rows} rows",
                              "Build a longer table")
  return Shifted(rows - length + 1)


@encoding
class Shifted(Encoding):
  """Moves all positions of a row by one random number, for all layers, where there is a key.

  Put it first in a chain, before an absolute encoding; a relative one does not notice. Without a
  key, as in evaluation, positions stay as they are. Tables need ``length + maximum`` rows.

  Args:
    maximum: static; K, the shift is below it.
    compat: static; "released-code" adds K where there is no key.

  Raises:
    TypeError: a maximum that is no int.
    ValueError: maximum < 1, an unknown compat.

  Example:
    >>> from posenc_jax import Sinusoidal, chain
    >>> e = chain(Shifted(500), Sinusoidal(8))
    >>> e.positions(jnp.arange(3)).tolist()
    [0, 1, 2]
  """

  maximum: int = static(default=500)
  compat: str = static(default="paper")

  def __post_init__(self):
    _checks.compat(self.compat)
    self.set_fields(maximum=_checks.size("maximum", self.maximum, "The paper's K is 500"))

  def positions(self, positions, *, key=None):
    if key is not None:
      return shifted_positions(positions, key, maximum=self.maximum)
    if self.compat == "paper":
      return positions
    positions = _rows.with_rows(positions)
    return jnp.where(positions < 0, positions, positions + self.maximum)
