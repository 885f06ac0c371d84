# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""MHRoPE: every axis turns heads of its own, at all frequencies (hook ``qk``).

"Revisiting Multimodal Positional Encoding in Vision-Language Models", arXiv 2510.23095.
"""

from typing import Any

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import along, on_heads
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.rotary import Rotary


def mh_rotary(head_dim: int, sections: Any = (2, 3, 3), *, group: int = 1,
              num_heads: int | None = None, base: Any = 10_000.0, pairing: str = "half"
              ) -> Encoding:
  """Rotary along axis a on its key heads and the query heads that read them.

  Args:
    head_dim: H.
    sections: key heads of each axis; heads beyond them are not turned.
    group: query heads to a key head; heads of another group are refused.
    num_heads: N query heads, which are then checked; None takes any number.
    base, pairing: as in ``Rotary``.

  Returns:
    A chain of one member an axis, for positions ``[..., T, P]``.

  Raises:
    ValueError: no sections, or one below 1; in a call, heads in other groups.

  Example:
    >>> len(mh_rotary(8, (1, 1)).members)
    2
  """
  group = _checks.size("group", group, "Query heads to a key head")
  sections = [_checks.size("sections", n, "Key heads of each axis") for n in sections]
  if not sections:
    raise _errors.value_error("sections", (), "key heads of each axis", "The paper has (2, 3, 3)")
  members, first = [], 0
  for axis, n in enumerate(sections):
    heads = slice(first * group, (first + n) * group)
    turned = Rotary(head_dim, base=base, pairing=pairing)
    members.append(along(axis, on_heads(heads, turned, of=num_heads, group=group)))
    first += n
  return chain(*members)
