# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context extension by other frequencies: against loops, against transformers, and past L0."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from posenc_jax import nn
from posenc_jax.methods import Sizes, builders
from tests import oracles
from tests.goldens import load
from tests.oracles import rope_scaling
from tests.oracles.on_read import remapped_attention

SHAPES = [(64, 10_000.0, 2048), (128, 10_000.0, 4096), (128, 1e6, 32_768), (64, 1.5e5, 4096)]


@pytest.mark.parametrize("dim, base, original", SHAPES)
@pytest.mark.parametrize("name, ours", [
  ("by_parts", f.by_parts_frequencies),
  ("yarn", f.yarn_frequencies),
  ("llama3", f.llama3_frequencies),
  ("mrrope", f.mrrope_frequencies),
])
def test_frequencies_are_the_papers(name, ours, dim, base, original):
  got = ours(dim, factor=8.0, base=base, original=original)
  wanted = getattr(rope_scaling, name)(dim, factor=8.0, original=original, base=base)
  np.testing.assert_allclose(got, wanted, rtol=1e-12)
  assert got.dtype == np.float64


def test_simple_frequencies():
  plain = np.array(rope_scaling.plain(64, 10_000.0))
  np.testing.assert_allclose(f.linear_frequencies(64, 4.0), plain / 4, rtol=1e-12)
  np.testing.assert_allclose(f.resonance_frequencies(plain), rope_scaling.resonance(plain),
                             rtol=1e-12)
  grown = px.rotary_frequencies(64, base=f.ntk_base(10_000.0, 4.0, 64)).radians
  np.testing.assert_allclose(plain[[0, -1]] / grown[[0, -1]], [1, 4], rtol=1e-12)
  assert f.resonance_frequencies([0.0, 1.0]).tolist() == [0.0, 2 * math.pi / 6]


def test_resonance_meets_the_same_angles_again():
  """Whole wavelengths: a pair's angles at L0 and beyond are those of positions before."""
  theta = f.resonance_frequencies(f.yarn_frequencies(32, factor=4.0, original=512))
  fast = theta[theta > 2 * math.pi / 512]
  wavelength = np.rint(2 * math.pi / fast)
  for at in (512, 1777):
    near = np.exp(1j * fast * (at % wavelength))
    np.testing.assert_allclose(np.exp(1j * fast * at), near, atol=1e-10)


def test_yarn_ramps():
  """Both ramps end between the same pairs, 20 and 46, and differ between; truncate moves ends."""
  plain = np.array(rope_scaling.plain(128, 10_000.0))
  of = lambda **more: plain / f.yarn_frequencies(128, factor=8.0, original=4096, **more)
  pairs, turns, exact = of(), of(ramp="turns"), of(truncate=False)
  np.testing.assert_allclose(pairs[:21], 1)
  np.testing.assert_allclose(pairs[46:], 8)
  assert pairs[21] > 1 and pairs[45] < 8
  np.testing.assert_allclose(turns[[20, 46]], [1, 8])
  assert 1 < turns[21] < turns[45] < 8
  assert np.abs(pairs - turns).max() > 0.5 and np.abs(pairs - exact).max() > 1e-3
  assert f.yarn_attention_scaling(16.0) == 0.1 * math.log(16) + 1
  assert f.yarn_attention_scaling(16.0, 1.0, 1.0) == 1.0 == f.yarn_attention_scaling(0.5)
  g = lambda m: 0.1 * m * math.log(40) + 1
  assert f.yarn_attention_scaling(40.0, 0.707, 1.0) == g(0.707) / g(1.0)


def test_against_transformers():
  golden = load("extension")
  assert "transformers 5" in " ".join(golden["versions"])
  alpha = px.Rotary(64, base=f.ntk_base(10_000.0, 1000.0, 64)).frequencies.radians
  np.testing.assert_allclose(alpha, golden["hunyuan_alpha"], rtol=5e-7)
  e = px.from_hf({"model_type": "hunyuan_v1_dense", "head_dim": 64, "rope_parameters": {
    "rope_type": "dynamic", "alpha": 1000.0, "rope_theta": 10_000.0, "factor": 1.0}}, length=9**9)
  np.testing.assert_array_equal(e.frequencies.radians, alpha)
  turns = f.yarn_frequencies(64, factor=8.0, original=2048, ramp="turns")
  np.testing.assert_allclose(turns, golden["turns_ramp"], rtol=5e-7)


