# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary encodings against complex rotations in exact arithmetic and against other packages."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions
from tests import oracles
from tests.goldens import load


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("dim", [8, 4])
def test_rotate(rng, pairing, dim):
  positions = [0, 1, 257, 10**6, 2**31 - 1, -5]
  x = rng.standard_normal((6, 2, 8))
  got = px.rotate(jnp.asarray(x, jnp.float32), jnp.asarray(positions, jnp.int32),
                  px.rotary_frequencies(dim, base=10_000.0), pairing=pairing)
  wanted = oracles.rotate(x, positions, oracles.rotary_frequencies(dim), pairing=pairing)
  np.testing.assert_allclose(got, wanted, rtol=0, atol=3e-6)


def test_rotate_takes_batches_shared_positions_and_scaling(rng):
  x = jnp.asarray(rng.standard_normal((2, 3, 4, 2, 8)), jnp.float32)
  shared = px.rotate(x, jnp.arange(4), px.rotary_frequencies(8))
  each = px.rotate(x, jnp.broadcast_to(jnp.arange(4), (2, 3, 4)), px.rotary_frequencies(8))
  np.testing.assert_array_equal(shared, each)
  np.testing.assert_allclose(px.rotate(x, jnp.arange(4), px.rotary_frequencies(8), scaling=1.5),
                             1.5 * shared, rtol=1e-6, atol=1e-6)


def test_rotate_keeps_norms_and_the_relative_law(rng):
  q, k = (jnp.asarray(rng.standard_normal((1, 1, 16)), jnp.float32) for _ in range(2))
  at = lambda x, p: px.rotate(x, jnp.array([p]), px.rotary_frequencies(16))
  np.testing.assert_allclose(jnp.linalg.norm(at(q, 77)), jnp.linalg.norm(q), rtol=1e-6)
  near = jnp.sum(at(q, 9) * at(k, 2))
  far = jnp.sum(at(q, 9 + 2**30) * at(k, 2 + 2**30))
  np.testing.assert_allclose(near, far, atol=1e-5)


def test_frequencies_match_the_paper():
  np.testing.assert_allclose(px.rotary_frequencies(64, base=500_000.0).radians,
                             [float(f) for f in oracles.rotary_frequencies(64, base=500_000.0)],
                             rtol=1e-12)


@pytest.mark.parametrize("name, pairing", [("llama", "half"), ("gptj", "interleaved")])
def test_against_transformers(name, pairing):
  g = load("hf_rotary")
  positions = jnp.asarray(g["positions"], jnp.int32)
  near = g["positions"][0] < 4096  # beyond, that package's float32 angles are the ones that are off
  assert near.sum() >= 5
  for side in "qk":
    x = jnp.asarray(np.swapaxes(g[side], 1, 2), jnp.float32)
    got = np.asarray(px.rotate(x, positions, px.rotary_frequencies(16), pairing=pairing))
    wanted = np.swapaxes(g[f"{name}_{side}"], 1, 2)
    np.testing.assert_allclose(got[:, near], wanted[:, near], atol=3e-4, rtol=0)


def test_encoding_is_exact_through_jit_and_sweeps():
  far = jnp.array([2**31 - 1, 10**9])
  x = jnp.ones((2, 1, 4))
  turn = jax.jit(lambda e, x: e.qk(x, x, far, far)[0])
  wanted = oracles.rotate(np.ones((2, 1, 4)), [2**31 - 1, 10**9], oracles.rotary_frequencies(4))
  np.testing.assert_allclose(turn(px.Rotary(4), x), wanted, atol=5e-7)
  swept = px.Rotary(4, base=np.array([10_000.0, 77.0]), attention_scaling=np.ones(2, np.float32))
  lanes = jax.vmap(turn, in_axes=(0, None))(swept, x)
  wanted = oracles.rotate(np.ones((2, 1, 4)), [2**31 - 1, 10**9],
                          oracles.rotary_frequencies(4, base=77.0))
  np.testing.assert_allclose(lanes[1], wanted, atol=5e-7)


def test_dtypes(x64):
  x = jnp.ones((2, 1, 4))
  assert x.dtype == jnp.float64
  got = px.rotate(x, jnp.arange(2), px.rotary_frequencies(4))
  assert got.dtype == jnp.float64
  np.testing.assert_allclose(
    got, oracles.rotate(np.ones((2, 1, 4)), [0, 1], oracles.rotary_frequencies(4)), atol=1e-8)
  narrow = px.rotate(x.astype(jnp.bfloat16), jnp.arange(2), px.rotary_frequencies(4))
  assert narrow.dtype == jnp.bfloat16


def test_from_hf_matches_transformers():
  g = load("hf_rope_scaling")
  cases = sorted(name[:2] for name in g if name.endswith("_config"))
  assert len(cases) >= 20
  for n in cases:
    length = int(g[f"{n}_length"]) or None
    e = px.from_hf(json.loads(str(g[f"{n}_config"])), length=length)
    wanted = g[f"{n}_inv_freq"]
    assert e.frequencies.shape == wanted.shape
    np.testing.assert_allclose(e.frequencies.radians, wanted, rtol=5e-7, atol=1e-12, err_msg=n)
    np.testing.assert_allclose(e.attention_scaling, g[f"{n}_factor"], rtol=1e-6, err_msg=n)


