# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fourier features of coordinates by a frozen matrix, added to the embeddings (hook ``inputs``).

Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
Domains", arXiv 2006.10739, section 5. The matrix is a field, so that a checkpoint keeps it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add, _waves

_MEND = "Build it with FourierFeatures.init(key, d_model)"


def fourier_features(positions: Any, matrix: jax.Array) -> jax.Array:
  """[cos(2 pi B x), sin(2 pi B x)].

  Args:
    positions: x, ``[..., P]`` int32 or float32 coordinates.
    matrix: B, ``[F, P]``, in turns per unit of a coordinate.

  Returns:
    float32 (float64 of a float64 matrix) ``[..., 2 F]``. Angles are float32: their error is 4e-7
    of the largest product of a coordinate and an entry, so coordinates of the order of 1 are meant.

  Raises:
    TypeError: a matrix that is no float array.
    ValueError: a matrix of another number of axes.

  Example:
    >>> fourier_features(jnp.array([0.5]), jnp.array([[1.0]]))[0].tolist()
    -1.0

  References:
    Tancik et al. 2020, arXiv 2006.10739, section 5, gamma(v), "Gaussian".
  """
  positions = jnp.asarray(_checks.positions(positions, real=True))
  matrix = jnp.asarray(_checks.floats("matrix", matrix, "[F, P]", _MEND,
                                      sizes={"P": positions.shape[-1]}))
  dtype = _numerics.wide(matrix, positions)
  turns = _waves.products(positions, matrix, dtype)
  angle = (turns - jnp.round(turns)) * np.array(2 * np.pi, dtype)
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def cape_matrix(d_model: int) -> Any:
  """The matrix of CAPE's sinusoid in 2-D, for positions (x, y) in [-1, 1].

  Phases are pi rho_i (x cos(i) + y sin(i)), rho_i = 10^(i / (D/2 - 1)), i = 0 .. D/2 - 1, the
  integer i an angle in radians.

  Args:
    d_model: D, even.

  Returns:
    float32 ``[D / 2, 2]``, for ``FourierFeatures``: ``chain(Cape(axes=2, shift=0.5, jitter=..,
    stretch=1.4), FourierFeatures(cape_matrix(D)))``.

  Raises:
    ValueError: an odd width.

  Example:
    >>> cape_matrix(2).tolist()
    [[0.5, 0.0]]

  References:
    Likhomanenko et al. 2021, arXiv 2106.03143, appendix (its code for images).
  """
  d_model = _checks.size("d_model", d_model, "Pass the model width D")
  if d_model % 2:
    raise _errors.value_error("d_model", d_model, "an even width", f"Use {d_model + 1}")
  i = np.arange(d_model // 2)
  rho = 10 ** (i / max(d_model // 2 - 1, 1))
  return (np.stack([np.cos(i), np.sin(i)], -1) * rho[:, None] / 2).astype(np.float32)


@encoding
class FourierFeatures(Encoding):
  """Adds ``fourier_features(x, B)`` to the embeddings; B is frozen.

  Args:
    matrix: B, ``[D / 2, P]``, a hyperparameter. With P = 1 positions are ``[..., T]``, else
      ``[..., T, P]``.

  Raises:
    TypeError: a matrix that is no float array.
    ValueError: a matrix of another rank; in a call, another width or number of axes.

  Example:
    >>> e = FourierFeatures.init(jax.random.key(0), d_model=8, axes=2)
    >>> e.inputs(jnp.zeros((3, 8)), jnp.ones((3, 2))).shape
    (3, 8)
  """

  matrix: jax.Array

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _waves.axes_of(self.matrix.shape[-1])

  def __post_init__(self):
    _checks.floats("matrix", self.matrix, "[F, P]", _MEND, stacked=True)

  @classmethod
  def init(cls, key, d_model: int, *, axes: int = 1, sigma: float = 1.0) -> "FourierFeatures":
    """Draws B ``[D / 2, axes]`` from N(0, sigma^2): sigma decides how fine a detail is seen."""
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    axes = _checks.size("axes", axes, "Pass the number of coordinates P")
    if d_model % 2:
      raise _errors.value_error("d_model", d_model, "an even width", f"Use {d_model + 1}")
    return cls(jax.random.normal(_checks.key(key), (d_model // 2, axes), jnp.float32) * sigma)

  def inputs(self, x, positions):
    _add.check_width(x, 2 * self.matrix.shape[-2], "FourierFeatures")
    positions = _waves.coordinates(x, positions, self.matrix.shape[-1])
    matrix = jnp.asarray(self.matrix).astype(_numerics.wide(x, self.matrix))
    return x + fourier_features(positions, matrix).astype(x.dtype)
