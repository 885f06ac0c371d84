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


SIZES = [1e-4, -1e-4, 1e-2, -1e-2, 1.0, -1.0]


@pytest.mark.parametrize("known", [True, False])
def test_frequencies_of_either_sign(known):
  """Learned directions are negative half of the time: their words must not lose the low bits."""
  positions = np.array([0, 1, -1, 1000, 12_345, 10**6, -(10**6)])
  single = np.asarray(SIZES, np.float32)
  cos, sin = phases.cos_sin(jnp.asarray(positions), single if known else jnp.asarray(single))
  exact = positions[:, None] * single.astype(np.float64)
  error = np.angle(np.exp(1j * (np.arctan2(np.asarray(sin, np.float64), cos) - exact)))
  bound = 2e-7 + (0 if known else 1.3e-7 * np.abs(exact))
  assert (np.abs(error) <= bound).all(), np.abs(error).max(0)


def test_frequencies_of_either_sign_in_float64(x64):
  positions = np.array([1, -1, 10**6, -(10**6)])
  cos, sin = phases.cos_sin(jnp.asarray(positions, jnp.int32), jnp.asarray(SIZES),
                            dtype=jnp.float64)
  exact = positions[:, None] * np.asarray(SIZES)
  error = np.angle(np.exp(1j * (np.arctan2(np.asarray(sin), cos) - exact)))
  assert np.abs(error).max() <= 6e-9  # 3 units of 2^-32 turns


def test_negative_frequencies_have_gradients_and_real_positions():
  p, f = jnp.array([2.5, -7.25]), jnp.array([-0.3, 1e-3])
  total = lambda p, f: jnp.sum(phases.cos_sin(p, f)[1])
  dp, df = jax.grad(total, argnums=(0, 1))(p, f)
  angle = np.asarray(p, np.float64)[:, None] * np.asarray(f, np.float64)
  np.testing.assert_allclose(dp, (np.cos(angle) * np.asarray(f)).sum(1), rtol=1e-5)
  np.testing.assert_allclose(df, (np.cos(angle) * np.asarray(p)[:, None]).sum(0), rtol=1e-5)
  exact = phases.frequencies(np.asarray(f, np.float64))
  np.testing.assert_allclose(exact.float32(), f, rtol=1e-7)
  np.testing.assert_allclose(jax.jit(lambda t: t.radians)(exact), f, rtol=1e-7)
  np.testing.assert_allclose(jax.grad(lambda p: total(p, exact))(p), dp, rtol=1e-5)


def test_frequencies_are_no_array_and_say_so():
  f = px.rotary_frequencies(8)
  assert f.shape == (4,) and len(f) == 4
  np.testing.assert_allclose(f.tolist(), [1, 0.1, 0.01, 0.001], rtol=1e-15)
  for use in (np.asarray, jnp.asarray, lambda f: f * 2, lambda f: 2 / f, lambda f: f[0],
              lambda f: np.ones(4) * f):
    with pytest.raises(TypeError, match=r"Frequencies: got an exact object.*f\.radians"):
      use(f)
  through = jax.jit(lambda x, f: px.rotate(x, jnp.array([1_000_003]), f))
  x = jax.random.normal(jax.random.key(0), (1, 1, 8))
  wanted = oracles.rotate(np.asarray(x), [1_000_003], oracles.rotary_frequencies(8))
  np.testing.assert_allclose(through(x, f), wanted, atol=1e-6)  # off by 0.1 as float32


@pytest.mark.parametrize("frequencies, error, message", [
  (16, ValueError, r"frequencies: got 16, wanted \[r // 2\] radians.*px\.rotary_frequencies\("),
  (np.float64(0.5), ValueError, r"frequencies: got 0.5, wanted"),
  ("geometric", TypeError, r"frequencies: got 'geometric'"),
  (None, TypeError, r"frequencies: got None"),
  ([True, False], TypeError, r"frequencies: got list"),
  ([1.0, np.nan], ValueError, r"frequencies: got NaN, infinity"),
  ([1.0, np.inf], ValueError, r"frequencies: got NaN, infinity"),
  ([[1.0], [1.0, 2.0]], TypeError, r"frequencies: got list"),
])
@pytest.mark.parametrize("function", ["cos_sin", "rotate"])
def test_frequencies_that_are_none(frequencies, error, message, function):
  x = jnp.ones((2, 1, 4))
  with pytest.raises(error, match=message):
    if function == "rotate":
      px.rotate(x, jnp.arange(2), frequencies)
    else:
      phases.cos_sin(jnp.arange(2), frequencies)


def test_traced_radians_cannot_become_exact():
  with pytest.raises(TypeError, match="radians: got values that are traced"):
    jax.jit(lambda f: phases.frequencies(f).hi)(jnp.ones(2))


@pytest.mark.parametrize("bad, error, message", [
  ([0.0, np.nan], ValueError, "positions: got NaN or infinity"),
  (np.array([np.inf], np.float32), ValueError, "positions: got NaN or infinity"),
  (jnp.array([3e9]), ValueError, r"positions: got 3000000000.0, wanted positions below 2\^31"),
  (np.array([2**31]), ValueError, "positions: got 2147483648, wanted numbers of int32"),
  (np.array([1.7e9 + 0.123]), ValueError, "float32 moves by more than 0.001"),
  (["a"], TypeError, "positions: got list of str"),
  ([True], TypeError, "positions: got list of bool"),
  (None, TypeError, "positions: got None,"),
])
@pytest.mark.parametrize("use", ["cos_sin", "sinusoidal", "rotate", "log_n"])
def test_positions_that_are_none(bad, error, message, use):
  call = {"cos_sin": lambda p: phases.cos_sin(p, [1.0]),
          "sinusoidal": lambda p: px.sinusoidal(p, 4),
          "rotate": lambda p: px.rotate(jnp.ones((1, 1, 2)), p, [1.0]),
          "log_n": lambda p: px.log_n_temperature(p, 8)}[use]
  with pytest.raises(error, match=message):
    call(bad)


def test_numbers_are_no_words():
  with pytest.raises(TypeError, match=r"Frequencies: got .*, wanted three arrays of words. "
                     r"posenc_jax.phases.frequencies\(radians\)"):
    px.Frequencies([1.0, 2.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(bad):
  """A learned frequency that went astray would pass for a pair that stands still."""
  cos, sin = phases.cos_sin(jnp.arange(3), jnp.array([1.0, bad]))
  assert np.isnan(cos[:, 1]).all() and np.isnan(sin[:, 1]).all()
  np.testing.assert_allclose(cos[:, 0], np.cos(np.arange(3)), atol=1e-6)
  for frequencies in (px.rotary_frequencies(4), jnp.array([0.5, 0.25])):
    cos, sin = jax.jit(phases.cos_sin)(jnp.array([2.0, bad]), frequencies)
    assert np.isnan(cos[1]).all() and np.isnan(sin[1]).all() and np.isfinite(cos[0]).all()
