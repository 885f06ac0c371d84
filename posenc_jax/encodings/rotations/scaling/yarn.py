# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""YaRN: NTK-by-parts and an attention scaling; both ramps that are in use.

Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large Language Models", arXiv
2309.00071.
Differs from the paper: the paper's ramp is linear in the number of turns (``ramp="turns"``); the
default, ``ramp="pairs"``, is the released code's ramp over the pair index, which trained models
use. Ends agree, the middle does not.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.rotary import Rotary
from posenc_jax.encodings.rotations.scaling import _host
from posenc_jax.encodings.rotations.scaling.by_parts import by_parts_frequencies

RAMPS = ("pairs", "turns")


def yarn_frequencies(dim: int, *, factor: float, original: int, base: Any = 10_000.0,
                     beta_fast: float = 32.0, beta_slow: float = 1.0,
                     truncate: bool | None = None, ramp: str = "pairs",
                     allow_shrink: bool = False) -> np.ndarray:
  """Fast pairs are kept, slow ones divided by the factor, with a linear ramp between them.

  The ramp over pairs runs between the pairs that turn beta_fast and beta_slow times within L0:
  pair(n) = r ln(L0 / (2 pi n)) / (2 ln B).

  Args:
    dim: r.
    factor: s, by how much the context grows, at least 1.
    original: L0.
    base, beta_fast, beta_slow: as in the paper.
    truncate: for the ramp over pairs: round its ends outwards to whole pairs (None does; gpt-oss
      does not).
    ramp: "pairs" or "turns".
    allow_shrink: takes a factor below 1 too, for a context that shrinks.

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: factor <= 0, or below 1 without ``allow_shrink``, beta_fast < beta_slow, an unknown
      ramp, ``truncate`` with the ramp over turns.

  Example:
    >>> f = yarn_frequencies(64, factor=4.0, original=2048)
    >>> bool(f[0] == 1.0), round(float(f[-1] / _host.plain(64, 1e4)[-1]), 3)
    (True, 0.25)

  References:
    Peng et al. 2023, arXiv 2309.00071, section 3.2 and the released code.
  """
  _errors.check_choice("ramp", ramp, RAMPS)
  if ramp == "turns":
    if truncate is not None:
      raise _errors.value_error("truncate", truncate, "None with ramp='turns'",
                                "Only the ramp over pairs has ends that can be rounded")
    return by_parts_frequencies(dim, factor=factor, original=original, base=base,
                                beta_fast=beta_fast, beta_slow=beta_slow,
                                allow_shrink=allow_shrink)
  _host.check_factor(factor, allow_shrink)
  _host.check_original(original)
  _host.check_betas(beta_fast, beta_slow)
  theta = _host.plain(dim, base)
  low, high = _host.ramp_ends(dim, base, original, beta_fast, beta_slow, truncate is not False)
  divided = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
  return theta / factor * divided + theta * (1 - divided)


def yarn_attention_scaling(factor: float, mscale: float = 1.0, mscale_all_dim: float = 0.0
                           ) -> float:
  """g(mscale) / g(mscale_all_dim) on cos and sin, g(m) = 0.1 m ln(factor) + 1; 1 for factor <= 1.

  Scores get its square. DeepSeek multiplies scores by g(mscale_all_dim)^2 besides, which is the
  call's ``scale``. Configs read by transformers count ``mscale`` only beside ``mscale_all_dim``,
  and ``attention_factor`` before either: ``from_hf`` follows that order.

  Args:
    factor: s.
    mscale: DeepSeek's multiplier.
    mscale_all_dim: its second one, 0 for none.

  Returns:
    a float.

  Example:
    >>> round(yarn_attention_scaling(16.0), 3), yarn_attention_scaling(16.0, 0.7, 0.7)
    (1.277, 1.0)

  References:
    Peng et al. 2023, arXiv 2309.00071, equation 15.
  """
  if factor <= 1:
    return 1.0
  g = lambda m: 0.1 * m * math.log(factor) + 1.0
  return g(mscale) / g(mscale_all_dim)


def yarn_rotary(dim: int, *, factor: float, original: int, base: Any = 10_000.0,
                beta_fast: float = 32.0, beta_slow: float = 1.0, truncate: bool | None = None,
                ramp: str = "pairs", attention_scaling: float | None = None,
                pairing: str = "half") -> Rotary:
  """``Rotary`` of YaRN's frequencies and its attention scaling, or the one that is given.

  Args:
    dim, factor, original, base, beta_fast, beta_slow, truncate, ramp: of ``yarn_frequencies``.
    attention_scaling: on cos and sin; None takes ``yarn_attention_scaling(factor)``.
    pairing: as in ``Rotary``.

  Returns:
    The encoding.

  Example:
    >>> float(yarn_rotary(8, factor=16.0, original=64).attention_scaling.round(3))
    1.277
  """
  frequencies = yarn_frequencies(dim, factor=factor, original=original, base=base, ramp=ramp,
                                 beta_fast=beta_fast, beta_slow=beta_slow, truncate=truncate)
  scaling = yarn_attention_scaling(factor) if attention_scaling is None else attention_scaling
  return Rotary.from_frequencies(frequencies, attention_scaling=scaling, pairing=pairing)
