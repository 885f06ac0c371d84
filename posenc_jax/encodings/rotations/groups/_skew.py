# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Exponentials of skew matrices: rotations of blocks of any size, at any position.

The Hermitian matrix iA is diagonalised, so that a rotation is phases between two unitary matrices:
exact at any angle, orthogonal to rounding. Eigenvectors have no derivative where eigenvalues meet,
which a generator of zeros does; so derivatives are those of the exponential itself, whose divided
differences are sinc functions (Higham 2008, Functions of Matrices, theorem 3.11).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax.encodings.rotations.groups import _blocks


def skew(raw: jax.Array) -> jax.Array:
  """raw - raw^T over the last two axes."""
  return raw - jnp.swapaxes(raw, -1, -2)


def upper_skew(raw: jax.Array) -> jax.Array:
  """The skew matrix of the upper triangle of raw; the rest of raw is not read."""
  return skew(jnp.triu(raw, 1))


@jax.custom_batching.sequential_vmap
def _one_spectrum(a: jax.Array) -> tuple[jax.Array, jax.Array]:
  return jnp.linalg.eigh(a, symmetrize_input=False)


def _eigh(a: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Eigenvalues and eigenvectors, one matrix after the other.

  jaxlib cuts a batch over the threads of its pool and waits for them inside the pool: two batches
  at a time, as in a step with its gradient, wait for each other for good where cores are few.
  """
  w, u = jax.lax.map(_one_spectrum, a.reshape(-1, *a.shape[-2:]))
  return w.reshape(a.shape[:-1]), u.reshape(a.shape)


def spectrum(a: jax.Array) -> tuple[jax.Array, jax.Array]:
  """(l ``[..., b]``, u ``[..., b, b]``) with a = u diag(i l) u^H; l is exactly odd."""
  kind = jnp.complex128 if a.dtype == jnp.float64 else jnp.complex64
  w, u = _eigh(a.astype(kind) * np.array(1j, kind))
  return (w[..., ::-1] - w) / 2, u  # pairs of opposite sign: else far phases would not be conjugate


def _differences(half: jax.Array, angles: jax.Array) -> jax.Array:
  """(e^(i f_j) - e^(i f_k)) / (i f_j - i f_k), from e^(i f / 2) and f: ``[..., b, b]``."""
  x = (angles[..., :, None] - angles[..., None, :]) / 2
  sine = jnp.imag(half[..., :, None] * jnp.conj(half[..., None, :]))
  near = jnp.abs(x) < 0.5
  x2 = jnp.where(near, x * x, 0)
  series = 1 - x2 / 6 * (1 - x2 / 20 * (1 - x2 / 42 * (1 - x2 / 72 * (1 - x2 / 110))))
  sinc = jnp.where(near, series, sine / jnp.where(near, 1, x))
  return half[..., :, None] * half[..., None, :] * sinc.astype(half.dtype)


def _conjugate(u: jax.Array) -> jax.Array:
  return jnp.conj(jnp.swapaxes(u, -1, -2))


@jax.custom_jvp
def exponential(a: jax.Array) -> jax.Array:
  """exp(a) of skew matrices ``[..., b, b]``; finite derivatives everywhere."""
  angles, u = spectrum(a)
  e = jax.lax.complex(jnp.cos(angles), jnp.sin(angles))
  return jnp.real((u * e[..., None, :]) @ _conjugate(u))


@exponential.defjvp
def _exponential_jvp(primals, tangents):
  a, = primals
  angles, u = spectrum(a)
  half = jax.lax.complex(jnp.cos(angles / 2), jnp.sin(angles / 2))
  out = jnp.real((u * (half * half)[..., None, :]) @ _conjugate(u))
  inner = _conjugate(u) @ tangents[0].astype(u.dtype) @ u
  return out, jnp.real(u @ (inner * _differences(half, angles)) @ _conjugate(u))


def _parts(generators, rates, positions):
  """(eigenvalues, eigenvectors, e^(i f / 2) ``[..., T, K, G, b]``) of f = sum_a p_a c_a l."""
  values, u = spectrum(generators)
  dtype = values.dtype
  each = rates[:, None, :, None] * (values / 2)[None]
  cos, sin = _blocks.unit(positions, each.reshape(rates.shape[0], -1), dtype)
  shape = (*positions.shape[:-1], *values.shape)
  return values, u, jax.lax.complex(cos, sin).reshape(shape)


def _times(matrix, x):
  """``[K, G, b, b]`` times ``[..., T, K, M, G, b]``."""
  return jnp.einsum("kgij,...tkmgj->...tkmgi", matrix, x.astype(matrix.dtype),
                    precision=jax.lax.Precision.HIGHEST)


def _turned(u, half, z):
  return jnp.real(_times(u, (half * half)[..., None, :, :] * z))


@jax.custom_jvp
def flow(x: jax.Array, generators: jax.Array, rates: jax.Array, positions: jax.Array) -> jax.Array:
  """exp(t_g S_kg) x with t_g = sum_a p_a c_ag, at any position.

  Args:
    x: float32 or float64 ``[..., T, K, M, G, b]``, M heads for each generator.
    generators: skew S ``[K, G, b, b]`` of the same dtype.
    rates: c ``[P, G]`` of the same dtype.
    positions: ``[..., T, P]``.

  Returns:
    Like x.
  """
  _, u, half = _parts(generators, rates, positions)
  return _turned(u, half, _times(_conjugate(u), x))


@flow.defjvp
def _flow_jvp(primals, tangents):
  x, generators, rates, positions = primals
  dx, dg, dc, dp = tangents
  values, u, half = _parts(generators, rates, positions)
  back = _conjugate(u)
  z = _times(back, x)
  out = _turned(u, half, z)
  p = positions.astype(x.dtype)
  time = jnp.einsum("...a,ag->...g", p, rates)
  slope = jnp.einsum("...a,ag->...g", p, dc)
  if dp.dtype != jax.dtypes.float0:
    slope = slope + jnp.einsum("...a,ag->...g", dp.astype(x.dtype), rates)
  angles = time[..., None, :, None] * values.reshape((1,) * (time.ndim - 1) + values.shape)
  inner = jnp.einsum("kgij,kgjl,kglm->kgim", back, dg.astype(u.dtype), u,
                     precision=jax.lax.Precision.HIGHEST)
  matrix = inner.reshape((1,) * (time.ndim - 1) + inner.shape) * _differences(half, angles)
  moved = jnp.einsum("...tkgij,...tkmgj->...tkmgi", matrix, z,
                     precision=jax.lax.Precision.HIGHEST)
  tangent = _turned(u, half, _times(back, dx))
  tangent = tangent + time[..., None, None, :, None] * jnp.real(_times(u, moved))
  return out, tangent + slope[..., None, None, :, None] * _times(generators, out)


def blocks_turned(x: jax.Array, generators: jax.Array, rates: jax.Array, positions: Any
                  ) -> jax.Array:
  """``flow`` of heads ``[..., T, N, H]`` at aligned positions, in float32 or float64, cast last."""
  dtype = _numerics.wide(x)
  heads, groups, b, _ = generators.shape
  y = _blocks.key_groups(x.astype(dtype), heads, "generators")
  y = y.reshape(*y.shape[:-1], groups, b)
  y = flow(y, generators.astype(dtype), rates.astype(dtype), positions)
  return y.reshape(x.shape).astype(x.dtype)


def blocks_times(x: jax.Array, matrices: jax.Array) -> jax.Array:
  """Matrices ``[..., T, K, G, b, b]`` times the blocks of heads ``[..., T, N, H]``, cast last."""
  heads, groups, b, _ = matrices.shape[-4:]
  y = _blocks.key_groups(x.astype(matrices.dtype), heads, "generators")
  y = y.reshape(*y.shape[:-1], groups, b)
  y = jnp.einsum("...kgij,...kmgj->...kmgi", matrices, y, precision=jax.lax.Precision.HIGHEST)
  return y.reshape(x.shape).astype(x.dtype)
