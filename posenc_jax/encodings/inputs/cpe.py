# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CPE: a depthwise convolution over the grid of tokens, added to them (hook ``layer``).

Chu et al. 2021, "Conditional Positional Encodings for Vision Transformers", arXiv 2102.10882,
section 3.3 (PEG). The zeros outside of the grid are what tells tokens where they are.
Differs from the paper: nothing where the model calls ``layer`` on the residual stream after its
first block and keeps the x that it returns; ``posenc_jax.nn`` gives it to the attention alone.
Neighbours are found by positions, so tokens may come in any order and some may be missing.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add

_MEND = "Build it with Cpe.init(key, d_model)"


def conditional(x: jax.Array, positions: Any, kernel: jax.Array, offset: jax.Array, *,
                segments: Any = None) -> jax.Array:
  """x + conv(x) + offset, each channel with its own kernel, zeros outside of the grid.

  Args:
    x: ``[..., T, D]``.
    positions: int ``[..., T, 2]``, row and column. A token with a negative one, such as CLS, is not
      on the grid: nobody reads it and it stays as it is. Of two tokens in one place the later one
      is read.
    kernel: ``[a, b, D]``, a and b odd; entry (i, j) reads row + i - a // 2, column + j - b // 2.
    offset: ``[D]``.
    segments: None, or int ``[..., T]``: a token reads its own segment, and none below 0.

  Returns:
    Like x.

  Raises:
    ValueError: shapes that do not fit, an even kernel.

  Example:
    >>> x, at = jnp.ones((4, 1)), jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> conditional(x, at, jnp.ones((3, 3, 1)), jnp.zeros(1))[:, 0].tolist()
    [5.0, 5.0, 5.0, 5.0]

  References:
    Chu et al. 2021, arXiv 2102.10882, section 3.3, algorithm 1.
  """
  kernel = jnp.asarray(_checks.floats("kernel", kernel, "[a, b, D]", _MEND,
                                      sizes={"D": x.shape[-1]}))
  offset = jnp.asarray(_checks.floats("offset", offset, "[D]", _MEND, sizes={"D": x.shape[-1]}))
  at = _add.aligned(x, positions, 2, real=False)
  on_grid = jnp.all(at >= 0, axis=-1)
  read = on_grid[..., None, :]
  if segments is not None:
    segments = _add.aligned(x, segments, real=False)
    read = read & (segments[..., :, None] == segments[..., None, :]) & (segments >= 0)[..., None, :]
  dtype = _numerics.wide(x)
  wide, out = x.astype(dtype), offset.astype(dtype).reshape((1,) * (x.ndim - 1) + (-1,))
  far = at[..., None, :, :] - at[..., :, None, :]  # of the key from the query, [..., T, T, 2]
  a, b, _ = kernel.shape
  for i, j in itertools.product(range(a), range(b)):
    there = jnp.array([i - a // 2, j - b // 2], jnp.int32).reshape((1,) * (far.ndim - 1) + (2,))
    tap = kernel[i, j].astype(dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    out = out + tap * _neighbour(wide, read & jnp.all(far == there, axis=-1))
  return x + jnp.where(on_grid[..., None], out, 0).astype(x.dtype)


def _neighbour(x, match):
  """The last token that matches, ``[..., T, D]``, or zeros where none does."""
  count = match.shape[-1]
  index = jnp.max(jnp.where(match, jnp.arange(count, dtype=jnp.int32).reshape(
      (1,) * (match.ndim - 1) + (-1,)), -1), axis=-1)
  index = jnp.broadcast_to(index, x.shape[:-1])[..., None]
  return jnp.where(index >= 0, jnp.take_along_axis(x, jnp.maximum(index, 0), axis=-2), 0)


@encoding
class Cpe(Encoding):
  """Adds a depthwise convolution over the tokens' grid; for attention in both directions.

  Args:
    kernel: ``[a, b, D]``, offset: ``[D]``, parameters; see ``conditional``.

  Raises:
    TypeError: what should be float arrays is not.
    ValueError: shapes that do not fit, an even kernel.

  Example:
    >>> from posenc_jax.positions import grid
    >>> e = Cpe.init(jax.random.key(0), d_model=4)
    >>> e.layer(jnp.ones((6, 4)), grid(2, 3))[0].shape
    (6, 4)
  """

  kernel: jax.Array = parameter()
  offset: jax.Array = parameter(None)  # None, so that a missing one gets the message below

  position_axes = 2

  def __post_init__(self):
    _checks.floats("kernel", self.kernel, "[a, b, D]", _MEND, stacked=True)
    _checks.floats("offset", self.offset, "[D]", _MEND, stacked=True)
    k, b = self.kernel.shape, self.offset.shape
    if k[-1] != b[-1] or k[-3] % 2 == 0 or k[-2] % 2 == 0:
      raise _errors.value_error("kernel, offset", f"shapes {k} and {b}",
                                "[a, b, D] and [D], a and b odd", _MEND)

  @classmethod
  def init(cls, key, d_model: int, *, size: int = 3) -> "Cpe":
    """Draws both from U(-1/size, 1/size), a PyTorch convolution's start."""
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    size = _checks.size("size", size, "The paper has 3")
    a, b = jax.random.split(_checks.key(key))
    draw = lambda k, *shape: jax.random.uniform(k, shape, jnp.float32, -1 / size, 1 / size)
    return cls(draw(a, size, size, d_model), draw(b, d_model))

  def layer(self, x, positions, *, carry=None, segments=None):
    return conditional(x, positions, self.kernel, self.offset, segments=segments), positions, carry
