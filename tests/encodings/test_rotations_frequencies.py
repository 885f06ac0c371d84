# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations with other frequencies, against their oracles, other packages and papers' numbers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from posenc_jax.encodings.rotations import _ladders
from tests import oracles
from tests.goldens import load
from tests.oracles import fope, lerope, rope_pp, xpos
from tests.support import jitted as jx

KEY = jax.random.key(0)
FAR = np.array([0, 1, 257, 10**6, 2**30], np.int32)


def near(got, wanted, atol=3e-6):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


def test_partial_and_trailing(rng):
  x = jnp.asarray(rng.standard_normal((5, 1, 16)), jnp.float32)
  turn = lambda e: e.qk(x, x, FAR, FAR)[0]
  first = oracles.rotate(np.asarray(x), FAR, oracles.rotary_frequencies(4))
  near(turn(f.partial_rotary(16)), first)
  last = np.concatenate([x[..., :12], oracles.rotate(np.asarray(x)[..., 12:], FAR,
                                                     oracles.rotary_frequencies(4))], -1)
  near(turn(f.trailing_rotary(16, 4)), last)
  both = f.trailing_rotary(16, 4, values=True)
  near(both.outputs(both.values(x, FAR), FAR), x)
  neox = load("hf_rotary")
  q = neox["q"][0].transpose(1, 0, 2)
  at = neox["positions"][0].astype(np.int32)
  got = f.partial_rotary(16).qk(*(jnp.asarray(q, jnp.float32),) * 2, at, at)[0]
  near(got, neox["neox_q"][0].transpose(1, 0, 2), 2e-3)


def test_proportional_keeps_exact_words():
  e = f.proportional_rotary(16, 0.5)
  plain = px.rotary_frequencies(16)
  assert e.frequencies.tolist() == px.functions.proportional_frequencies(16, 0.5).tolist()
  np.testing.assert_array_equal(e.frequencies.lo[:4], plain.lo[:4])
  traced = jax.jit(lambda b: f.proportional_rotary(16, 0.5, base=b).frequencies)(1e4)
  near(traced, e.frequencies.tolist(), 1e-6)


def test_hope_and_clipped_by_hand():
  """theta = 1, 0.1, 0.01, 0.001 have periods 6.3, 63, 628, 6283."""
  assert f.hope_rotary(8, 700).frequencies.tolist() == [1.0, 0.1, 0.01, 0.0]
  assert f.hope_rotary(8, 62).frequencies.tolist() == [1.0, 0.0, 0.0, 0.0]
  traced = jax.jit(lambda b: f.hope_rotary(8, 700, base=b).frequencies)(1e4)
  near(traced, [1.0, 0.1, 0.01, 0.0], 1e-7)
  near(f.clipped_rotary(8, count=3).frequencies.tolist(), [1.0, 0.1, 0.005, 0.0], 1e-15)
  assert f.clipped_rotary(8, 700, taper="hard").frequencies.tolist() == [1.0, 0.1, 0.01, 0.0]
  theta = px.rotary_frequencies(128, base=5e5).radians  # the paper's: the slowest 20 of 64
  got = f.clipped_rotary(128, count=20, base=5e5).frequencies.radians
  wanted = [theta[44 + j] * (1 + math.cos(math.pi * j / 19)) / 2 for j in range(20)]
  np.testing.assert_array_equal(got[:44], theta[:44])
  near(got[44:], wanted, 1e-18)
  traced = jax.jit(lambda b: f.clipped_rotary(8, count=3, base=b).frequencies)(1e4)
  near(traced, [1.0, 0.1, 0.005, 0.0], 1e-7)


def test_a_pair_that_stands_still_is_unchanged_far_away(rng):
  x = jnp.asarray(rng.standard_normal((5, 1, 8)), jnp.float32)
  got = f.hope_rotary(8, 62, pairing="interleaved").qk(x, x, FAR, FAR)[0]
  np.testing.assert_array_equal(got[..., 2:], x[..., 2:])


