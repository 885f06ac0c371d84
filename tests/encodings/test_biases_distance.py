# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Biases of one distance: functions against oracles and other packages, and through attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions
from posenc_jax.encodings.biases._heads import straight_clip
from tests import oracles
from tests.goldens import load
from tests.oracles import (
  alibi_offset,
  alibi_split,
  deberta_bias,
  distance_table,
  dynamic_position,
  hard_alibi,
  kerple,
  kerple_product,
  littlebird,
  sandwich,
  toeplitz,
)
from tests.support import jitted as jx

KEY = jax.random.key(0)
Q, K = np.array([0, 3, 40, 2000]), np.array([0, 1, 3, 38, 41, 1990])
AT = px.Tile(q_positions=jnp.asarray(Q), k_positions=jnp.asarray(K))
N = 4
GOLD = load("biases")


def _params(e):
  """The leaves of an encoding by name, in float64."""
  return {name.strip("."): None if x is None else np.asarray(x, np.float64)
          for name, x in ((n, getattr(e, n)) for n in e._leaf_fields)}


def _close(got, wanted, tolerance=2e-6):
  np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def _cases():
  offset, little = px.AlibiOffset(N), px.LittleBird.init(KEY, N)
  log, power = px.KerpleLog.init(KEY, N), px.KerplePower.init(KEY, N)
  table = px.DistanceTable.init(KEY, N, max_distance=5, stddev=1.0)
  both = px.DistanceTable.init(KEY, N, max_distance=3, bidirectional=True, stddev=1.0)
  deberta = px.DebertaBias.init(KEY, N, bucket_size=8, max_position=20, stddev=1.0)
  plain = px.DynamicPosition.init(KEY, N, hidden=5, depth=3)
  logs = px.DynamicPosition.init(KEY, N, hidden=5, log_distance=True)
  raw = px.Toeplitz.init(KEY, N, hidden=5, depth=2, decay=0.999)
  scaled = px.Toeplitz.init(KEY, N, hidden=5, depth=2, decay=0.9, length=16)
  tnn = lambda e: {**_params(e), "length": e.length or 1.0}
  return {
    "offset": (offset, alibi_offset.alibi_offset_bias(Q, K, oracles.alibi_slopes(N))),
    "littlebird": (little, littlebird.littlebird_bias(Q, K, **_params(little))),
    "constant": (px.LittleBird(*_three(little), "constant"),
                 littlebird.littlebird_bias(Q, K, **_params(little), constant=True)),
    "log": (log, kerple.kerple_log_bias(Q, K, **_params(log))),
    "power": (power, kerple.kerple_power_bias(
      Q, K, _params(power)["a"], _params(power)["p"])),
    "sandwich": (px.Sandwich(N), sandwich.sandwich_bias(Q, K, N)),
    "sandwich, narrow": (px.Sandwich(N, dim=6, base=100.0),
                         sandwich.sandwich_bias(Q, K, N, dim=6, base=100.0)),
    "table": (table, distance_table.distance_table_bias(Q, K, **_params(table))),
    "both": (both, distance_table.distance_table_bias(Q, K, **_params(both), bidirectional=True)),
    "deberta": (deberta, deberta_bias.deberta_bias(Q, K, **_params(deberta), max_position=20)),
    "dynamic": (plain, dynamic_position.dynamic_position_bias(Q, K, **_params(plain))),
    "dynamic, log": (logs, dynamic_position.dynamic_position_bias(
      Q, K, **_params(logs), log_distance=True)),
    "toeplitz": (raw, toeplitz.toeplitz_bias(Q, K, **tnn(raw))),
    "toeplitz, scaled": (scaled, toeplitz.toeplitz_bias(Q, K, **tnn(scaled))),
  }


def _three(e):
  return e.alpha, e.beta, e.gamma


@pytest.fixture(scope="module")
def cases():
  return _cases()


NAMES = ["offset", "littlebird", "constant", "log", "power", "sandwich", "sandwich, narrow",
         "table", "both", "deberta", "dynamic", "dynamic, log", "toeplitz", "toeplitz, scaled"]


@pytest.mark.parametrize("name", NAMES)
def test_bias_is_the_oracle(cases, name):
  """Relative to the bias: those that grow with distance are right to 2e-6 of themselves."""
  e, wanted = cases[name]
  assert set(cases) == set(NAMES)
  got = e.bias(AT)
  assert got.dtype == jnp.float32
  _close(got, wanted)


