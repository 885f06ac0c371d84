# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""BiPE: where a token stands in its segment of text, and which segment that is: two axes.

He et al. 2024, "Two Stones Hit One Bird: Bilevel Positional Encoding for Better Length
Extrapolation", arXiv 2401.16421, section 3. The offset inside a segment reads a learned table,
the number of the segment a rotation or ALiBi.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import positions as positions_lib
from posenc_jax.base import Encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import along
from posenc_jax.encodings import _checks, _runs
from posenc_jax.encodings.biases.alibi import Alibi, alibi_slopes
from posenc_jax.encodings.inputs.learned import Learned
from posenc_jax.encodings.rotations.rotary import Rotary


def bipe_positions(separators: Any, *, limit: int = 1024, segments: Any = None) -> jax.Array:
  """(offset in the segment, segments before): a separator belongs to the segment that it ends.

  Args:
    separators: bool ``[..., T]``, True on tokens that end a segment, such as full stops and line
      breaks.
    limit: offsets beyond ``limit - 1`` are that: the rows of the table.
    segments: None, or int ``[..., T]``, packed documents: both count anew in each.

  Returns:
    int32 ``[..., T, 2]``.

  Raises:
    TypeError: separators that are not bool, a limit that is no int.
    ValueError: limit < 1.

  Example:
    >>> bipe_positions(jnp.array([False, True, False])).tolist()
    [[0, 0], [1, 0], [0, 1]]

  References:
    He et al. 2024, arXiv 2401.16421, section 3.1; the limit is its code's.
  """
  separators = _runs.bools("separators", separators)
  limit = _checks.size("limit", limit, "The authors' table has 1024 rows")
  ended = jnp.cumsum(separators.astype(jnp.int32), axis=-1)
  part = jnp.concatenate([jnp.zeros_like(ended[..., :1]), ended[..., :-1]], axis=-1)
  offset = positions_lib.from_segments(part)
  if segments is not None:
    own = positions_lib.from_segments(jnp.broadcast_to(jnp.asarray(segments), part.shape))
    index = jax.lax.broadcasted_iota(jnp.int32, part.shape, part.ndim - 1)
    offset = jnp.minimum(offset, own)
    part = part - jnp.take_along_axis(part, index - own, axis=-1)
  return jnp.stack([jnp.minimum(offset, limit - 1), part], axis=-1)


def bipe(key: jax.Array, d_model: int, head_dim: int, *, base: Any = 10_000.0,
         limit: int = 1024, stddev: float = 0.02) -> Encoding:
  """BiPE with a rotation: a learned table on axis 0, RoPE on axis 1 of ``bipe_positions``.

  Args:
    key: a PRNG key.
    d_model: D. head_dim: H. base: of the rotation.
    limit: rows of the table.
    stddev: of the table.

  Returns:
    An encoding of positions ``[..., T, 2]``. Many tokens share a segment, so attention needs
    ``q_order`` and ``k_order`` with ``causal=True``.

  Example:
    >>> bipe(jax.random.key(0), 8, 4).position_axes
    2
  """
  table = Learned.init(key, limit, d_model, stddev=stddev)
  return chain(along(0, table), along(1, Rotary(head_dim, base=base)))


def bipe_alibi(key: jax.Array, d_model: int, num_heads: int, *, slope_factor: float = 96.0,
               limit: int = 1024, stddev: float = 0.02) -> Encoding:
  """BiPE with ALiBi, its slopes multiplied by 96, since segments are that much longer than tokens.

  Args:
    key: a PRNG key.
    d_model: D. num_heads: N.
    slope_factor: multiplies ALiBi's slopes.
    limit: rows of the table.
    stddev: of the table.

  Returns:
    An encoding of positions ``[..., T, 2]``; see ``bipe``.

  Example:
    >>> bipe_alibi(jax.random.key(0), 8, 2).position_axes
    2
  """
  slopes = np.float32(slope_factor) * np.asarray(alibi_slopes(num_heads))
  table = Learned.init(key, limit, d_model, stddev=stddev)
  return chain(along(0, table), along(1, Alibi(slopes=slopes)))
