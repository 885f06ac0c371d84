# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""NTK-aware scaling: a larger base, so that slow pairs are stretched and fast ones kept.

"NTK-aware scaled RoPE", 2023, described in Peng et al. 2023, arXiv 2309.00071. The static alpha of
the Hunyuan models is the same formula with alpha for the factor, whatever the length.
"""

from posenc_jax import _errors
from posenc_jax.encodings.rotations.scaling import _host


def ntk_base(base: float, factor: float, dim: int, *, allow_shrink: bool = False) -> float:
  """B' = B * factor^(r / (r - 2)): the slowest pair is stretched by the factor, the fastest kept.

  Args:
    base: B.
    factor: by how much the context grows, at least 1; the alpha of the Hunyuan models.
    dim: r, the rotary dim, more than 2.
    allow_shrink: takes a factor below 1 too, for a context that shrinks.

  Returns:
    B', for ``Rotary(dim, base=B')``.

  Raises:
    ValueError: factor <= 0, or below 1 without ``allow_shrink``, a dim of one pair.

  Example:
    >>> round(ntk_base(10_000.0, 8.0, 128), 1)
    82684.6

  References:
    Peng et al. 2023, arXiv 2309.00071, equation 16.
  """
  _host.check_factor(factor, allow_shrink)
  if dim <= 2:
    raise _errors.value_error("dim", dim, "more than 2", "One pair cannot be stretched apart")
  return base * factor ** (dim / (dim - 2))