def _pinned(length):
  return {
    "dynamic-ntk": f.dynamic_ntk_rotary(8, length=length, original=3, factor=2.0),
    "dynamic-yarn": f.dynamic_yarn_rotary(8, length=length, original=2),
    "longrope": f.longrope_rotary(8, short_factors=[1, 1, 1, 1], long_factors=[1, 2, 3, 4],
                                  length=length, original=3, factor=3.0)}


@pytest.mark.parametrize("name", ["dynamic-ntk", "dynamic-yarn", "longrope"])
def test_frequencies_may_follow_the_length(name, rng):
  """Raw keys: each step of a growing sequence is the last row of a full forward of its length."""
  q, k, v = (jnp.asarray(rng.standard_normal((1, 6, n, 8)), jnp.float32) for n in (4, 2, 2))
  traces = []

  @jax.jit
  def step(e, q, k, v, at, count):
    traces.append(1)
    seen = (jnp.arange(6) < count)[None, None, None]
    return px.attend(q, k, v, e, q_positions=at, k_positions=jnp.arange(6)[None], mask=seen)

  cached = px.prepare(q, k, v, _pinned(9)[name], jnp.arange(6)[None], jnp.arange(6)[None])[1]
  np.testing.assert_array_equal(cached, k)
  for t in (1, 5):
    e = _pinned(t + 1)[name]
    full = px.attend(q[:, :t + 1], k[:, :t + 1], v[:, :t + 1], e, causal=True)[:, -1:]
    got = step(e, q[:, t:t + 1], cached, v, jnp.full((1, 1), t), t + 1)
    np.testing.assert_allclose(got, full, atol=2e-6)
  stale = px.attend(q, k, v, _pinned(1)[name], causal=True)[:, -1:]
  assert len(traces) == 1 and float(jnp.abs(stale - full).max()) > 1e-4


def test_the_whole_attention_past_the_trained_length(rng):
  q, k, v = (rng.standard_normal((6, n, 8)) for n in (4, 2, 2))
  e = f.dynamic_ntk_rotary(8, length=6, original=3, factor=2.0)
  base = 10_000.0 * (2.0 * 6 / 3 - 1) ** (8 / 6)
  wanted = remapped_attention(q, k, v, range(6), range(6), rope_scaling.plain(8, base),
                              lambda m, n: m - n,
                              mask=oracles.visible(range(6), range(6), causal=True))
  got = px.attend(*(jnp.asarray(x[None], jnp.float32) for x in (q, k, v)), e, causal=True)
  np.testing.assert_allclose(got[0], wanted, atol=2e-6)
  pinned = px.Rotary(8, base=base)
  np.testing.assert_allclose(px.attend(*(jnp.asarray(x, jnp.float32) for x in (q, k, v)), pinned,
                                       causal=True), wanted, atol=2e-6)


def test_generation_past_the_trained_length_with_a_model():
  from flax import nnx

  e = f.dynamic_ntk_rotary(8, length=7, original=3, factor=2.0)
  model = nn.TransformerLM(11, 16, 1, 2, encoding=e, rngs=nnx.Rngs(0))
  tokens = jnp.array([[1, 2, 3, 4, 5, 6, 7]])
  full, cache, steps = model(tokens), model.init_cache(1, 7), []
  for t in range(7):
    out, cache = model(tokens[:, t:t + 1], cache=cache)
    steps.append(out)
  np.testing.assert_allclose(jnp.concatenate(steps, 1), full, atol=1e-5)


def test_dynamic_factors():
  assert f.dynamic_yarn_factor(4096, 1024) == 4.0 == f.dynamic_yarn_factor(
    4096, 1024, compat="released-code")
  assert f.dynamic_yarn_factor(256, 1024) == 1.0
  short = f.dynamic_yarn_rotary(8, length=256, original=1024, compat="released-code")
  assert short.frequencies.radians[-1] > px.Rotary(8).frequencies.radians[-1]
  assert px.Rotary(8).frequencies.tolist() == f.dynamic_ntk_rotary(
    8, length=5, original=8, factor=3.0).frequencies.tolist()


