# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations and decays that content drives, against float64 loops; long sums, chunks, borders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles
from tests.goldens import load
from tests.oracles.carope import carope_angles, turned
from tests.oracles.grape_contextual import grape_contextual_angles
from tests.oracles.grape_m import root_mean_square
from tests.oracles.repo import repo_positions
from tests.oracles.selective import selective_angles
from tests.oracles.wall import wall_scores
from tests.support import jitted as jx

KEY = jax.random.key(2)
T, N, K, H, D = 6, 4, 2, 8, 12
CAUSAL = np.tril(np.ones((T, T), bool))
wide = lambda x: np.asarray(x, np.float64)


@pytest.fixture
def xqkv(rng):
  x = jnp.asarray(rng.standard_normal((T, D)), jnp.float32)
  return [x, *(jnp.asarray(rng.standard_normal((T, n, H)), jnp.float32) for n in (N, K, K))]


def attend(xqkv, e):
  x, at, _ = e.layer(xqkv[0], np.arange(T))
  assert x is xqkv[0]
  return jx.attend(*xqkv[1:], e, q_positions=at, k_positions=at, q_order=np.arange(T),
                   k_order=np.arange(T), causal=True, applied=("layer",))


def near(got, wanted, atol=3e-6):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


def grape(**settings):
  e = px.GrapeContextual.init(D, H, num_heads=K, start=0.5, base=100.0, **settings)
  return e.replace(gate_weight=jax.random.normal(KEY, (D, K), jnp.float32))


def selective(**settings):
  return px.SelectiveRotary.init(KEY, D, H, num_heads=K, rank=4, base=100.0, **settings)


def selective_oracle(x, e):
  gates = [None if g is None else wide(g) for g in (e.gate, e.gate_bias)]
  return selective_angles(x, wide(e.down), wide(e.up), wide(e.kernel), wide(e.frequencies),
                          *gates)


def grape_oracle(x, e):
  return grape_contextual_angles(x, wide(e.gate_weight), wide(e.gate_bias),
                                 wide(e.planes.log_frequencies), compat=e.compat)


