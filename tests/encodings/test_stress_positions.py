# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""FIRE, Shaw, Transformer-XL, PoPE, VO-RoPE, M-RoPE and temperatures against float64 loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.encodings.biases.fire import Fire
from posenc_jax.encodings.content.shaw import Shaw
from posenc_jax.encodings.content.transformer_xl import TransformerXL
from posenc_jax.encodings.rotations.m_rotary import MRotary, mrotary_axes, mrotary_positions
from posenc_jax.encodings.rotations.pope import Pope, polar_expand
from posenc_jax.encodings.rotations.vo_rotary import VORotary
from posenc_jax.encodings.softmax.temperature import LogNTemperature, SSMax, log_n_temperature
from tests import oracles

B, T, S, N, K, H = 2, 3, 5, 4, 2, 8
NEAR = (np.array([[9, 12, 700], [3, 0, 5]]), np.array([[0, 9, 12, 40, 11], [4, 3, 2, 1, 0]]))
FAR = (np.array([[2**31 - 1, 12, 2**30], [3, 0, -7]]),
       np.array([[2**31 - 2, 9, 2**30 + 5, 40, 0], [4, 3, -20, 1, 2**31 - 1]]))


def _normal(rng, *shape, scale=1.0):
  return scale * rng.standard_normal(shape).astype(np.float32)