def test_ladders_join_exact_and_traced():
  exact = px.rotary_frequencies(4)
  assert _ladders.joined([exact, exact]).tolist() == [1.0, 0.01, 1.0, 0.01]
  near(_ladders.joined([exact, jnp.ones(1)]), [1.0, 0.01, 1.0], 1e-7)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_lerope(rng, pairing):
  x, alpha = rng.standard_normal((4, 2, 8)), np.array([0.0, 0.1, -0.3, 0.02], np.float32)
  at = np.array([0, 1, 257, 4000], np.int32)
  got = f.lerope_rotate(jnp.asarray(x, jnp.float32), at, px.rotary_frequencies(8), alpha,
                        pairing=pairing)
  wanted = lerope.lerope_rotate(x, at, oracles.rotary_frequencies(8), alpha, pairing=pairing)
  near(got, wanted, 5e-5)  # alpha is float32: 6e-8 of an angle of 400 radians
  near(got[:3], wanted[:3])


def test_lerope_agrees_with_mistral_large_4():
  golden = load("rotations_axes")
  x, at, alpha = (golden[f"lerope_{n}"] for n in ("x", "at", "alpha"))
  e = px.LeRotary(2 * len(alpha), alpha=alpha)
  near(e.qk(jnp.asarray(x), jnp.asarray(x), at, at)[0], golden["lerope"], 2e-5)


def test_lerope_starts_as_rotary_at_any_position(rng):
  x = jnp.asarray(rng.standard_normal((5, 1, 8)), jnp.float32)
  e = px.LeRotary(8)
  np.testing.assert_array_equal(e.qk(x, x, FAR, FAR)[0],
                                px.rotate(x, FAR, px.rotary_frequencies(8)))
  assert px.is_parameter(e).alpha and not px.is_parameter(e).frequencies.hi
  slope = jax.grad(lambda a: px.LeRotary(8, alpha=a).qk(x, x, FAR, FAR)[0].sum())
  assert np.isfinite(slope(jnp.zeros(4))).all()


def test_xpos_chooses_blocks_that_powers_can_hold():
  assert px.XPos(8).block == 16_384 and px.XPos(8, scale_base=20.0).block == 512
  assert jax.jit(lambda s: px.XPos(8, scale_base=s))(20.0).block == 16_384


def xpos_weights(q, k, v, e, at):
  n = len(at)
  run = lambda x: jnp.asarray(x, jnp.float32)
  return jx.attend(run(q), run(k), run(v), e, q_positions=at, k_positions=at, causal=True,
                   q_order=np.arange(n), k_order=np.arange(n))


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("at", [
  np.arange(6), np.arange(6) + 2**30, np.array([0, 10, 500, 3000, 9000, 20000])],
  ids=["near", "far", "wide"])
def test_xpos_by_attention(rng, at, pairing):
  q, k, v = rng.standard_normal((3, 6, 2, 8))
  at = at.astype(np.int32)
  theta = oracles.rotary_frequencies(8)
  score = lambda h, t, s: xpos.xpos_score(q[t, h], k[s, h], int(at[t]), int(at[s]), theta,
                                          pairing=pairing) / 8**0.5 if s <= t else 0.0
  wanted = oracles.attention(q, k, v, score=score, mask=np.tril(np.ones((6, 6), bool)))
  near(xpos_weights(q, k, v, px.XPos(8, pairing=pairing), at), wanted, 2e-5)


def test_xpos_agrees_with_torchscale():
  golden = load("rotations_axes")
  q, k = (jnp.asarray(golden[n])[:, None] for n in ("xpos_q", "xpos_k"))
  e, at = px.XPos(16, pairing="interleaved"), np.arange(9)
  q, k = e.expand(*e.qk(q, k, at, at), at, at)
  near((q[:, 0] @ k[:, 0].T), golden["xpos_scores"], 1e-5)


@pytest.mark.parametrize("dtype, atol", [(jnp.float32, 2e-5), (jnp.bfloat16, 0.1),
                                         (jnp.float16, 0.02)])
