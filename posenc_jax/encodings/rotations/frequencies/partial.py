# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary on some of the pairs: the first dims, the last dims, or the fastest (hook ``qk``).

GPT-J and GPT-NeoX turn the first r dims, with exponents over r. DeepSeek-V4 turns the last ones.
Proportional rotary (Barbero et al. 2024, "Round and Round We Go!", arXiv 2410.06205; Gemma 3n and
4) keeps exponents over the whole head and lets the slowest pairs stand still.
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import on_dims
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies
from posenc_jax.encodings.rotations.vo_rotary import VORotary


def partial_rotary(head_dim: int, fraction: float = 0.25, *, base: Any = 10_000.0,
                   pairing: str = "half") -> Rotary:
  """Turns the first fraction * head_dim dims; exponents run over these dims.

  Args:
    head_dim: H.
    fraction: r / H: 0.25 in GPT-NeoX, 0.4 to 0.75 in Phi, 0.5 in GLM.
    base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: a fraction outside (0, 1], or one of no even number of dims.

  Example:
    >>> partial_rotary(64)
    Rotary(dim=16, base=10000.0)
  """
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
  dim = int(_fraction("fraction", fraction) * head_dim)
  if dim < 2 or dim % 2:
    raise _errors.value_error("fraction", fraction, f"a part of {head_dim} dims that is even",
                              f"{fraction} of them are {dim} dims; {(dim + 2) // 2 * 2} would do")
  return Rotary(dim, base=base, pairing=pairing)


def trailing_rotary(head_dim: int, dim: int, *, base: Any = 10_000.0, pairing: str = "half",
                    values: bool = False) -> Encoding:
  """Turns the last ``dim`` dims of each head; exponents run over these dims.

  Args:
    head_dim: H.
    dim: r, even; DeepSeek-V4 turns 64 of 512, interleaved.
    base, pairing: as in ``Rotary``.
    values: whether values turn too and outputs turn back, as where keys are the values.

  Returns:
    The encoding.

  Raises:
    ValueError: more dims than a head has, or an odd number.

  Example:
    >>> trailing_rotary(8, 4)
    OnDims(inner=Rotary(dim=4, base=10000.0), start=4, stop=8)
  """
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
  dim = _checks.size("dim", dim, "Pass how many dims turn")
  if dim > head_dim:
    raise _errors.value_error("dim", dim, f"at most head_dim = {head_dim}", "Turn fewer dims")
  place, at = slice(head_dim - dim, head_dim), dict(base=base, pairing=pairing)
  turned = on_dims(place, Rotary(dim, **at))
  return chain(turned, on_dims(place, VORotary(dim, **at))) if values else turned


def proportional_rotary(head_dim: int, proportion: float = 0.25, *, base: Any = 10_000.0,
                        pairing: str = "half") -> Rotary:
  """Turns the fastest floor(p H / 2) pairs; exponents run over the whole head.

  Args:
    head_dim: H, even.
    proportion: p: 0.75 in the paper, 0.25 in Gemma 4.
    base, pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: a proportion outside (0, 1], an odd head_dim.

  Example:
    >>> proportional_rotary(8, 0.5).frequencies.tolist()
    [1.0, 0.1, 0.0, 0.0]

  References:
    Barbero et al. 2024, arXiv 2410.06205, section 6.
  """
  pairs = int(_fraction("proportion", proportion) * head_dim // 2)
  frequencies = rotary_frequencies(head_dim, base=base)
  return Rotary.from_frequencies(_ladders.kept(frequencies, np.arange(head_dim // 2) < pairs),
                                 pairing=pairing, learned=False)


def _fraction(argument, value):
  _errors.check_positive(argument, value, "0.25 is a quarter")
  if value > 1:
    raise _errors.value_error(argument, value, "a number in (0, 1]", "0.25 is a quarter")
  return value
