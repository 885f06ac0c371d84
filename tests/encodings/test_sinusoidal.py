# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Additive encodings against loops in exact arithmetic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles

POSITIONS = np.array([0, 1, 2, 255, 256, 257, 4095, 2**24 + 1, 10**9, 2**31 - 1, -1, -4096])


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
@pytest.mark.parametrize("ours, theirs", [("dim", "paper"), ("last", "tensor2tensor")])
@pytest.mark.parametrize("dim", [8, 7, 2, 1])
def test_sinusoidal_is_exact_at_any_position(layout, ours, theirs, dim):
  got = px.sinusoidal(jnp.asarray(POSITIONS, jnp.int32), dim, layout=layout, divisor=ours)
  wanted = oracles.sinusoidal(POSITIONS, dim, layout=layout, divisor=theirs)
  assert got.dtype == jnp.float32
  np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-7)


def test_sinusoidal_takes_batches_and_other_bases():
  positions = jnp.array([[0, 3], [5, 900_000]])
  got = px.sinusoidal(positions, 6, base=500.0)
  wanted = oracles.sinusoidal([0, 3, 5, 900_000], 6, base=500.0).reshape(2, 2, 6)
  np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-7)


def test_real_valued_positions_keep_a_millionth():
  """Times such as 12345.678 in float32 are exact numbers; the angle must not round them again."""
  positions = np.array([0.25, 1.75, 1234.0625, 99999.5], np.float32)
  got = px.sinusoidal(jnp.asarray(positions), 8)
  wanted = oracles.sinusoidal(positions.astype(np.float64), 8)
  np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-7)


def test_a_swept_base_stays_exact_and_a_traced_one_has_a_gradient():
  bases = np.array([100.0, 10_000.0])
  table = lambda e: e.inputs(jnp.zeros((1, 1, 8)), jnp.array([[10**9]]))
  swept = jax.jit(jax.vmap(table))(px.Sinusoidal(8, base=bases, scale=np.ones(2, np.float32)))
  for lane, base in zip(swept, bases, strict=True):
    wanted = oracles.sinusoidal([10**9], 8, base=base)
    np.testing.assert_allclose(lane[0], wanted, rtol=0, atol=2e-7)
  near = lambda base: px.sinusoidal(jnp.array([3]), 4, base=base)[0, 2]  # sin(3 / sqrt(base))
  slope = jax.grad(near)(100.0)
  np.testing.assert_allclose(slope, np.cos(0.3) * 3 * -0.5 * 100**-1.5, rtol=1e-5)


def test_the_tutorials_formulas():
  np.testing.assert_allclose(px.tutorial_growing_angle(5, 8), oracles.growing_sine(range(5), 8),
                             rtol=0, atol=2e-7)
  np.testing.assert_allclose(px.tutorial_doubled_exponent(5, 8),
                             oracles.doubled_exponent(range(5), 8), rtol=0, atol=2e-7)
  amplitude = np.array([0.5, 2.0, 1.0])
  got = px.tutorial_one_frequency(jnp.ones((2, 5, 3)), jnp.asarray(amplitude, jnp.float32))
  wanted = 1 + sum(oracles.one_frequency_pair(range(5), amplitude))
  np.testing.assert_allclose(got, np.stack([wanted, wanted]), rtol=0, atol=5e-7)
  got = px.tutorial_halved_matrix(jnp.ones((2, 5, 4)))
  wanted = 1 + oracles.halved_matrix(range(5), 4)
  np.testing.assert_allclose(got, np.stack([wanted, wanted]), rtol=0, atol=5e-7)


def test_what_the_halved_matrix_costs():
  """The docstring's numbers: period 5000, two different columns on a circle around 1/2."""
  added = np.asarray(px.tutorial_halved_matrix(jnp.zeros((10_000, 6))), np.float64)
  np.testing.assert_allclose(added[:5000], added[5000:], atol=2e-6)
  assert (added[:, :3] == added[:, :1]).all() and (added[:, 3:] == added[:, 3:4]).all()
  radius = np.hypot(added[:, 0] - 0.5, added[:, 3] - 0.5)
  np.testing.assert_allclose(radius, 0.5**0.5, atol=1e-6)
  assert 8.8e-4 < np.abs(np.diff(added, axis=0)).max() < 9e-4