def test_xpos_is_finite_where_powers_of_one_centre_are_not(rng, dtype, atol):
  """200 000 tokens apart: a decode step equals the same tokens near 0, and gradients are finite."""
  q, k, v = (jnp.asarray(x, dtype) for x in rng.standard_normal((3, 4, 1, 8)))
  e = px.XPos(8)
  keys = np.array([0, 150_000, 199_990, 200_000], np.int32)

  def run(q, k, shift):
    return jx.attend(q[-1:], k, v, e, q_positions=keys[-1:] - shift, k_positions=keys - shift)

  near(run(q, k, 0).astype(jnp.float32), run(q, k, 190_000).astype(jnp.float32), atol)
  slope = jax.grad(lambda q, k: run(q, k, 0).astype(jnp.float32).sum(), argnums=(0, 1))(q, k)
  assert all(np.isfinite(np.asarray(s, np.float32)).all() for s in slope)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_xpos_blocks_of_rows_change_no_score(rng, pairing):
  q, k = (jnp.asarray(rng.standard_normal((8, 2, 8)), jnp.float32) for _ in range(2))
  at, scales = jnp.arange(8) * 3, f.xpos_scales(6)
  wide = [f.xpos_expand(q, k, at, at, scales, scale_base=200.0, pairing=pairing, block=b)
          for b in (16_384, 3)]
  assert wide[1][0].shape == (8, 2, 24) and wide[1][1].shape == (8, 2, 24)
  one, three = (np.einsum("tnh,snh->nts", *x) for x in wide)
  seen = np.tril(np.ones((8, 8), bool))
  near(np.where(seen, one, 0), np.where(seen, three, 0), 1e-4)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("released", [False, True])
def test_fope(rng, pairing, released):
  e = px.Fope.init(KEY, 2, 16, 700, gain=0.5, pairing=pairing,
                   compat="released-code" if released else "paper")
  assert e.frequencies.shape == (5,) and e.cos_mix.shape == (2, 5, 4)
  x = rng.standard_normal((3, 4, 16))
  at = np.array([0, 7, 2**30], np.int32)
  got = e.qk(*(jnp.asarray(y, jnp.float32) for y in (x, x[:, :2])), at, at)
  theta = oracles.rotary_frequencies(16)[:5]
  mixes = [np.asarray(m, np.float64) for m in (e.cos_mix, e.sin_mix)]
  for y, g in zip((x, x[:, :2]), got, strict=True):
    near(g, fope.fope_rotate(y, at, theta, *mixes, pairing=pairing, released=released), 2e-5)


def test_fope_is_rotary_without_noise(rng):
  """As many mixed pairs as frequencies: the identity. The pairs beyond stand still, or do not."""
  x = jnp.asarray(rng.standard_normal((5, 1, 16)), jnp.float32)
  kept = px.Fope.init(KEY, 1, 16, 70, gain=0.0)
  assert kept.cos_mix.shape == (1, 3, 3)
  hope = f.hope_rotary(16, 70)
  near(kept.qk(x, x, FAR, FAR)[0], hope.qk(x, x, FAR, FAR)[0])
  fault = kept.replace(compat="released-code").qk(x, x, FAR, FAR)[0]
  gain = np.linalg.norm(fault[..., [7, 15]], axis=-1) / np.linalg.norm(x[..., [7, 15]], axis=-1)
  near(gain, np.full((5, 1), 2**0.5), 1e-5)
  assert not px.is_parameter(kept).cos_mix
  steps = np.asarray(px.Fope.init(KEY, 1, 16, 700, gain=0.0).cos_mix[0])  # 5 frequencies, 4 pairs
  np.testing.assert_array_equal(steps.nonzero(), ([0, 2, 4], [0, 1, 2]))