@pytest.mark.parametrize("name", ["offset", "log", "sandwich", "table", "dynamic, log", "toeplitz"])
def test_attention_is_the_oracle(cases, name, rng):
  """As users run it: more query heads than key heads, a decode step's offset, tiles of rows."""
  e = cases[name][0]
  q, k, v = (rng.standard_normal(s).astype(np.float32) for s in ((3, N, 4), (6, 2, 4), (6, 2, 4)))
  q_at, k_at = np.arange(3, 6), np.arange(6)
  bias = np.asarray(e.bias(px.Tile(q_positions=q_at, k_positions=k_at)), np.float64)
  wanted = oracles.attention(q.astype(float), k.astype(float), v.astype(float), bias=bias,
                             mask=oracles.visible(q_at, k_at, causal=True))
  for implementation in ("reference", "rows"):
    got = jx.attend(q, k, v, e, q_positions=q_at, k_positions=k_at, causal=True,
                    implementation=implementation)
    _close(got, wanted, 5e-6)


@pytest.mark.parametrize("scheme", ["official", "geometric"])
def test_slope_schemes(scheme):
  for n in (1, 2, 6, 8, 12):
    got = px.alibi_slopes(n, scheme)
    wanted = (oracles.alibi_slopes(n) if scheme == "official"
              else [2.0 ** (-8 * h / n) for h in range(1, n + 1)])
    np.testing.assert_allclose(got, wanted, rtol=1e-7)
    np.testing.assert_array_equal(px.Alibi(n, scheme=scheme).slopes, got)
  np.testing.assert_allclose(px.alibi_slopes(12, "geometric")[[0, 1, 2, 11]],
                             [0.630, 0.397, 0.25, 0.0039], atol=5e-4)


def test_blooms_keys_and_ours_agree_under_a_causal_softmax(rng):
  """slope * n with positions from the padding mask, as BLOOM's tensor: constant along rows."""
  mask = GOLD["bloom_mask"].astype(bool)
  at = jnp.maximum(px.positions.from_mask(jnp.asarray(mask)), 0)
  _close(GOLD["bloom"], px.alibi_slopes(6)[None, :, None] * np.asarray(at)[:, None])
  ours = np.asarray(px.Alibi(6).bias(px.Tile(q_positions=at, k_positions=at)), np.float64)
  z = rng.standard_normal((6, 5, 5))
  for row in (0, 1):
    seen = np.tril(np.ones((5, 5), bool)) & mask[row]
    one, other = (oracles.attention_weights(z + b, mask=seen)
                  for b in (ours[row], GOLD["bloom"][row][:, None].astype(float)))
    _close(one, other)


def test_symmetric_alibi_is_x_transformers():
  got = px.Alibi(6).bias(px.Tile(q_positions=np.arange(5), k_positions=np.arange(5)))
  _close(got, GOLD["alibi_symmetric"])
  assert px.is_parameter(px.learn(px.Alibi(6), "slopes")).slopes


def test_half_a_step_tells_left_from_right():
  bias = px.AlibiOffset(slopes=[2.0]).distance_bias(jnp.array([3, -3]))
  assert bias.tolist() == [[-6.0, -5.0]]
  assert px.Alibi(slopes=[2.0]).distance_bias(jnp.array([3, -3])).tolist() == [[-6.0, -6.0]]


def test_heads_of_each_direction(rng):
  q, k, v = (rng.standard_normal((6, N, 4)).astype(np.float32) for _ in range(3))
  bias = alibi_split.alibi_split_bias(range(6), range(6), N)
  wanted = oracles.attention(q, k, v, bias=np.where(np.isinf(bias), 0, bias),
                             mask=~np.isinf(bias))
  _close(jx.attend(q, k, v, px.AlibiSplit(N)), wanted, 5e-6)
  half = px.alibi_slopes(2)
  np.testing.assert_allclose(px.AlibiSplit(slopes=half).distance_bias(jnp.array([-2]))[:, 0],
                             -2 * np.tile(half, 2))


def test_hard_alibi(rng):
  q, k, v = (rng.standard_normal((6, N, 4)).astype(np.float32) for _ in range(3))
  seen = hard_alibi.hard_alibi_visible(range(6), range(6), N, 3)
  got = jx.attend(q, k, v, px.HardAlibi(N, 3), causal=True)
  _close(got, oracles.attention(q, k, v, mask=seen), 5e-6)
  np.testing.assert_allclose(got[:, 0], v[:, 0], rtol=1e-6)  # head 0 sees itself alone
  all_free = jx.attend(q, k, v, px.HardAlibi(N, 0), causal=True)
  np.testing.assert_allclose(all_free, jx.attend(q, k, v, causal=True), rtol=1e-6)