CASES = {
  "carope": (lambda: px.CARope.init(KEY, D, H, num_heads=K, stddev=0.5),
             lambda x, e: carope_angles(x, wide(e.weight), H // 2)),
  "selective": (selective, selective_oracle),
  "selective, gated": (lambda: selective(gated=True), selective_oracle),
  "repo": (lambda: px.RePo.init(KEY, D, H, num_heads=K, width=3, stddev=0.7, base=100.0),
           lambda x, e: repo_positions(x, wide(e.gate), wide(e.content), wide(e.out))[..., None]
           * np.asarray(e.frequencies.radians)),
  "grape": (lambda: grape(norm=False), grape_oracle),
  "grape, released code": (lambda: grape(norm=False, compat="released-code"), grape_oracle),
}


@pytest.mark.parametrize("name", CASES)
def test_attention_equals_the_loops(xqkv, name):
  make, angles = CASES[name]
  e = make()
  x, q, k, v = (wide(a) for a in xqkv)
  sign = -1 if name.startswith("grape") else 1
  at = angles(x, e)
  near(attend(xqkv, e), oracles.attention(turned(q, at, sign), turned(k, at, sign), v,
                                          mask=CAUSAL))


def test_grape_contextual_norms(xqkv, rng):
  gain = jnp.asarray(rng.uniform(0.5, 2, H), jnp.float32)
  e = grape()
  e = e.replace(planes=e.planes.replace(q_gain=gain))
  _, at, _ = e.layer(xqkv[0], None)
  q, _ = e.qk(xqkv[1], xqkv[2], at, at)
  wanted = turned(wide(xqkv[1]), grape_oracle(wide(xqkv[0]), e), -1)
  near(q, np.apply_along_axis(root_mean_square, -1, wanted, wide(gain)))


def test_wall_decays_each_channel(xqkv):
  e = px.Wall.init(KEY, D, H, num_heads=K, query_heads=N, stddev=0.7, gate_bias=1.0)
  x, q, k, v = (wide(a) for a in xqkv)
  z = wall_scores(q, k, x, wide(e.gate_weight), wide(e.gate_bias))
  near(attend(xqkv, e), oracles.attention(q, k, v, score=z, mask=CAUSAL))


def test_wall_is_finite_when_gates_shut(xqkv):
  """A released kernel's exponents leave float32 here: gates of e^-60 a token."""
  e = px.Wall.init(KEY, D, H, gate_bias=-60.0)

  def total(e):
    return attend(xqkv, e).sum()

  out, slope = jax.value_and_grad(total)(e)
  assert np.isfinite(out) and all(np.isfinite(g).all() for g in jax.tree.leaves(slope))
  x, q, k, v = (wide(a) for a in xqkv)
  z = wall_scores(q, k, x, wide(e.gate_weight), wide(e.gate_bias))
  near(attend(xqkv, e), oracles.attention(q, k, v, score=z, mask=CAUSAL))


def test_long_sums_keep_their_angles():
  """200 000 steps of 0.7 rad: a float32 sum would be off by many turns."""
  steps = 200_000
  x = jnp.ones((steps, 1))
  e = px.GrapeContextual.init(1, 2, start=0.7, norm=False, base=10.0)
  gate = float(px.grape_gates(x[:1], e.gate_weight, e.gate_bias)[0, 0])
  _, at, _ = e.layer(x, None)
  theta = float(px.grape_frequencies(e.planes.log_frequencies)[0])
  step = float(np.float32(gate) * (np.float32(theta) / np.float32(2 * np.pi)))
  last = wide(at[-1, 0, 0])
  wanted = step * (steps - 1)
  assert abs((last - wanted + 0.5) % 1 - 0.5) < 3e-3  # of the step's own rounding, times 200 000
  near(((at[-1] - at[-2] + 0.5) % 1 - 0.5)[0, 0], (step + 0.5) % 1 - 0.5, 2e-7)


@pytest.mark.parametrize("name", ["carope", "selective", "grape"])
def test_chunks_after_right_padding_go_on(xqkv, name):
  """Padding between two chunks turns nothing and feeds no tap."""
  e = CASES[name][0]()
  x = xqkv[0]
  _, whole, _ = e.layer(x, np.arange(T))
  padded = jnp.concatenate([x[:3], jnp.full((2, D), 9.0)])
  ids = jnp.array([1, 1, 1, -1, -1])
  _, first, carry = e.layer(padded, jnp.array([0, 1, 2, 2, 2]), segments=ids)
  _, rest, _ = e.layer(x[3:], np.arange(3, T), carry=carry, segments=jnp.ones(3, jnp.int32))
  both = jnp.concatenate([first[:3], rest])
  near(((both - whole + 0.5) % 1) - 0.5, np.zeros(whole.shape))


def test_taps_stop_where_positions_begin_again(xqkv):
  """Two packed documents without segments: steps of the second do not see the first."""
  e = selective()
  x = xqkv[0]
  _, packed, _ = e.layer(x, np.array([0, 1, 2, 0, 1, 2]))
  _, alone, _ = e.layer(x[3:], np.arange(3))
  near(((packed[3:] - packed[2:3] - alone + 0.5) % 1) - 0.5, np.zeros(alone.shape))
  _, joined, _ = e.layer(x, np.arange(6))
  assert np.abs(joined[3] - packed[3]).max() > 1e-3


def test_a_carry_of_zeros_is_the_start(xqkv):
  for make, _ in CASES.values():
    e = make()
    _, at, carry = e.layer(xqkv[0], np.arange(T))
    _, again, _ = e.layer(xqkv[0], np.arange(T), carry=jax.tree.map(jnp.zeros_like, carry))
    np.testing.assert_array_equal(at, again)


def test_selective_is_the_released_code():
  g = load("rotations_groups")
  p = lambda n: jnp.asarray(g[f"selective_{n}"])
  e = px.SelectiveRotary(p("down"), p("up"), p("kernel"), p("gate"), p("gate_bias"), base=500.0)
  _, at, _ = e.layer(p("x"), np.arange(len(g["selective_x"])))
  q, _ = e.qk(p("q"), p("q"), at, at)
  near(q, g["selective_turned"], 1e-5)


def test_grape_contextual_is_the_released_code():
  g = load("rotations_groups")
  e = px.GrapeContextual.init(D, H, num_heads=1, scale=1.0).replace(
    gate_weight=jnp.asarray(g["ctx_weight"]), gate_bias=jnp.asarray(g["ctx_bias"]))
  _, at, _ = e.layer(jnp.asarray(g["ctx_x"]), None)
  q, _ = e.qk(*[jnp.asarray(g["grape_q"])] * 2, at, at)
  near(q, g["ctx_turned"], 5e-6)


X = jnp.ones((T, D))
SHAPES = {
  "carope dim": (lambda: px.CARope(jnp.ones((4, 1)), 7), r"dim: got 7, wanted an even"),
  "carope width": (lambda: px.CARope.init(KEY, 4, H).layer(X, None),
                   r"x: got width 12, wanted the weights' width 4"),
  "carope positions": (lambda: jx.attend(*[jnp.ones((T, 1, H))] * 3, px.CARope.init(KEY, D, H),
                                         causal=True, q_positions=np.arange(T),
                                         k_positions=np.arange(T), applied=("layer",)),
                       r"q_positions: got shape \(6,\), wanted driven positions \[\.\.\., T, 1, 4"),
  "carope heads": (lambda: px.CARope.init(KEY, D, H, num_heads=3).qk(
    *[jnp.ones((T, 2, H))] * 2, *[jnp.ones((T, 3, 4))] * 2),
    r"k: got 2 heads, wanted the encoding's 3"),
  "selective slices": (lambda: px.SelectiveRotary.init(KEY, D, H, num_heads=5).layer(
    X, np.arange(T)), r"x: got width 12, wanted a multiple of 5 slices"),
  "selective kernel": (lambda: px.SelectiveRotary(jnp.ones((D, 2)), jnp.ones((2, 1, 4)),
                                                  jnp.ones((4, 1, 3))),
                       r"kernel: got shape \(4, 1, 3\), wanted \[taps, K, n\], K = 1, n = 4"),
  "selective gate": (lambda: px.SelectiveRotary(
    jnp.ones((D, 2)), jnp.ones((2, 1, 4)), jnp.ones((4, 1, 4)), jnp.ones((D, 1))),
    r"gate, gate_bias: got one of them"),
  "repo": (lambda: px.RePo(jnp.ones((D, 2)), jnp.ones((D, 3)), jnp.ones((2, 1)), 8),
           r"content: got shape \(12, 3\), wanted \[D, W\], D = 12, W = 2"),
  "grape compat": (lambda: px.GrapeContextual.init(D, H, compat="code"),
                   r"compat: got 'code', wanted one of paper, released-code"),
  "wall": (lambda: px.Wall(jnp.ones((D, 1, 8)), jnp.ones((1, 4))),
           r"gate_bias: got shape \(1, 4\), wanted \[K, H\], K = 1, H = 8"),
  "wall sums": (lambda: px.wall_bias(jnp.ones((2, 2, 8)), jnp.ones((2, 2, 8)),
                                     jnp.ones((2, 2, 3, 8)), jnp.ones((2, 2, 3, 8))),
                r"q_sums: got shape \(2, 2, 3, 8\), wanted"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_messages(name):
  call, message = SHAPES[name]
  with pytest.raises(ValueError, match=message):
    call()


def test_type_messages():
  with pytest.raises(TypeError, match=r"query_heads: got None, wanted the query heads N"):
    px.Wall(jnp.ones((D, 2, 8)), jnp.ones((2, 8)))
  with pytest.raises(TypeError, match=r"planes: got None, wanted a GrapeM"):
    px.GrapeContextual(jnp.ones((4, 1)), jnp.ones(1))
  with pytest.raises(TypeError, match=r"key: got 3, wanted a PRNG key"):
    px.Wall.init(3, D, H)