def _three(positions):
  """Ids on three axes that differ, for M-RoPE."""
  return np.stack([positions, positions // 2, positions % 7], axis=-1)


def fire(rng):
  w = dict(w1=_normal(rng, 6), b1=_normal(rng, 6), w2=_normal(rng, 6, N), b2=_normal(rng, N))
  e = Fire(**w, c=0.3, multiplier=-0.9, threshold=20.0, eps=0.5)
  bias = lambda qp, kp: oracles.fire_bias(qp, kp, **w, c=0.3, threshold=18.0, eps=0.5)
  return e, NEAR, lambda q, k, v, qp, kp, mask: oracles.attention(q, k, v, bias=bias(qp, kp),
                                                                  mask=mask)


def shaw(keys, values):
  def build(rng):
    tables = _normal(rng, 7, H), _normal(rng, 7, H)
    e = Shaw(tables[0] if keys else None, tables[1] if values else None)
    a_k, a_v = tables[0] * keys, tables[1] if values else None
    return e, NEAR, lambda q, k, v, qp, kp, mask: oracles.shaw_attention(
      q, k, v, qp, kp, a_k, a_v, mask=mask)
  return build


def transformer_xl(rng):
  u, v_, w_r = _normal(rng, N, H), _normal(rng, N, H), _normal(rng, 12, N, H, scale=0.3)
  e = TransformerXL(u, v_, w_r, base=500.0)
  return e, FAR, lambda q, k, v, qp, kp, mask: oracles.transformer_xl_attention(
    q, k, v, qp, kp, u, v_, w_r, base=500.0, mask=mask)


def pope(clamp):
  def build(rng):
    delta = _normal(rng, N, H, scale=5.0)
    e = Pope(delta, base=300.0, clamp=clamp)
    return e, FAR, lambda q, k, v, qp, kp, mask: oracles.pope_attention(
      q, k, v, qp, kp, delta, base=300.0, mask=mask, clamp=clamp)
  return build


def vo_rotary(with_qk, pairing):
  def build(rng):
    e = VORotary(6, base=100.0, pairing=pairing)
    e = px.chain(px.Rotary(6, base=100.0, pairing=pairing), e) if with_qk else e
    frequencies = oracles.rotary_frequencies(6, base=100.0)
    return e, FAR, lambda q, k, v, qp, kp, mask: oracles.vo_rotary_attention(
      q, k, v, qp, kp, frequencies, mask=mask, pairing=pairing, rotate_qk=with_qk)
  return build


def m_rotary(sections, interleaved, pairing):
  def build(rng):
    e = MRotary(sections, base=100.0, interleaved=interleaved, pairing=pairing)
    frequencies = oracles.rotary_frequencies(2 * sum(sections), base=100.0)
    turn = lambda x, p: oracles.mrope_rotate(x, p, frequencies, sections, interleaved=interleaved,
                                             pairing=pairing)
    return e, [_three(p) for p in FAR], lambda q, k, v, qp, kp, mask: oracles.attention(
      turn(q, qp), turn(k, kp), v, mask=mask)
  return build


def log_n(rng):
  return LogNTemperature(10), NEAR, lambda q, k, v, qp, kp, mask: oracles.log_n_attention(
    q, k, v, qp, 10, mask=mask)


def ssmax(with_offset):
  def build(rng):
    s, b = _normal(rng, N), _normal(rng, N) if with_offset else None
    return SSMax(s, b), NEAR, lambda q, k, v, qp, kp, mask: oracles.ssmax_attention(
      q, k, v, s, mask=mask, offset=b)
  return build


CASES = {
  "fire": fire, "shaw": shaw(True, True), "shaw-keys": shaw(True, False),
  "shaw-values": shaw(False, True), "transformer-xl": transformer_xl, "pope": pope(False),
  "pope-clamped": pope(True), "vo-rotary": vo_rotary(False, "half"),
  "vo-rotary-and-rotary": vo_rotary(True, "interleaved"),
  "m-rotary": m_rotary((1, 2, 1), False, "half"),
  "m-rotary-interleaved": m_rotary((2, 1, 1), True, "interleaved"), "log-n": log_n,
  "ssmax": ssmax(False), "ssmax-offset": ssmax(True),
}


@jax.jit
def _attend(encoding, q, k, v, q_positions, k_positions, mask):
  return px.attend(q, k, v, encoding, q_positions=q_positions, k_positions=k_positions, mask=mask)


@pytest.mark.parametrize("name", CASES)
def test_attention_equals_the_oracle(rng, name):
  """Grouped heads, T != S, ids of each example, a row that sees nothing; compiled."""
  encoding, positions, oracle = CASES[name](rng)
  q, k, v = _normal(rng, B, T, N, H), _normal(rng, B, S, K, H), _normal(rng, B, S, K, H)
  mask = rng.random((B, 1, T, S)) < 0.7
  mask[0, 0, 1] = False
  at = [np.asarray(p, np.int32) for p in positions]
  got = _attend(encoding, q, k, v, *at, mask)
  for b in range(B):
    wanted = oracle(q[b], k[b], v[b], at[0][b], at[1][b], mask[b, 0])
    np.testing.assert_allclose(got[b], wanted, atol=1e-5)
  assert not np.any(got[0, 1])


@pytest.mark.parametrize("encoding", [
  Shaw(np.ones((33, 256), np.float32), np.ones((33, 256), np.float32)),
  TransformerXL(*(np.ones(s, np.float32) for s in ((1, 256), (1, 256), (256, 1, 256)))),
], ids=["shaw", "transformer-xl"])
def test_no_array_of_queries_by_keys_by_dims(encoding):
  """Values and gradients stay far below the [T, S, H] floats that a direct reading takes."""
  def loss(encoding, x, at):
    return jnp.sum(px.attend(x, x, x, encoding, q_positions=at, k_positions=at) ** 2)

  x, at = jnp.ones((128, 1, 256)), jnp.arange(128)
  step = jax.jit(jax.grad(lambda e, x, at: loss(e, x, at), argnums=1))
  used = step.lower(encoding, x, at).compile().memory_analysis().temp_size_in_bytes
  assert used < 128 * 128 * 256 * 4 / 4


def test_text_of_m_rotary_is_rotary_bit_for_bit(rng):
  q, k = _normal(rng, 4, N, H), _normal(rng, 4, K, H)
  at = np.array([0, 5, 70_000, 2**31 - 1], np.int32)
  three = np.stack([at] * 3, axis=-1)
  for sections, interleaved in (((1, 2, 1), False), ((2, 1, 1), True)):
    got = MRotary(sections, interleaved=interleaved).qk(q, k, three, three)
    for a, b in zip(got, px.Rotary(H).qk(q, k, at, at), strict=True):
      np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("sections, interleaved", [
  ((16, 24, 24), False), ((24, 20, 20), True), ((11, 11, 10), True), ((3, 1, 1), True),
  ((4, 2), True), ((5,), True), ((1, 3), False),
])
def test_axes_of_pairs(sections, interleaved):
  got = mrotary_axes(sections, interleaved=interleaved)
  assert list(got) == oracles.mrope_axes(sections, interleaved=interleaved)
  assert np.bincount(got).tolist() == list(sections)


def test_positions_of_text_image_and_video():
  got = mrotary_positions(2, (1, 2, 3), 1, (2, 1, 2), 0, 2)
  image = [[2, 2, 2], [2, 2, 3], [2, 2, 4], [2, 3, 2], [2, 3, 3], [2, 3, 4]]
  video = [[6, 6, 6], [6, 6, 7], [7, 6, 6], [7, 6, 7]]
  wanted = [[0] * 3, [1] * 3, *image, [5] * 3, *video, [8] * 3, [9] * 3]
  np.testing.assert_array_equal(got, wanted)
  assert got.dtype == np.int32 and mrotary_positions().shape == (0, 3)


def test_transformer_xl_keeps_phases_in_float32_for_bfloat16(rng):
  """The bias of bfloat16 q and k is the float32 bias of the rounded q and k, wherever it is."""
  e = TransformerXL.init(jax.random.key(1), N, H, stddev=1.0)
  q, k = (jnp.asarray(_normal(rng, s, h, H), jnp.bfloat16) for s, h in ((T, N), (S, K)))
  q_at, k_at = jnp.arange(T) + 4, jnp.arange(S)
  near = e.bias(px.Tile(q, k, q_at, k_at))
  assert near.dtype == jnp.float32
  wide = e.bias(px.Tile(q.astype(jnp.float32), k.astype(jnp.float32), q_at, k_at))
  np.testing.assert_array_equal(near, wide)
  np.testing.assert_allclose(e.bias(px.Tile(q, k, q_at + 10**9, k_at + 10**9)), near,
                             atol=2e-5)


def test_fire_counts_beyond_bfloat16():
  """Parameters stored in bfloat16 do not round distances, nor positions."""
  e = Fire.init(jax.random.key(0), N, threshold=4.0)
  e = jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.bfloat16), e)
  wide = jax.tree.map(lambda x: x.astype(jnp.float32), e)
  at = px.Tile(None, None, jnp.array([5000]), jnp.array([4000, 4001, 4002]))
  got = e.bias(at)
  np.testing.assert_array_equal(got, wide.bias(at))
  assert np.unique(np.asarray(got[0])).size == 3