@pytest.mark.parametrize("biased", [False, True])
def test_kerples_product(rng, biased):
  e = px.KerpleProduct.init(KEY, N, biased=biased)
  q, k, v = (rng.standard_normal((6, N, 4)).astype(np.float32) for _ in range(3))
  z = kerple_product.kerple_product_scores(oracles.scores(q, k), range(6), range(6), **_params(e))
  mask = oracles.visible(range(6), range(6), causal=True)
  _close(jx.attend(q, k, v, e, causal=True), oracles.attention(q, k, v, score=z, mask=mask), 5e-6)


def test_parameters_of_kerple_stay_in_their_intervals_and_still_learn():
  low, high = px.KerplePower(jnp.array([-1.0]), jnp.array([5.0])), px.KerplePower(
    jnp.array([0.01]), jnp.array([2.0]))
  d = jnp.array([0, 3])
  np.testing.assert_array_equal(low.distance_bias(d), high.distance_bias(d))
  np.testing.assert_allclose(low.distance_bias(d), [[0.0, -0.09]], rtol=1e-6)
  for e in (low, px.KerpleLog(jnp.array([-1.0]), jnp.array([-2.0]))):
    slopes = jax.tree.leaves(jax.jit(jax.grad(lambda e: jnp.sum(e.distance_bias(d))))(e))
    assert all(np.isfinite(s).all() and (s != 0).all() for s in slopes)
  value, slope = jax.value_and_grad(lambda x: straight_clip(x, 0.01, 2.0))(jnp.float32(7.0))
  assert (float(value), float(slope)) == (2.0, 1.0)


def test_kerples_power_is_alibi_at_exponent_one():
  slopes = px.alibi_slopes(2)[:1]
  e = px.KerplePower(jnp.asarray(slopes), jnp.ones(1))
  np.testing.assert_allclose(e.bias(AT), px.Alibi(slopes=slopes).bias(AT), rtol=1e-6)


def test_sandwich_is_attn_gyms_and_what_sinusoids_say(rng):
  at = px.Tile(q_positions=np.arange(0, 40, 13), k_positions=np.arange(40))
  np.testing.assert_allclose(px.Sandwich(4).bias(at), GOLD["sandwich"], rtol=2e-5, atol=2e-5)
  rows = np.asarray(px.sinusoidal(jnp.arange(30), 16), np.float64)
  got = px.Sandwich(1, dim=16).bias(px.Tile(q_positions=np.arange(30), k_positions=np.arange(30)))
  np.testing.assert_allclose(got[0], rows @ rows.T / 8, atol=1e-5)


def test_sandwich_is_exact_at_any_distance():
  at = np.array([2**30 + 7]), np.array([0, 5, 2**29])
  got = px.Sandwich(2).bias(px.Tile(q_positions=at[0], k_positions=at[1]))
  np.testing.assert_allclose(got, sandwich.sandwich_bias(*at, 2), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name, log", [("dynamic", False), ("dynamic_log", True)])
def test_dynamic_position_is_x_transformers(name, log):
  weight = lambda i: GOLD[f"{name}.mlp.{i}.0.weight"].T
  bias = lambda i: GOLD[f"{name}.mlp.{i}.0.bias"]
  depth = 2 if log else 3
  last = GOLD[f"{name}.mlp.{depth}.weight"].T, GOLD[f"{name}.mlp.{depth}.bias"]
  middle = range(1, depth)
  e = px.DynamicPosition(weight(0)[0], bias(0), np.stack([weight(i) for i in middle]),
                         np.stack([bias(i) for i in middle]), *last, log)
  got = e.bias(px.Tile(q_positions=np.arange(3, 7), k_positions=np.arange(7)))
  np.testing.assert_allclose(got, GOLD[name], rtol=1e-5, atol=1e-5)


def test_debertas_rows_are_transformers():
  table = jnp.arange(16.0)[:, None]
  got = functions.deberta_bias(np.arange(6)[:, None] - np.arange(40), table, max_position=20)
  np.testing.assert_array_equal(got[0], GOLD["deberta_row"])


def test_toeplitz_at_zero_is_finite():
  e = px.Toeplitz.init(KEY, 2, hidden=4, depth=1)
  e = e.replace(w_in=jnp.zeros(4), b_in=jnp.zeros(4))
  slopes = jax.jit(jax.grad(lambda e: jnp.sum(e.distance_bias(jnp.arange(3)))))(e)
  assert all(np.isfinite(s).all() for s in jax.tree.leaves(slopes))


def test_networks_may_have_no_square_layer():
  d = np.arange(-3.0, 4)
  e = px.Toeplitz.init(KEY, 2, hidden=4, depth=0)
  x = -d[:, None] * np.asarray(e.w_in) + np.asarray(e.b_in)
  x = np.maximum(x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-8), 0)
  want = 0.999 ** np.abs(d) * (x @ np.asarray(e.w_out) + np.asarray(e.b_out)).T
  np.testing.assert_allclose(e.distance_bias(d), want, rtol=1e-4, atol=1e-5)
  e = px.DynamicPosition.init(KEY, 2, hidden=4, depth=1)
  x = d[:, None] * np.asarray(e.w_in) + np.asarray(e.b_in)
  want = (x / (1 + np.exp(-x)) @ np.asarray(e.w_out)).T
  np.testing.assert_allclose(e.distance_bias(d), want, rtol=1e-5, atol=1e-6)
  assert px.DynamicGrid.init(KEY, 2, depth=1).distance_bias(np.zeros((3, 2))).shape == (2, 3)


