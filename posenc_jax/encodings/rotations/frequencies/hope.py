# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""HoPE: pairs that never complete a turn in training stand still (hook ``qk``).

Chen et al. 2024, "HoPE: A Novel Positional Encoding Without Long-Term Decay for Enhanced Context
Awareness and Extrapolation", arXiv 2410.21216. Video HoPE, HOPE of HELM and hyperbolic HoPE are
other methods.
"""

from typing import Any

from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies


def hope_rotary(dim: int, train_length: Any, *, base: Any = 10_000.0, pairing: str = "half"
                ) -> Rotary:
  """Keeps theta_i > 2 pi / train_length and puts 0 in the place of slower frequencies.

  Args:
    dim: r, even.
    train_length: L, the length of training sequences.
    base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: an odd dim, a base or length that is not positive.

  Example:
    >>> hope_rotary(8, 512).frequencies.tolist()
    [1.0, 0.1, 0.0, 0.0]
  """
  frequencies = rotary_frequencies(dim, base=base)
  keep = _ladders.turns_within(frequencies, train_length)
  return Rotary.from_frequencies(_ladders.kept(frequencies, keep), pairing=pairing, learned=False)
