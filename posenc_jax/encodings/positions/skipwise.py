# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PoSE: two chunks of a short text with a random gap of positions between them.

Zhu et al. 2023, "PoSE: Efficient Context Window Extension of LLMs via Positional Skip-wise
Training", arXiv 2309.10400, section 3.3 (hook ``positions``).
Differs from the paper: the paper skips the text under the gap as well; that is the data's part:
take the tokens at ``skipwise_positions`` of a long text, and leave the class out.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks, _rows


def skipwise_positions(positions: Any, key: jax.Array, *, length: int, maximum: int) -> jax.Array:
  """p, plus one gap u for every p from the second chunk on.

  The first chunk has c tokens, drawn uniformly from {1, .., floor((length + 1) / 2)}; the gap is
  drawn from {0, .., maximum - length}.

  Args:
    positions: int ``[..., T]``, counted from 0; each row draws its own c and u.
    key: a PRNG key. Row b draws with ``fold_in(key, b)``.
    length: n, the trained length.
    maximum: L, the length that the model is trained for; positions stay below it.

  Returns:
    int32 ``[..., T]``.

  Raises:
    TypeError: positions or sizes that are no integers, no PRNG key.
    ValueError: maximum < length, a known position that is not below length.

  Example:
    >>> skipwise_positions(jnp.arange(3), jax.random.key(0), length=3, maximum=3).tolist()
    [0, 1, 2]

  References:
    Zhu et al. 2023, arXiv 2309.10400, section 3.3; its code for two chunks.
  """
  length, maximum = _sizes(length, maximum)
  positions = _rows.with_rows(positions, real=False)
  known = _numerics.known(positions)
  if known is not None and known.size and known.max() >= length:
    raise _errors.value_error("positions", int(known.max()), f"positions below length={length}",
                              "A gap is for texts of the trained length; evaluate without a key")

  def skip(row_key, p):
    a, b = jax.random.split(row_key)
    first = jax.random.randint(a, (), 1, (length + 1) // 2 + 1, jnp.int32)
    gap = jax.random.randint(b, (), 0, maximum - length + 1, jnp.int32)
    return jnp.where(p >= first, p + gap, p)

  return _rows.each(skip, _rows.keys(key, positions.shape[:-1]), positions)


def _sizes(length, maximum):
  mend = "length is the trained length, maximum the one to be reached"
  length = _checks.size("length", length, mend)
  maximum = _errors.check_int("maximum", maximum, f"an int, at least length={length}", mend,
                              least=length)
  return length, maximum


@encoding
class Skipwise(Encoding):
  """Opens a random gap in the positions of each row, for all layers, where there is a key.

  Put it first in a chain, before ``Rotary`` with the frequencies of the longer context; without a
  key, as in evaluation, positions stay as they are.

  Args:
    length: static; the trained length.
    maximum: static; the length to be reached.

  Raises:
    TypeError: sizes that are not ints.
    ValueError: maximum < length.

  Example:
    >>> p = Skipwise(8, 64).positions(jnp.arange(8), key=jax.random.key(0))
    >>> int(p[0]), bool(p[-1] < 64), int((p[1:] - p[:-1] > 1).sum()) <= 1
    (0, True, True)
  """

  length: int = static()
  maximum: int = static()

  def __post_init__(self):
    length, maximum = _sizes(self.length, self.maximum)
    self.set_fields(length=length, maximum=maximum)

  def positions(self, positions, *, key=None):
    if key is None:
      return positions
    return skipwise_positions(positions, key, length=self.length, maximum=self.maximum)
