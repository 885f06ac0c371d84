# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cable: a summed decay that the layer's input sets, which is FoX with its logit negated.

Veisi et al. 2025, "Context-aware Biases for Length Extrapolation", arXiv 2503.08067: the bias is
minus the sum over n < t <= m of softplus(x_t W + b), and -softplus(u) = log sigmoid(-u).
Differs from the released code: that does not scale its scores; pass ``scale=1.0`` to attention for
its numbers.
"""

import jax

from posenc_jax.encodings import _checks
from posenc_jax.encodings.content.fox import Fox


def cable(weight: jax.Array, bias: jax.Array) -> Fox:
  """The encoding whose bias is -sum over n < t <= m of softplus(x_t W + b).

  Args:
    weight: W, ``[D, N]``, as Cable's checkpoints have it.
    bias: b, ``[N]``.

  Returns:
    A ``Fox`` of -W and -b, with all that it promises: pairs of floats, decoding, packing.

  Raises:
    TypeError, ValueError: as ``Fox``.

  Example:
    >>> import jax.numpy as jnp
    >>> cable(jnp.ones((3, 2)), jnp.zeros(2)).gate_weight.tolist()[0]
    [-1.0, -1.0]
  """
  mend = "Build it with cable_init(key, d_model, num_heads)"
  weight = _checks.floats("weight", weight, "[D, N]", mend, stacked=True)
  return Fox(-weight, -_checks.floats("bias", bias, "[N]", mend, stacked=True))


def cable_init(key: jax.Array, d_model: int, num_heads: int, *, stddev: float = 0.02,
               bias: float = 0.0) -> Fox:
  """``cable`` with W drawn from N(0, stddev^2) and b the same for all heads.

  Args:
    key: a PRNG key.
    d_model: D; num_heads: N.
    stddev: of W.
    bias: b; -5 starts with a decay of 0.007 a token.

  Returns:
    A ``Fox``.

  Raises:
    TypeError: a seed in place of a key, sizes that are no ints.

  Example:
    >>> cable_init(jax.random.key(0), 6, 2, bias=-5.0).gate_bias.tolist()
    [5.0, 5.0]
  """
  return Fox.init(key, d_model, num_heads, stddev=stddev, gate_bias=-bias)
