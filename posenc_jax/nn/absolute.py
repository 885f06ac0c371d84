# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The sinusoidal encoding as a module with a fixed length, the form in which it is usually met.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762, section 3.5.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.encodings.inputs.sinusoidal import sinusoidal
from posenc_jax.nn import keywords
from posenc_jax.nn.held import Hyper
from posenc_jax.nn.settings import check_size


@keywords.checked()
class AbsolutePositionalEncoding(nnx.Module):
  """Adds the first T rows of a sinusoidal table that was made once.

  The table is what is added, not trained. ``posenc_jax.Sinusoidal`` computes the same numbers from
  positions, keeps d_model / 2 frequencies in place of the table, has no longest length, and takes
  the positions of packed documents and of cached decoding, which this form cannot.

  Args:
    d_model: D, the width of the embeddings.
    max_len: rows of the table, 4 max_len D bytes in float32.

  Raises:
    TypeError, ValueError: sizes that are no ints, or below 1.

  Example:
    >>> module = AbsolutePositionalEncoding(4, max_len=8)
    >>> module(jnp.zeros((1, 2, 4))).round(2).tolist()
    [[[0.0, 1.0, 0.0, 1.0], [0.84, 0.54, 0.01, 1.0]]]
    >>> nnx.state(module, nnx.Param)                           # nothing is learned
    State({})
  """

  def __init__(self, d_model: int, max_len: int = 5000):
    d_model, max_len = check_size("d_model", d_model), check_size("max_len", max_len)
    self.table = Hyper(sinusoidal(jnp.arange(max_len, dtype=jnp.int32), d_model))

  def __call__(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` plus rows 0 to T - 1, in the dtype of x.

    Raises:
      ValueError: another width, or T above max_len.
      TypeError: no floats, or float64, for which the table has too few digits.
    """
    max_len, d_model = self.table.shape
    if getattr(x, "ndim", 0) < 2 or x.shape[-1] != d_model:
      raise _errors.value_error("x", _errors.describe(x), f"embeddings [..., T, {d_model}]",
                                "Build the module with the model's width")
    if not jnp.issubdtype(x.dtype, jnp.floating) or x.dtype == jnp.float64:
      raise _errors.type_error("x", _errors.describe(x), "floats of at most 32 bits, as the table "
                               "has float32", "Use posenc_jax.Sinusoidal for float64")
    length = x.shape[-2]
    if length > max_len:
      raise _errors.value_error("x", f"{length} positions", f"at most max_len={max_len}",
                                "Build it with a larger max_len, or use posenc_jax.Sinusoidal, "
                                "which has no longest length")
    rows = self.table[...][:length].astype(x.dtype)
    return x + rows.reshape((1,) * (x.ndim - 2) + rows.shape)
