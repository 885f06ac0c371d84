# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""HOPE of HELM: rotary on the space part of points of a hyperboloid (hook ``qk``).

"HELM", arXiv 2505.24722. A point is z = (t, x) with t = sqrt(|x|^2 + 1/c). A rotation of x leaves
its norm, so t stays as it was. The hyperbolic model around it is the user's.
"""

from typing import Any

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.combinators import on_dims
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.rotary import Rotary


def helm_rotary(head_dim: int, *, base: Any = 10_000.0, pairing: str = "interleaved") -> Encoding:
  """Turns dims 1 to H - 1; dim 0 is time.

  Args:
    head_dim: H, odd: one dim of time and pairs of space.
    base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: an even head_dim.

  Example:
    >>> helm_rotary(9).start
    1
  """
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H", least=3)
  if head_dim % 2 == 0:
    raise _errors.value_error("head_dim", head_dim, "an odd number: time and pairs of space",
                              f"{head_dim + 1} has {head_dim // 2} pairs")
  return on_dims(slice(1, head_dim), Rotary(head_dim - 1, base=base, pairing=pairing))