@pytest.mark.parametrize("layout", ["alternate", "halves"])
@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_rope_plus_plus(rng, layout, pairing):
  q, k = rng.standard_normal((2, 3, 4, 8))
  k = k[:, :2]
  e, at = px.RotaryPlusPlus(8, pairing=pairing, layout=layout), np.array([0, 5, 10**6], np.int32)
  a, b = e.qk(jnp.asarray(q, jnp.float32), jnp.asarray(k, jnp.float32), at, at)
  got = np.einsum("tnh,snh->nts", a, np.repeat(b, 2, axis=1))
  imaginary = [0, 1, 0, 1] if layout == "alternate" else [0, 0, 1, 1]
  theta = oracles.rotary_frequencies(8)
  wanted = [[[rope_pp.rope_pp_score(q[t, n], k[s, n // 2], at[t], at[s], theta, pairing=pairing,
                                    imaginary=imaginary[n]) for s in range(3)] for t in range(3)]
            for n in range(4)]
  near(got, wanted, 1e-5)


def test_helm_keeps_points_on_the_hyperboloid(rng):
  x = rng.standard_normal((5, 1, 8))
  point = np.concatenate([np.sqrt((x**2).sum(-1, keepdims=True) + 1), x], -1)
  q = jnp.asarray(point, jnp.float32)
  got = np.asarray(f.helm_rotary(9).qk(q, q, FAR, FAR)[0], float)
  near(got[..., 0] ** 2 - (got[..., 1:] ** 2).sum(-1), np.ones((5, 1)), 1e-5)
  np.testing.assert_array_equal(got[..., 0], np.asarray(q)[..., 0])
  near(got[..., 1:], oracles.rotate(x, FAR, oracles.rotary_frequencies(8), pairing="interleaved"))


X = jnp.ones((1, 3, 8))


@pytest.mark.parametrize("call, message", [
  (lambda: f.partial_rotary(64, 0.05), r"fraction: got 0.05, wanted a part of 64 dims that is"),
  (lambda: f.partial_rotary(64, 1.5), r"fraction: got 1.5, wanted a number in \(0, 1\]"),
  (lambda: f.trailing_rotary(8, 16), r"dim: got 16, wanted at most head_dim = 8"),
  (lambda: f.proportional_rotary(8, 0.0), r"proportion: got 0.0, wanted a positive"),
  (lambda: f.hope_rotary(8, -1), r"train_length: got -1, wanted a positive"),
  (lambda: f.clipped_rotary(8), r"count: got None, wanted how many pairs"),
  (lambda: f.clipped_rotary(8, count=5), r"count: got 5, wanted at most 4 pairs"),
  (lambda: f.clipped_rotary(8, count=1), r"count: got 1, wanted at most 4 pairs, and not 1 if"),
  (lambda: f.clipped_rotary(8, count=2, taper="softer"), r"taper: got 'softer'.*mean 'soft"),
  (lambda: px.LeRotary(8, alpha=np.ones(3)), r"alpha: got shape \(3,\), wanted \[n\], n = 4"),
  (lambda: px.LeRotary(16).qk(X, X, [0], [0]), r"dim: got 16 dims that turn, wanted at most the 8"),
  (lambda: px.XPos(8, gamma=-1.0), r"gamma: got -1.0, wanted a positive"),
  (lambda: px.XPos(8, block=0), r"block: got 0, wanted an int, at least 1"),
  (lambda: px.XPos(8, scale_base=20.0, block=2048), r"block: got 2048, wanted at most 851"),
  (lambda: px.Fope.init(KEY, 2, 8, 6), r"train_length: got 6, wanted a length in which a pair"),
  (lambda: px.Fope.init(KEY, 2, 8, 512, compat="code"), r"compat: got 'code', wanted one of paper"),
  (lambda: px.Fope(8, [1.0], np.ones((1, 2, 1)), np.ones((1, 2, 1))), r"cos_mix: .*F = 1"),
  (lambda: px.Fope(2, [1.0], np.ones((1, 1, 2)), np.ones((1, 1, 2))), r"cos_mix, sin_mix: got"),
  (lambda: px.Fope.init(KEY, 2, 8, 512).qk(X, X, [0], [0]), r"cos_mix: got 2 heads, wanted 1 or"),
  (lambda: px.RotaryPlusPlus(8).qk(X, X, [0], [0]), r"q: got 3 heads, wanted an even number"),
  (lambda: px.RotaryPlusPlus(8, layout="half"), r"layout: got 'half', .*Did you mean 'halves'"),
  (lambda: f.helm_rotary(8), r"head_dim: got 8, wanted an odd number"),
])
def test_messages(call, message):
  with pytest.raises((TypeError, ValueError), match=message):
    call()


def test_a_traced_base_is_refused_where_it_shapes_the_program():
  with pytest.raises(TypeError, match="base: got a traced base"):
    jax.jit(lambda b: px.Fope.init(KEY, 2, 8, 512, base=b))(1e4)
  with pytest.raises(ValueError, match="count: got None and a base that is traced"):
    jax.jit(lambda b: f.clipped_rotary(8, 512, base=b))(1e4)
