# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The hooks carry what they were made for: small encodings against float64 loops."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import testing
from tests import oracles
from tests.support import jitted as jx
from tests.support import kinds

T, N, K, H = 7, 4, 2, 8
CAUSAL = np.tril(np.ones((T, T), bool))


@pytest.fixture
def qkv(rng):
  """q ``[1, T, N, H]``, k and v ``[1, T, K, H]``."""
  return [jnp.asarray(rng.standard_normal((1, T, n, H)), jnp.float32) for n in (N, K, K)]


def _wide(*arrays):
  return [np.asarray(x[0], np.float64) for x in arrays]


def _near(got, wanted):
  np.testing.assert_allclose(np.asarray(got, np.float64), wanted, atol=3e-6, rtol=3e-6)


def _weighed(weights, v):
  """sum_s w[n, t, s] v[s, n // (N / K)]."""
  out = np.zeros((weights.shape[1], N, v.shape[-1]))
  for n in range(N):
    for t in range(weights.shape[1]):
      for s in range(v.shape[0]):
        out[t, n] += weights[n, t, s] * v[s, n // (N // K)]
  return out


@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_a_learned_sink_takes_its_share_of_the_softmax(qkv, implementation):
  logits = np.array([-1.0, 0.0, 1.0, 3.0], np.float32)
  out = jx.attend(*qkv, kinds.Sink(logits), causal=True, implementation=implementation, tile=3)
  q, k, v = _wide(*qkv)
  z = oracles.scores(q, k)
  weights = np.zeros_like(z)
  for n in range(N):
    for t in range(T):
      total = math.exp(logits[n]) + sum(math.exp(z[n, t, s]) for s in range(t + 1))
      for s in range(t + 1):
        weights[n, t, s] = math.exp(z[n, t, s]) / total
  _near(out[0], _weighed(weights, v))


def test_a_row_that_sees_nothing_stays_zero_with_a_sink(qkv):
  mask = jnp.zeros((1, 1, T, T), bool)
  loss = lambda e: jx.attend(*qkv, e, mask=mask).sum()
  value, gradient = jax.value_and_grad(loss)(kinds.Sink(np.zeros(N, np.float32)))
  assert float(value) == 0 and np.isfinite(gradient.logit).all()


@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_stick_breaking_without_the_remainder(qkv, implementation):
  out = jx.attend(*qkv, kinds.StickBreaking(), causal=True, implementation=implementation, tile=3)
  q, k, v = _wide(*qkv)
  z = oracles.scores(q, k)
  weights = np.zeros_like(z)
  for n in range(N):
    for t in range(T):
      left = 1.0
      for s in range(t, -1, -1):
        weights[n, t, s] = left * oracles.sigmoid(z[n, t, s])
        left *= 1 - oracles.sigmoid(z[n, t, s])
      assert weights[n, t].sum() < 1
  _near(out[0], _weighed(weights, v))


def test_hard_alibi_hides_keys_and_ssmax_counts_what_is_left(qkv):
  q, k, v = _wide(*qkv)
  e = px.chain(px.HardAlibi(N, 3), px.SSMax(np.full(N, 0.5, np.float32)))
  out = jx.attend(*qkv, e, causal=True)
  mask = np.zeros((N, T, T), bool)
  for n in range(N):
    for t in range(T):
      for s in range(t + 1):
        mask[n, t, s] = n >= 3 or t - s <= n
  counts = mask.sum(-1)
  assert counts[:3, -1].tolist() == [1, 2, 3]
  z = oracles.scores(q, k) * 0.5 * np.log(np.maximum(counts, 1))[..., None]
  _near(out[0], oracles.attention(q, k, v, score=z, mask=mask))


@pytest.mark.parametrize("implementation", ["reference", "rows"])
@pytest.mark.parametrize("bias", [None, px.Alibi])
def test_visible_joins_the_mask_on_every_path(qkv, implementation, bias):
  e = px.HardAlibi(N, 3) if bias is None else px.chain(px.HardAlibi(N, 3), bias(N))
  out = jx.attend(*qkv, e, causal=True, implementation=implementation, tile=3)
  q, k, v = _wide(*qkv)
  mask = np.array([[[s <= t and (n >= 3 or t - s <= n) for s in range(T)] for t in range(T)]
                   for n in range(N)])
  added = None if bias is None else oracles.alibi_bias(range(T), range(T), px.alibi_slopes(N))
  _near(out[0], oracles.attention(q, k, v, bias=added, mask=mask))


def test_a_short_convolution_changes_the_layers_input(rng):
  x, kernel = rng.standard_normal((5, 3)), rng.standard_normal((3, 3))
  e = kinds.ShortConvolution(jnp.asarray(kernel, jnp.float32))
  ids = np.array([0, 0, 1, 1, 1])
  wanted = x.copy()
  for t in range(5):
    for i in range(3):
      if t - i >= 0 and ids[t - i] == ids[t]:
        wanted[t] += kernel[i] * x[t - i]
  wide = jnp.asarray(x, jnp.float32)
  got, _, _ = e.layer(wide, np.arange(5), segments=jnp.asarray(ids, jnp.int32))
  _near(got, wanted)
  first, _, carry = e.layer(wide[:2], np.arange(2), segments=jnp.zeros(2, jnp.int32))
  rest, _, _ = e.layer(wide[2:], np.arange(2, 5), carry=carry, segments=jnp.ones(3, jnp.int32))
  _near(jnp.concatenate([first, rest]), wanted)


@pytest.mark.parametrize("scale", [None, 1.0, 0.25])
@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_rerope_makes_the_scores_again_with_the_scale_of_the_call(qkv, scale, implementation):
  window = 3
  e = kinds.ReRope(px.rotary_frequencies(H), window)
  out = jx.attend(*qkv, e, causal=True, scale=scale, implementation=implementation, tile=3)
  q, k, v = _wide(*qkv)
  frequencies = oracles.rotary_frequencies(H)
  used = H**-0.5 if scale is None else scale
  z = np.zeros((N, T, T))
  for n in range(N):
    for t in range(T):
      for s in range(T):
        d = max(-window, min(window, t - s))
        for i, f in enumerate(frequencies):
          a, b = q[t, n, i], q[t, n, i + H // 2]
          c, e_ = k[s, n // (N // K), i], k[s, n // (N // K), i + H // 2]
          z[n, t, s] += used * ((a * c + b * e_) * math.cos(d * f)
                                + (a * e_ - b * c) * math.sin(d * f))
  _near(out[0], oracles.attention(q, k, v, score=z, mask=CAUSAL))


def _grid_call(rng, e, height, width, implementation):
  shape = (1, height * width)
  q, k, v = (jnp.asarray(rng.standard_normal((*shape, n, H)), jnp.float32) for n in (N, K, K))
  at = px.positions.grid(height, width)
  out = jx.attend(q, k, v, e, q_positions=at, k_positions=at, implementation=implementation, tile=3)
  return out[0], _wide(q, k, v), np.asarray(at)


@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_alibi_on_a_grid(rng, implementation):
  e = px.Alibi2D(N)
  out, (q, k, v), at = _grid_call(rng, e, 2, 3, implementation)
  slopes = px.alibi_slopes(N)
  bias = np.array([[[-slopes[n] * math.dist(a, b) for b in at] for a in at] for n in range(N)])
  _near(out, oracles.attention(q, k, v, bias=bias))


@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_a_swin_table_on_a_grid(rng, implementation):
  table = rng.standard_normal((3, 5, N))
  e = px.SwinTable(jnp.asarray(table, jnp.float32))
  out, (q, k, v), at = _grid_call(rng, e, 2, 3, implementation)
  bias = np.array([[[table[a[0] - b[0] + 1, a[1] - b[1] + 2, n] for b in at] for a in at]
                   for n in range(N)])
  _near(out, oracles.attention(q, k, v, bias=bias))


def test_bipe_reads_the_segment_axis_alone(qkv):
  ids = np.array([0, 0, 1, 1, 1, 2, 2])
  at = np.stack([ids, np.array([0, 1, 0, 1, 2, 0, 1])], -1).astype(np.int32)
  order = np.arange(T)
  out = jx.attend(*qkv, kinds.bipe(N), q_positions=at, k_positions=at, q_order=order,
                  k_order=order, causal=True)
  q, k, v = _wide(*qkv)
  bias = oracles.alibi_bias(ids, ids, px.alibi_slopes(N))
  _near(out[0], oracles.attention(q, k, v, bias=bias, mask=CAUSAL))


@pytest.mark.parametrize("other", ["ssmax", "cope", "alibi", "none"])
@pytest.mark.parametrize("first", [True, False])
def test_m_rotary_chains_with_anything(qkv, rng, other, first):
  at = px.mrotary_positions(2, (1, 2, 2), 1)
  order = np.arange(T)
  rope = px.MRotary((2, 1, 1))
  s, table = np.full(N, 0.7, np.float32), rng.standard_normal((4, H))
  member = {"ssmax": lambda: px.SSMax(s), "none": px.Encoding,
            "cope": lambda: px.Cope(jnp.asarray(table, jnp.float32), scaled=False),
            "alibi": lambda: px.along(1, px.Alibi(N))}[other]()
  e = px.chain(rope, member) if first else px.chain(member, rope)
  out = jx.attend(*qkv, e, q_positions=at, k_positions=at, q_order=order, k_order=order,
                  causal=True)
  q, k, v = _wide(*qkv)
  frequencies = oracles.rotary_frequencies(H)
  q, k = (oracles.mrope_rotate(x, at, frequencies, (2, 1, 1)) for x in (q, k))
  z = oracles.scores(q, k)
  if other == "ssmax":
    z = z * 0.7 * np.log(np.arange(1, T + 1))[None, :, None]
  if other == "cope":
    z = z + oracles.cope_bias(q, k, table, mask=CAUSAL)
  if other == "alibi":
    z = z + oracles.alibi_bias(at[:, 1], at[:, 1], px.alibi_slopes(N))
  _near(out[0], oracles.attention(q, k, v, score=z, mask=CAUSAL))


def test_heads_and_dims_without_an_encoding(qkv):
  q, k, v = _wide(*qkv)
  half = px.on_heads(slice(0, 2), px.Alibi(2))
  bias = np.zeros((N, T, T))
  bias[:2] = oracles.alibi_bias(range(T), range(T), px.alibi_slopes(2))
  _near(jx.attend(*qkv, half, causal=True)[0],
        oracles.attention(q, k, v, bias=bias, mask=CAUSAL))
  tail = px.on_dims(slice(4, 8), px.Rotary(4))
  f = oracles.rotary_frequencies(4)
  turn = lambda x: np.concatenate([x[..., :4], oracles.rotate(x[..., 4:], range(T), f)], -1)
  _near(jx.attend(*qkv, tail, causal=True)[0],
        oracles.attention(turn(q), turn(k), v, mask=CAUSAL))


CASES = {
  "sink": lambda: kinds.Sink(np.linspace(-1, 1, 4, dtype=np.float32)),
  "stick-breaking": kinds.StickBreaking,
  "hard-alibi": lambda: px.HardAlibi(4, 2),
  "short-convolution": lambda: kinds.ShortConvolution(
    jnp.asarray(np.random.default_rng(0).standard_normal((3, 16)), jnp.float32)),
  "layer-table": lambda: kinds.LayerTable(
    jnp.asarray(np.random.default_rng(0).standard_normal((8, 16)), jnp.float32),
    jnp.ones(16)),
  "rerope": lambda: kinds.ReRope(px.rotary_frequencies(8), 3),
}


@pytest.mark.parametrize("check", ["decode", *(
  pytest.param(c, marks=pytest.mark.slow)
  for c in ("packed", "gradients", "rows", "groups", "future"))])
@pytest.mark.parametrize("name", [
  n if n in ("sink", "hard-alibi", "short-convolution") else pytest.param(n, marks=pytest.mark.slow)
  for n in CASES])
def test_the_kinds_pass_the_contract(name, check):
  testing.check_encoding(CASES[name](), only=check)
