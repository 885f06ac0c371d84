# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CoPE, clipped: the slowest frequencies are tapered to 0 (hook ``qk``).

"CoPE: Clipped RoPE", arXiv 2602.05258. The taper multiplies frequencies, not amplitudes, so the
slowest pair ends unrotated. Contextual position encoding, also named CoPE, is another method.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies

_TAPERS = ("soft", "hard")


def clipped_frequencies(frequencies: Any, count: int, *, taper: str = "soft") -> Any:
  """theta_(i0 + j) (1 + cos(pi j / (n - 1))) / 2 for the n slowest pairs, or 0 for all of them.

  Args:
    frequencies: ``[r // 2]``, fast first, after any scaling: ``Frequencies``, or radians.
    count: n, how many pairs are clipped; 20 of 64 in the paper.
    taper: "soft" for the raised cosine, "hard" for zeros.

  Returns:
    As the frequencies: ``Frequencies`` where they are known, else a ``jax.Array``.

  Raises:
    ValueError: more pairs than there are, one pair for the soft taper, an unknown taper.

  Example:
    >>> clipped_frequencies([1.0, 0.1, 0.01, 0.001], 3).tolist()
    [1.0, 0.1, 0.005, 0.0]
  """
  _errors.check_choice("taper", taper, _TAPERS)
  frequencies = phases.as_frequencies(frequencies)
  pairs = frequencies.shape[-1]
  count = _checks.size("count", count, "The paper clips 20 of 64 pairs", least=0)
  if count > pairs or (count == 1 and taper == "soft"):
    raise _errors.value_error("count", count, f"at most {pairs} pairs, and not 1 if soft",
                              "The taper needs a first and a last pair")
  slow = np.arange(pairs) >= pairs - count
  if taper == "hard" or not count:
    return _ladders.kept(frequencies, ~slow)
  factors = np.ones(pairs)
  factors[pairs - count:] = (1 + np.cos(np.linspace(0, math.pi, count))) / 2
  factors[-1] = 0.0
  return _ladders.scaled(frequencies, factors)


def clipped_rotary(dim: int, train_length: Any = None, *, count: int | None = None,
                   taper: str = "soft", base: Any = 10_000.0, pairing: str = "half") -> Rotary:
  """Rotary of ``clipped_frequencies``.

  Args:
    dim: r, even.
    train_length: L0; without a count, the pairs of period above it are clipped.
    count, taper: as in ``clipped_frequencies``; None follows from train_length.
    base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: neither a count nor a length; what ``clipped_frequencies`` refuses.

  Example:
    >>> clipped_rotary(8, 512, taper="hard").frequencies.tolist()
    [1.0, 0.1, 0.0, 0.0]
  """
  frequencies = rotary_frequencies(dim, base=base)
  if count is None:
    known = isinstance(frequencies, phases.Frequencies)
    if train_length is None or not known:
      came = "None" if known else "None and a base that is traced"
      raise _errors.value_error("count", came, "how many pairs are clipped",
                                "Pass count=20, or train_length with a known base")
    count = int((~_ladders.turns_within(frequencies, train_length)).sum())
  return Rotary.from_frequencies(clipped_frequencies(frequencies, count, taper=taper),
                                 pairing=pairing, learned=False)