def test_goldens_say_what_made_them():
  made_by = " ".join(GOLD["versions"].tolist())
  assert all(p in made_by for p in ("transformers 5", "timm 1", "x-transformers 2", "attn-gym 0"))


ERRORS = {
  "scheme": (lambda: px.alibi_slopes(4, "geo"), r"scheme: got 'geo', wanted one of.*'geometric'"),
  "scheme beside slopes": (lambda: px.Alibi(slopes=[1.0], scheme="official"),
                           r"scheme: got 'official', wanted None beside slopes"),
  "split": (lambda: px.AlibiSplit(3), r"num_heads: got 3, wanted an even number"),
  "offset": (lambda: px.AlibiOffset(), r"num_heads, slopes: got \(None, None\)"),
  "limited": (lambda: px.HardAlibi(4), r"limited: got 8, wanted at most the 4 heads"),
  "first": (lambda: px.LittleBird.init(KEY, 2, first="x"), r"first: got 'x', wanted one of linear"),
  "littlebird": (lambda: px.LittleBird(8), r"alpha: got 8, wanted \[N\].*LittleBird\.init"),
  "kerple": (lambda: px.KerpleLog(8), r"p: got 8, wanted \[N\].*KerpleLog\.init\(key, num_heads"),
  "power": (lambda: px.kerple_power_bias(Q, np.ones(2), np.ones(3)),
            r"p: got shape \(3,\), wanted \[N\], N = 2"),
  "product": (lambda: px.KerpleProduct(np.ones(2), np.ones(2), np.ones(2)),
              r"bias_a, bias_p: got one of them, wanted both or neither"),
  "sandwich": (lambda: px.Sandwich(2, dim=5), r"dim: got 5, wanted an even number"),
  "table": (lambda: px.DistanceTable(np.ones((4, 2)), True),
            r"table: got 4 rows, wanted 2k \+ 1 rows"),
  "deberta": (lambda: px.DebertaBias(np.ones((6, 2))), r"table: got 6 rows, wanted 2B rows"),
  "network": (lambda: px.DynamicPosition(np.ones(3), np.ones(4)),
              r"b_in: got shape \(4,\), wanted \[W\], W = 3"),
  "missing": (lambda: px.Toeplitz(np.ones(3)), r"b_in: got None, wanted a float array \[W\]"),
  "decay": (lambda: px.Toeplitz.init(KEY, 2, decay=0.0), r"decay: got 0.0, wanted a positive"),
  "floats": (lambda: px.DistanceTable.init(KEY, 2).bias(
    px.Tile(q_positions=np.float32([0.5]), k_positions=np.float32([0]))),
    r"distance: got float32, wanted integers"),
  "product heads": (lambda: jx.attend(*[jnp.ones((3, 2, 4))] * 3, px.KerpleProduct.init(KEY, 4)),
                    r"a: got shape \(4,\), wanted \[N\], N = 2"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name):
  call, message = ERRORS[name]
  with pytest.raises((TypeError, ValueError), match=message):
    call()