def test_the_module_form_adds_the_first_rows():
  """The usual fixed-length module: x + table[:T]."""
  x = np.random.default_rng(0).standard_normal((2, 5, 8)).astype(np.float32)
  got = px.Sinusoidal(8).inputs(jnp.asarray(x), jnp.arange(5)[None])
  np.testing.assert_allclose(got, x + oracles.sinusoidal(range(5), 8), rtol=0, atol=5e-7)


def test_learned_adds_rows():
  table = np.random.default_rng(1).standard_normal((6, 3)).astype(np.float32)
  positions = np.array([[0, 1], [5, 2]])
  got = px.Learned(jnp.asarray(table)).inputs(jnp.ones((2, 2, 3)), jnp.asarray(positions))
  np.testing.assert_allclose(got[1], 1 + oracles.learned(positions[1], table), rtol=1e-6)
  shifted = px.lookup(jnp.asarray(table), jnp.array([0]), offset=2)
  np.testing.assert_array_equal(shifted[0], table[2])


def test_learned_outside_the_table():
  table = jnp.ones((4, 2))
  with pytest.raises(ValueError, match=r"got row 4, wanted rows 0 to 3.*at least 5 rows"):
    px.lookup(table, jnp.array([1, 4]))
  with pytest.raises(ValueError, match=r"got row -1.*start at 0"):
    px.lookup(table, jnp.array([-1]))
  rows = jax.jit(px.lookup)(table, jnp.array([-1, 3, 4, 9999]))
  np.testing.assert_array_equal(np.isnan(np.asarray(rows[:, 0])), [True, False, True, True])


@pytest.mark.parametrize("call, message", [
  (lambda: px.sinusoidal(jnp.arange(2), 0), r"d_model: got 0, wanted an int, at least 1"),
  (lambda: px.sinusoidal(jnp.arange(2), 4, base=0.0), r"base: got 0.0, wanted a positive"),
  (lambda: px.sinusoidal(jnp.arange(2), 4, base=-2.0), r"base: got -2.0, wanted a positive"),
  (lambda: px.sinusoidal(jnp.arange(2), 4, layout="half"), r"layout: .*Did you mean 'halves'"),
  (lambda: px.sinusoidal(jnp.arange(2), 4, divisor="dims"), r"divisor: .*Did you mean 'dim'"),
  (lambda: px.tutorial_doubled_exponent(2, 3), r"d_model: got 3, wanted an even width"),
  (lambda: px.tutorial_halved_matrix(jnp.ones((2, 3))), r"x: got width 3, wanted an even width"),
  (lambda: px.Sinusoidal(4).inputs(jnp.ones((1, 2, 6)), jnp.arange(2)[None]),
   r"x: got width 6, wanted the width 4"),
  (lambda: px.Learned(jnp.ones((3, 4))).inputs(jnp.ones((1, 2, 6)), jnp.arange(2)[None]),
   r"x: got width 6, wanted the width 4"),
  (lambda: px.Learned.init(jax.random.key(0), 0, 4), r"length: got 0, wanted an int, at least 1"),
])
def test_errors(call, message):
  with pytest.raises(ValueError, match=message):
    call()


@pytest.mark.parametrize("dtype, limit", [(jnp.bfloat16, 256), (jnp.float16, 2048)])
def test_narrow_positions_are_refused(dtype, limit):
  with pytest.raises(TypeError, match=rf"positions: got {jnp.dtype(dtype).name}.*above {limit}"):
    px.sinusoidal(jnp.arange(2).astype(dtype), 4)
  with pytest.raises(TypeError, match="wanted integers"):
    px.lookup(jnp.ones((3, 2)), jnp.ones(2, dtype))
