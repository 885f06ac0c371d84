# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Phases against 60-digit arithmetic at every kind of position."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import phases
from tests import oracles

EDGES = [0, 1, 255, 256, 257, 2047, 2048, 2049, 131_071, 10**6, 2**24 - 1, 2**24, 2**24 + 1,
         10**7, 2**30 + 12345, 2**31 - 1, -1, -257, -(2**31)]


def _exact(function, positions, frequencies):
  return np.array([[float(function(int(p), f)) for f in frequencies] for p in positions])


def _numbers(positions, frequencies):
  cos, sin = jax.jit(phases.cos_sin)(jnp.asarray(positions, jnp.int32), frequencies)
  return np.asarray(cos, np.float64), np.asarray(sin, np.float64)


@pytest.mark.parametrize("base", [10_000.0, 500_000.0, 10.0])
def test_angles_are_exact_at_every_position(rng, base):
  positions = EDGES + rng.integers(-(2**31), 2**31, 200).tolist()
  frequencies = oracles.rotary_frequencies(32, base=base)
  cos, sin = _numbers(positions, px.Rotary(32, base=base).frequencies)
  worst = max(np.abs(cos - _exact(oracles.exact.cos, positions, frequencies)).max(),
              np.abs(sin - _exact(oracles.exact.sin, positions, frequencies)).max())
  assert worst <= 2e-7, worst


def test_plain_float32_would_fail_that_test():
  """The bar above is one that the usual product does not pass."""
  p, frequencies = 10**6, oracles.rotary_frequencies(32)
  usual = np.cos(np.float32(p) * np.float32([float(f) for f in frequencies]))
  assert np.abs(usual - _exact(oracles.exact.cos, [p], frequencies)).max() > 1e-3


def test_phases_are_linear_in_the_position(rng):
  """phase(i) - phase(j) = phase(i - j) to a few units of 2^-32 turns, at any offset."""
  t = px.Rotary(16).frequencies
  i, j = (rng.integers(0, 2**30, 50) for _ in range(2))
  at = lambda p: np.asarray(phases.phase(jnp.asarray(p, jnp.int32), t)).astype(np.int64)
  error = (at(i) - at(j) - at(i - j) + 2**31) % 2**32 - 2**31
  assert np.abs(error).max() <= 9


def test_every_eighth_of_a_turn():
  """Boundaries of the quarter reduction, where signs and swaps change."""
  u = np.concatenate([np.arange(-3, 4) + k * 2**29 for k in range(9)]) % 2**32
  cos, sin = phases.cos_sin_of_phase(jnp.asarray(u, jnp.uint32))
  angle = u / 2.0**32 * 2 * math.pi
  np.testing.assert_allclose(cos, np.cos(angle), atol=1.2e-7, rtol=0)
  np.testing.assert_allclose(sin, np.sin(angle), atol=1.2e-7, rtol=0)


def test_sine_all_around():
  """Both mirrors, their edges, and a million phases between."""
  edges = np.concatenate([np.arange(-3, 4) + k * 2**29 for k in range(9)]) % 2**32
  u = np.concatenate([edges, np.arange(0, 2**32, 4294)]).astype(np.uint32)
  sin = phases.sin_of_phase(jnp.asarray(u))
  np.testing.assert_allclose(sin, np.sin(u / 2.0**32 * 2 * math.pi), atol=1.4e-7, rtol=0)


def test_real_positions_and_frequencies_above_one_turn():
  positions = np.array([0.0, 0.5, -0.25, 3.125, 70_000.75], np.float32)
  radians = np.array([1.0, 0.01, 2 * math.pi * 2.5])
  cos, sin = phases.cos_sin(jnp.asarray(positions), radians)
  angles = positions.astype(np.float64)[:, None] * radians
  np.testing.assert_allclose(cos, np.cos(angles), atol=3e-7, rtol=0)
  np.testing.assert_allclose(sin, np.sin(angles), atol=3e-7, rtol=0)


def test_resolution_of_real_positions():
  """Neighbouring times 2^-20 apart at position 8 differ as they should."""
  t = np.array([8.0, 8.0 + 2.0**-20], np.float32)
  _, sin = phases.cos_sin(jnp.asarray(t), np.array([2 * math.pi * 64]))
  np.testing.assert_allclose(sin[1, 0] - sin[0, 0], math.sin(2 * math.pi * 64 * 2.0**-20),
                             rtol=1e-3)


def test_gradients_of_positions_and_frequencies():
  p, f = jnp.array([2.5, 100.25]), jnp.array([1.0, 0.03])
  weights = jnp.array([1.0, 2.0])[:, None, None]
  total = lambda p, f: jnp.sum(jnp.stack(phases.cos_sin(p, f)) * weights)
  dp, df = jax.grad(total, argnums=(0, 1))(p, f)
  angle = np.asarray(p, np.float64)[:, None] * np.asarray(f, np.float64)
  slope = -np.sin(angle) + 2 * np.cos(angle)
  np.testing.assert_allclose(dp, (slope * np.asarray(f)).sum(1), rtol=1e-4)
  np.testing.assert_allclose(df, (slope * np.asarray(p)[:, None]).sum(0), rtol=1e-4)
  exact = px.Rotary(4).frequencies  # fixed-point frequencies: positions still have a gradient
  dp = jax.grad(lambda p: jnp.sum(phases.cos_sin(p, exact)[1]))(p)
  radians = np.array([1.0, 0.01])
  np.testing.assert_allclose(dp, (np.cos(np.asarray(p)[:, None] * radians) * radians).sum(1),
                             rtol=1e-4)
  df = jax.grad(lambda f: jnp.sum(phases.cos_sin(jnp.arange(3), f)[1]))(f)  # integer positions
  angle = np.arange(3)[:, None] * np.asarray(f)
  np.testing.assert_allclose(df, (np.cos(angle) * np.arange(3)[:, None]).sum(0), rtol=1e-5)


def test_frequencies_keep_the_digits_they_are_given():
  radians = np.array([1.0, 1e-4, 3.7, 2 * math.pi * 5.25])
  np.testing.assert_allclose(phases.frequencies(radians).radians, radians, rtol=1e-15)


def test_float64(x64):
  cos, sin = phases.cos_sin(jnp.array([10**6]), np.array([1.0]), dtype=jnp.float64)
  assert cos.dtype == jnp.float64
  np.testing.assert_allclose([cos[0, 0], sin[0, 0]], [math.cos(1e6), math.sin(1e6)], atol=1e-8)