def test_from_hf_reads_files_objects_and_both_spellings(tmp_path):
  config = {"model_type": "gptj", "rotary_dim": 4, "hidden_size": 16, "num_attention_heads": 2}
  path = tmp_path / "config.json"
  path.write_text(json.dumps(config))
  from_file = px.from_hf(path)
  assert from_file.pairing == "interleaved" and from_file.frequencies.tolist() == [1.0, 0.01]

  class Config:
    def to_dict(self):
      return {"head_dim": 4, "rope_parameters": {"rope_type": "linear", "factor": 2,
                                                 "rope_theta": 100.0}}
  assert px.from_hf(Config()).frequencies.tolist() == [0.5, 0.05]


YARN = {"dim": 64, "factor": 4.0, "original": 2048}


@pytest.mark.parametrize("call, message", [
  (lambda: px.Rotary(7), r"dim: got 7, wanted an even rotary dimension. Rotate 6"),
  (lambda: px.rotary_frequencies(0), r"dim: got 0"),
  (lambda: px.Rotary(8, base=0.0), r"base: got 0.0, wanted a positive"),
  (lambda: px.Rotary(8, pairing="halves"), r"pairing: .*Did you mean 'half'"),
  (lambda: px.rotate(jnp.ones((2, 1, 4)), jnp.arange(2), px.rotary_frequencies(8)),
   r"frequencies: got 4 pairs, wanted at most 2 for head dim 4"),
  (lambda: px.rotate(jnp.ones((2, 1, 4)), jnp.arange(3), px.rotary_frequencies(4)),
   r"positions: got shape \(3,\), wanted .* with T = 2"),
  (lambda: px.rotate(jnp.ones((2, 1, 4)), jnp.ones((1, 2), jnp.int32), px.rotary_frequencies(4)),
   r"positions: got shape \(1, 2\), wanted .* at most 0 batch axes"),
  (lambda: functions.yarn_frequencies(**YARN, beta_fast=1.0, beta_slow=32.0),
   r"beta_fast, beta_slow: got \(1.0, 32.0\)"),
  (lambda: functions.yarn_frequencies(64, factor=0.0, original=8), r"factor: got 0.0"),
  (lambda: functions.longrope_frequencies(8, [1.0]), r"factors: got 1 numbers, wanted 4"),
  (lambda: functions.longrope_frequencies(4, [1.0, -1.0]), r"factors: got .*positive"),
  (lambda: functions.ntk_base(1e4, 2.0, 2), r"dim: got 2, wanted more than 2"),
  (lambda: functions.proportional_frequencies(8, 1.5), r"proportion: got 1.5"),
  (lambda: functions.llama3_frequencies(8, factor=8.0, low_freq_factor=4.0,
                                           high_freq_factor=1.0, original=8192),
   r"high_freq_factor: got 1.0"),
  (lambda: px.from_hf({"head_dim": 8, "rope_scaling": {"rope_type": "yarm"}}),
   r"rope_type: got 'yarm'.*Did you mean 'yarn'"),
  (lambda: px.from_hf({"hidden_size": 8, "rope_theta": 1e4}),
   r"config: got no 'num_attention_heads'"),
  (lambda: px.from_hf({"head_dim": 8, "rope_parameters": {"full": {"rope_theta": 1.0}}}),
   r"rope_parameters: got settings for each of \['full'\]"),
])
def test_errors(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_type_errors():
  with pytest.raises(TypeError, match="config: got list"):
    px.from_hf([])
  with pytest.raises(TypeError, match="positions: got bfloat16"):
    px.rotate(jnp.ones((2, 1, 4)), jnp.arange(2).astype(jnp.bfloat16), px.rotary_frequencies(4))


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize(("h", "r"), [(8, 8), (8, 4), (12, 4), (10, 4)])
def test_partial_rotation_turns_the_first_dims_alone(h, r, pairing):
  x = np.random.default_rng(0).standard_normal((5, 2, h)).astype(np.float32)
  x[..., r:][0] = np.inf  # and what passes is not touched, whatever it is
  theta, want = 7.0 ** -np.arange(r // 2), x.astype(np.float64)
  for t in range(5):
    for i in range(r // 2):
      a, b = (i, i + r // 2) if pairing == "half" else (2 * i, 2 * i + 1)
      turn = np.exp(1j * 2 * t * theta[i]) * (x[t, :, a] + 1j * x[t, :, b].astype(np.float64))
      want[t, :, a], want[t, :, b] = turn.real, turn.imag
  rotate = functools.partial(px.functions.rotate, frequencies=theta, pairing=pairing)
  got = jax.jit(rotate)(jnp.asarray(x), 2 * jnp.arange(5))
  np.testing.assert_allclose(got, want, atol=1e-5)
  pull = jax.vjp(lambda x: rotate(x, 2 * jnp.arange(5)), jnp.asarray(x))[1](jnp.ones_like(x))[0]
  back = rotate(jnp.ones_like(x), -2 * jnp.arange(5))  # a rotation's transpose turns back
  np.testing.assert_allclose(pull, back, atol=1e-5)