def test_search_finds_factors_and_repeats_itself():
  wanted = np.array([1.0, 1.2, 2.5, 4.0])
  asked = []

  def loss(factors):
    asked.append(tuple(factors.tolist()))
    return float("nan") if factors[0] > 4.5 else float(np.square(factors - wanted).sum())

  found, best, history = f.longrope_search(loss, 8, factor=4.0, seed=1)
  assert best == pytest.approx(np.square(found - wanted).sum()) and best < 0.05
  assert len(history) == 41 and history == sorted(history, reverse=True)
  assert len(set(asked)) == len(asked) <= 64 + 40 * 32
  lists = np.array(asked)
  assert (np.diff(lists, axis=1) >= 0).all() and lists.min() >= 1 and lists.max() <= 5
  np.testing.assert_allclose(np.rint(lists * 100), lists * 100, atol=1e-9)
  again = f.longrope_search(loss, 8, factor=4.0, seed=1)
  np.testing.assert_array_equal(again[0], found)
  assert again[1:] == (best, history)


def test_builds_follow_the_sizes():
  sizes, key = Sizes(64, 4, 16, 512, 128), jax.random.key(0)
  made = lambda name, **settings: builders()[name](sizes, key, **settings)
  plain = px.Rotary(16).frequencies.radians
  np.testing.assert_allclose(made("rotary-linear").frequencies.radians, plain / 4)
  assert float(made("rotary-yarn").attention_scaling) == np.float32(f.yarn_attention_scaling(4.0))
  assert made("rotary-abf").frequencies.radians[-1] < made("rotary-ntk").frequencies.radians[-1]
  np.testing.assert_allclose(made("rotary-dynamic-ntk", factor=2.0).frequencies.radians[-1],
                             plain[-1] / (2 * 4 - 1))
  wavelengths = 2 * math.pi / made("rotary-resonance", factor=4.0, original=128).frequencies.radians
  np.testing.assert_allclose(wavelengths, np.rint(wavelengths), rtol=1e-12)
  assert (made("rotary-proportional").frequencies.radians == 0).sum() == 2
  with pytest.raises(TypeError, match="rotary|yarn.*facto"):
    made("rotary-yarn", facto=3.0)


@pytest.mark.parametrize("call, error, message", [
  (lambda: f.linear_frequencies(8, 0.0), ValueError, r"factor: got 0.0, wanted a positive"),
  (lambda: f.yarn_frequencies(8, factor=2.0, original=8, ramp="pair"), ValueError,
   r"ramp: got 'pair', wanted one of pairs, turns. Did you mean 'pairs'"),
  (lambda: f.yarn_frequencies(8, factor=2.0, original=8, ramp="turns", truncate=False), ValueError,
   r"truncate: got False, wanted None with ramp='turns'. Only"),
  (lambda: f.by_parts_frequencies(8, factor=2.0, original=0), ValueError, r"original: got 0"),
  (lambda: f.mrrope_frequencies(8, factor=2.0, original=8, beta_fast=0.5), ValueError,
   r"beta_fast, beta_slow: got \(0.5, 1.0\)"),
  (lambda: f.resonance_frequencies([-1.0]), ValueError, r"frequencies: got -1.0, wanted none"),
  (lambda: f.resonance_frequencies(jnp.ones(2)), TypeError, r"frequencies: got float32\[2\]"),
  (lambda: f.dynamic_yarn_factor(0, 8), ValueError, r"length: got 0"),
  (lambda: f.dynamic_yarn_factor(8, 8, compat="code"), ValueError, r"compat: got 'code'"),
  (lambda: f.dynamic_yarn_rotary(8, length=8, original=8, beta=2), TypeError,
   r"dynamic_yarn_rotary: got an argument 'beta'"),
  (lambda: f.longrope_search(sum, 8, factor=0.5, seed=0), ValueError, r"factor, probability: got"),
  (lambda: f.longrope_search(sum, 8, factor=2.0, seed=0, rounds=0), ValueError, r"rounds: got 0"),
  (lambda: jax.jit(lambda b: f.linear_frequencies(8, 2.0, base=b))(1e4), TypeError,
   r"base: got .*, wanted one number, known on the host. They are edited in float64"),
])
def test_errors(call, error, message):
  with pytest.raises(error, match=message):
    call()
