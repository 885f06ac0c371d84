# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Position coupling: tokens that must match, digits of one significance, share an id.

Cho et al. 2024, "Position Coupling: Improving Length Generalization of Arithmetic Transformers
Using Task Structure", arXiv 2405.20671, section 3. The ids are read by a learned table, whose
random start is ``Abacus``'s, and repeat: attention needs ``q_order`` and ``k_order`` where it gets
them as positions.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.encodings import _runs


def coupled_positions(digits: Any, least_first: Any, *, down_from: int | None = None,
                      real: Any = None, segments: Any = None) -> jax.Array:
  """2 + significance of digits, 1 elsewhere, 0 on padding; or counted down, as released.

  Args:
    digits: bool ``[..., T]``, True on digits. A number is a run of them.
    least_first: bool ``[..., T]``, or one for all: whether a number is written with its least
      significant digit first, as answers are. Such a number may be unfinished: its next digit is
      known while decoding.
    down_from: None, or e, an int: digits get e - 1 - significance and other tokens e, as in the
      authors' code for addition, where e is the length of the longest operand plus 2 (or more).
    real: None, or bool ``[..., T]``, False on padding.
    segments: None, or int ``[..., T]``: numbers end where documents do.

  Returns:
    int32 ``[..., T]``.

  Raises:
    TypeError: what should be bools is not, a down_from that is no int.
    ValueError: a down_from below 1, or a known number with too many digits for it.

  Example:
    >>> text = "65+7=27"  # 65 + 7 = 72, the answer written backwards
    >>> digits = jnp.array([c.isdigit() for c in text])
    >>> coupled_positions(digits, jnp.arange(7) > 4).tolist()
    [3, 2, 1, 2, 1, 2, 3]
    >>> coupled_positions(digits, jnp.arange(7) > 4, down_from=4).tolist()
    [2, 3, 4, 3, 4, 3, 2]

  References:
    Cho et al. 2024, arXiv 2405.20671, section 3 and its code for addition.
  """
  digits = _runs.bools("digits", digits)
  first = _runs.bools("least_first", jnp.broadcast_to(jnp.asarray(least_first), digits.shape))
  flip = lambda x: jnp.flip(x, -1)
  before = _runs.inside(digits, segments)
  ends = None if segments is None else flip(jnp.broadcast_to(jnp.asarray(segments), digits.shape))
  after = flip(_runs.inside(flip(digits), ends))
  significance = jnp.where(first, before, after)
  if down_from is None:
    ids = jnp.where(digits, 2 + significance, 1)
  else:
    mend = "The longest operand's length plus 2"
    e = _errors.check_int("down_from", down_from, "an int, at least 1", mend, least=1)
    known = _numerics.known(jnp.where(digits, significance, -1))
    if known is not None and known.size and known.max() > e - 2:
      raise _errors.value_error("down_from", e, f"at least {int(known.max()) + 2}: ids of digits "
                                "are above 0, which is padding's", mend)
    ids = jnp.where(digits, e - 1 - significance, e)
  return ids if real is None else jnp.where(_runs.bools("real", real), ids, 0)