def test_fire_sees_the_true_position_of_the_query():
  e = Fire.init(jax.random.key(0), N, threshold=4.0)
  near, far = (e.bias(px.Tile(None, None, jnp.array([m]), jnp.array([m - 2, m])))
               for m in (6, 600))
  span = lambda bias: np.abs(np.asarray(bias[..., 0] - bias[..., 1])).max()
  assert span(near) > 2 * span(far) > 0


def test_pope_caches_h_numbers_a_head_and_doubles_them_on_read(rng):
  e = Pope.init(jax.random.key(0), N, H, uniform=True)
  q, k = (jnp.asarray(_normal(rng, S, h, H)) for h in (N, K))
  at = jnp.arange(S)
  _, cached, _ = px.prepare(q, k, k, e, at, at)
  np.testing.assert_allclose(cached, np.log1p(np.exp(np.asarray(k))), rtol=1e-6)
  assert [x.shape for x in e.expand(q, cached, at, at)] == [(S, N, 2 * H), (S, K, 2 * H)]
  length = jnp.linalg.norm(polar_expand(cached, at, e.frequencies).reshape(S, K, 2, H), axis=2)
  np.testing.assert_allclose(length, cached, rtol=1e-6)


def test_pope_delta_outside_a_turn_learns_unless_clamped(rng):
  q, k = (jnp.asarray(_normal(rng, S, h, H)) for h in (N, K))
  at = jnp.arange(S)

  def total(delta, clamp):
    a, b = Pope(delta, clamp=clamp).expand(q, k, at, at)
    return jnp.sum(a[:, 0] * b[:, 0])

  delta = jnp.full((N, H), 0.5)
  free, clamped = (jax.grad(total)(delta, clamp) for clamp in (False, True))
  assert np.abs(free[0]).min() > 1e-4 and not np.any(clamped)


def test_log_n_temperature_of_padding_has_a_finite_gradient():
  at = jnp.array([-1, 0, 3, 8])
  factor, slope = jax.jvp(lambda n: log_n_temperature(at, n), (4.0,), (1.0,))
  np.testing.assert_allclose(factor, [1, 1, 1, np.log(9) / np.log(4)], rtol=1e-6)
  wanted = -np.log(9) / (4 * np.log(4) ** 2)
  np.testing.assert_allclose(slope[jnp.array([0, 1, 3])], [0, 0, wanted], rtol=1e-6)


def test_ssmax_counts_visible_keys(rng):
  """Hidden slots of a cache change nothing; without a mask all keys count."""
  q, k, v = (jnp.asarray(_normal(rng, s, 2, H)) for s in (T, S, S))
  e = SSMax.init(jax.random.key(0), 2)
  at = dict(q_positions=jnp.arange(T), k_positions=jnp.arange(S))
  whole = px.attend(q, k, v, e, **at)
  np.testing.assert_array_equal(px.attend(q, k, v, e, mask=jnp.ones((1, T, S), bool), **at), whole)
  more = [jnp.concatenate([x, 9 * x[:2]]) for x in (k, v)]
  mask = jnp.broadcast_to(jnp.arange(S + 2) < S, (1, T, S + 2))
  at["k_positions"] = jnp.arange(S + 2)
  np.testing.assert_allclose(px.attend(q, *more, e, mask=mask, **at), whole, atol=1e-6)


def test_initial_values():
  e = Fire.init(jax.random.key(0), 3)
  assert [x.shape for x in (e.w1, e.b1, e.w2)] == [(32,), (32,), (32, 3)] and e.b2 is None
  assert float(jnp.max(jnp.abs(e.w1))) <= 1 and float(jnp.max(jnp.abs(e.w2))) <= 32**-0.5
  np.testing.assert_allclose([e.c, e.multiplier, e.threshold], [0.1, 1, 512])
  delta = Pope.init(jax.random.key(0), 2, 64, uniform=True).delta
  assert -2 * np.pi <= float(jnp.min(delta)) < -6 and -0.3 < float(jnp.max(delta)) <= 0
  assert not np.any(Pope.init(jax.random.key(0), 2, 4).delta)
  tables = Shaw.init(jax.random.key(0), 64)
  np.testing.assert_allclose(jnp.std(tables.key_table), 0.02, rtol=0.1)
  assert float(jnp.max(jnp.abs(tables.key_table - tables.value_table))) > 0.01
  xl = TransformerXL.init(jax.random.key(0), 2, 8)
  assert xl.w_r.shape == (16, 2, 8) and float(jnp.max(jnp.abs(xl.u - xl.v))) > 0
  assert SSMax.init(jax.random.key(0), 2, offset=True).offset.tolist() == [0, 0]
