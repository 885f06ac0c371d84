# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary of atoms: coordinates in angstrom and the residue's id (hook ``qk``).

ESMFold2's atom encoder. Positions are (x, y, z, id), real.
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.axes.axes_rotary import AxesRotary
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def atom_rotary(head_dim: int, spatial_pairs: int = 2, id_pairs: int = 10, *,
                spatial_base: Any = 20.0, id_base: Any = 10_000.0) -> AxesRotary:
  """A short ladder for each coordinate, a long one for the id; the rest stands still, half-split.

  Args:
    head_dim: H, even.
    spatial_pairs: pairs of each coordinate.
    id_pairs: pairs of the id.
    spatial_base, id_base: of their ladders.

  Returns:
    The encoding.

  Raises:
    ValueError: more pairs than the head has.

  Example:
    >>> atom_rotary(32).axes
    (0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3)
  """
  pairs = _checks.size("head_dim", head_dim, "Pass the head dim H") // 2
  counts = [_checks.size(n, v, "ESMFold2 has 2 and 10") for n, v in (
      ("spatial_pairs", spatial_pairs), ("id_pairs", id_pairs))]
  still = pairs - 3 * counts[0] - counts[1]
  if head_dim % 2 or still < 0:
    raise _errors.value_error("head_dim", head_dim, f"{6 * counts[0] + 2 * counts[1]} or more",
                              "Each coordinate and the id turn pairs of their own")
  space, ids = (rotary_frequencies(2 * n, base=b)
                for n, b in ((counts[0], spatial_base), (counts[1], id_base)))
  none = _bases.powers(1.0, [0] * still)  # type: ignore[list-item]
  parts = [space] * 3 + [ids] + ([_ladders.kept(none, np.zeros(still, bool))] if still else [])
  axes = [a for a in range(3) for _ in range(counts[0])] + [3] * (counts[1] + still)
  return AxesRotary(axes, _ladders.joined(parts), pairing="half")
