# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CAPE: positions are shifted, jittered and stretched in training (hook ``positions``).

Likhomanenko et al. 2021, "CAPE: Encoding Relative Positions with Continuous Augmented Positional
Embeddings", arXiv 2106.03143, section 3. (DAPE's first title has the same name.)
Differs from the paper: positions are not centred here, as the released code for text does not
either; whoever wants them centred subtracts the mean of a row before the call.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks, _rows

_VMAP = "An encoding with stacked leaves needs jax.vmap over the encoding"


def cape_positions(positions: Any, key: jax.Array, *, shift: Any = 5.0, jitter: Any = 0.5,
                   stretch: Any = 1.03, axes: int = 0) -> jax.Array:
  """(p + Delta + epsilon_p) lambda, drawn uniformly: Delta and lambda a row, epsilon a token.

  Args:
    positions: ``[..., T]``, or ``[..., T, P]`` with ``axes=P``, whose shift and jitter are drawn
      for each axis while the stretch is shared.
    key: a PRNG key. Row b draws with ``fold_in(key, b)``; the jitter of a token follows from its
      row and position, so a decode step draws what the full forward drew.
    shift: Delta is within +-shift.
    jitter: epsilon is within +-jitter; half of the step between positions keeps their order.
    stretch: log lambda is within +-log(stretch); above 0.
    axes: P, or 0.

  Returns:
    float32 (float64 if an argument is), the shape of positions.

  Raises:
    TypeError: positions that are no such numbers, no PRNG key.
    ValueError: another number of axes.

  Example:
    >>> cape_positions(jnp.arange(3), jax.random.key(0), shift=0., jitter=0., stretch=1.).tolist()
    [0.0, 1.0, 2.0]

  References:
    Likhomanenko et al. 2021, arXiv 2106.03143, section 3.1.
  """
  positions = _rows.with_rows(positions, axes)
  given = [jnp.asarray(_checks.factor(name, x, _VMAP)) for name, x in
           (("shift", shift), ("jitter", jitter), ("stretch", stretch))]
  dtype = _numerics.wide(positions, *given)
  d, e, s = (x.astype(dtype) for x in given)
  tail = positions.shape[positions.ndim - (1 if axes else 0):]
  # Drawn in float32 whatever is computed, so that a key means the same numbers.
  uniform = lambda k, shape: jax.random.uniform(k, shape, jnp.float32, -1.0, 1.0).astype(dtype)

  def move(row_key, p):
    once, often = jax.random.split(row_key)
    a, b = jax.random.split(once)
    small = jax.vmap(lambda at: uniform(_token_key(often, at), tail))(p)
    return (p.astype(dtype) + (d * uniform(a, tail))[None] + e * small) * jnp.exp(
        jnp.log(s) * uniform(b, ()))

  return _rows.each(move, _rows.keys(key, positions.shape[:positions.ndim - 1 - len(tail)]),
                    positions)


def _token_key(key, position):
  """A key that follows from a token's position, all bits of all its axes."""
  for p in jnp.atleast_1d(position):
    real = jnp.issubdtype(p.dtype, jnp.floating)
    bits = jax.lax.bitcast_convert_type(p.astype(jnp.float32), jnp.int32) if real else p
    key = jax.random.fold_in(key, bits)
  return key


@encoding
class Cape(Encoding):
  """Moves positions by ``cape_positions``, for all layers, where there is a key.

  Put it first in a chain, before a sinusoid; without a key, as in evaluation, positions stay as
  they are. The paper has shift 5, jitter 0.5, stretch 1.03 for text; of images in [-1, 1] shift
  0.5, jitter half of the grid's step, stretch 1.4; and it multiplies embeddings by sqrt(D).

  Args:
    shift, jitter, stretch: hyperparameters; see ``cape_positions``.
    axes: static; P of positions ``[..., T, P]``, or 0 for ``[..., T]``.

  Raises:
    ValueError: a stretch that is not positive, axes below 0.

  Example:
    >>> from posenc_jax import Sinusoidal, chain
    >>> e = chain(Cape(), Sinusoidal(8))
    >>> p = e.positions(jnp.arange(3), key=jax.random.key(0))
    >>> bool((p[1:] > p[:-1]).all()), e.positions(jnp.arange(3)).tolist()
    (True, [0, 1, 2])
  """

  shift: jax.typing.ArrayLike = 5.0
  jitter: jax.typing.ArrayLike = 0.5
  stretch: jax.typing.ArrayLike = 1.03
  axes: int = static(default=0)

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return self.axes

  def __post_init__(self):
    _errors.check_positive("stretch", self.stretch, "The paper has 1.03 for text; 1.0 is none")
    self.set_fields(axes=_checks.size("axes", self.axes, "Images have 2", least=0))

  def positions(self, positions, *, key=None):
    if key is None:
      return positions
    return cape_positions(positions, key, shift=self.shift, jitter=self.jitter,
                          stretch=self.stretch, axes=self.axes)
