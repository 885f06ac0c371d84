# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context extension of RoPE: edits of its frequencies, on the host, in float64.

Every function returns radians per position ``[r // 2]`` as NumPy float64 for
``Rotary.from_frequencies``. The lengths are those of training (``original``) and of use.
"""

import math

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def ntk_base(base: float, factor: float, dim: int) -> float:
  """B' = B * factor^(r / (r - 2)): the slowest pair is stretched by the factor, the fastest kept.

  Args:
    base: B.
    factor: by how much the context grows, positive.
    dim: r, the rotary dim, more than 2.

  Returns:
    B', for ``Rotary(dim, base=B')``.

  Example:
    >>> round(ntk_base(10_000.0, 8.0, 128), 1)
    82684.6

  References:
    "NTK-aware scaled RoPE", 2023; Peng et al. 2023, arXiv 2309.00071, equation 16.
  """
  _check_factor(factor)
  if dim <= 2:
    raise _errors.value_error("dim", dim, "more than 2", "One pair cannot be stretched apart")
  return base * factor ** (dim / (dim - 2))


def dynamic_ntk_base(base: float, factor: float, dim: int, *, length: int, original: int) -> float:
  """The NTK base for one length: B (factor L / L0 - (factor - 1))^(r/(r-2)) once L exceeds L0.

  Keys that were cached at another length carry other frequencies: pin one length for a sequence.

  Args:
    base, factor, dim: as in ``ntk_base``.
    length: L; original: L0.

  Returns:
    B'; equal to B while L <= L0.

  Example:
    >>> dynamic_ntk_base(10_000.0, 4.0, 64, length=2048, original=2048)
    10000.0

  References:
    Peng et al. 2023, arXiv 2309.00071, section 3.3.
  """
  stretch = factor * max(length, original) / original - (factor - 1)
  return ntk_base(base, stretch, dim)


def yarn_frequencies(dim: int, *, factor: float, original: int, base: float = 10_000.0,
                     beta_fast: float = 32.0, beta_slow: float = 1.0, truncate: bool = True
                     ) -> np.ndarray:
  """Fast pairs are kept, slow ones divided by the factor, with a linear ramp over the pair index.

  The ramp runs between the pairs that turn beta_fast and beta_slow times within L0 positions:
  pair(n) = r ln(L0 / (2 pi n)) / (2 ln B).

  Differs from the paper: the paper's ramp is linear in the number of turns; this is the released
  code's ramp, which trained models use. End points agree.

  Args:
    dim: r.
    factor: s, by how much the context grows.
    original: L0.
    base, beta_fast, beta_slow: as in the paper.
    truncate: round the ends of the ramp outwards to whole pairs (gpt-oss does not).

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: factor <= 0, or beta_fast < beta_slow.

  Example:
    >>> f = yarn_frequencies(64, factor=4.0, original=2048)
    >>> bool(f[0] == 1.0), round(float(f[-1] / rotary_frequencies(64).radians[-1]), 3)
    (True, 0.25)

  References:
    Peng et al. 2023, arXiv 2309.00071, section 3.2 and the released code.
  """
  _check_factor(factor)
  if beta_fast < beta_slow:
    raise _errors.value_error("beta_fast, beta_slow", (beta_fast, beta_slow),
                              "beta_fast at least beta_slow", "Swap them; the paper has 32 and 1")
  plain = rotary_frequencies(dim, base=base).radians
  pair = lambda turns: dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))
  low, high = pair(beta_fast), pair(beta_slow)
  if truncate:
    low, high = math.floor(low), math.ceil(high)
  low, high = max(low, 0), min(high, dim - 1)
  high += 0.001 if low == high else 0
  ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
  return plain / factor * ramp + plain * (1 - ramp)


def yarn_attention_scaling(factor: float, mscale: float = 1.0) -> float:
  """0.1 mscale ln(factor) + 1 on cos and sin (scores get its square); 1 for factor <= 1.

  Args:
    factor: s.
    mscale: DeepSeek's multiplier.

  Returns:
    a float.

  Example:
    >>> round(yarn_attention_scaling(16.0), 3)
    1.277

  References:
    Peng et al. 2023, arXiv 2309.00071, equation 15.
  """
  return 0.1 * mscale * math.log(factor) + 1.0 if factor > 1 else 1.0


def llama3_frequencies(dim: int, *, factor: float, low_freq_factor: float, high_freq_factor: float,
                       original: int, base: float = 500_000.0) -> np.ndarray:
  """Wavelengths above L0 / low are divided by the factor, below L0 / high kept, mixed in between.

  Args:
    dim: r.
    factor, low_freq_factor, high_freq_factor, original: 8, 1, 4 and 8192 in Llama 3.1.
    base: B.

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: factor <= 0 or high_freq_factor <= low_freq_factor.

  Example:
    >>> f = llama3_frequencies(128, factor=8., low_freq_factor=1., high_freq_factor=4.,
    ...                        original=8192)
    >>> int((f == rotary_frequencies(128, base=500_000.).radians).sum())
    29

  References:
    The Llama 3.1 release, 2024.
  """
  _check_factor(factor)
  if high_freq_factor <= low_freq_factor:
    raise _errors.value_error("high_freq_factor", high_freq_factor,
                              f"more than low_freq_factor={low_freq_factor}",
                              "Llama 3.1 has 4 and 1")
  plain = rotary_frequencies(dim, base=base).radians
  turns = original * plain / (2 * math.pi)
  keep = np.clip((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0, 1)
  return (1 - keep) * plain / factor + keep * plain


def longrope_frequencies(dim: int, factors, *, base: float = 10_000.0) -> np.ndarray:
  """theta_i / lambda_i with one searched factor for each pair.

  A sequence must keep one list of factors: switching from short to long ones in mid-generation
  leaves keys in the cache that were turned by other frequencies.

  Args:
    dim: r.
    factors: lambda ``[dim // 2]``, positive.
    base: B.

  Returns:
    float64 ``[dim // 2]``.

  Raises:
    ValueError: a wrong number of factors, or one that is not positive.

  Example:
    >>> longrope_frequencies(4, [1.0, 2.0]).tolist()
    [1.0, 0.005]

  References:
    Ding et al. 2024, arXiv 2402.13753.
  """
  factors = np.asarray(factors, np.float64)
  if factors.shape != (dim // 2,):
    raise _errors.value_error("factors", f"{factors.size} numbers", f"{dim // 2}, one a pair",
                              "Check the rotary dim: partial rotary models have fewer pairs")
  _errors.check_positive("factors", factors, "Each factor stretches a wavelength")
  return rotary_frequencies(dim, base=base).radians / factors


def longrope_attention_scaling(factor: float, original: int) -> float:
  """sqrt(1 + ln(factor) / ln(L0)) on cos and sin; 1 for factor <= 1.

  Args:
    factor: s.
    original: L0.

  Returns:
    a float.

  Example:
    >>> round(longrope_attention_scaling(32.0, 4096), 3)
    1.19

  References:
    Ding et al. 2024, arXiv 2402.13753.
  """
  return math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0


def proportional_frequencies(dim: int, proportion: float, *, base: float = 10_000.0) -> np.ndarray:
  """The fastest floor(proportion r / 2) pairs turn, exponents over all of r; the rest stand still.

  Args:
    dim: r, the whole head.
    proportion: p in [0, 1].
    base: B.

  Returns:
    float64 ``[dim // 2]``, zero for pairs that do not turn.

  Raises:
    ValueError: proportion outside [0, 1].

  Example:
    >>> proportional_frequencies(4, 0.5).tolist()
    [1.0, 0.0]

  References:
    Barbero et al. 2024, arXiv 2410.06205, section 6 (p-RoPE).
  """
  if not 0 <= proportion <= 1:
    raise _errors.value_error("proportion", proportion, "a number in [0, 1]", "0.75 in the paper")
  plain = rotary_frequencies(dim, base=base).radians
  return np.where(np.arange(dim // 2) < int(proportion * dim // 2), plain, 0.0)


def _check_factor(factor):
  _errors.check_positive("factor", factor, "A context that grows fourfold has factor 4")
