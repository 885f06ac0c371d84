# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations by learned and by given matrices against float64 loops, and what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions
from posenc_jax.encodings.rotations.groups import _skew
from tests import oracles
from tests.goldens import load
from tests.oracles import algebraic, matrices
from tests.oracles.comrope import comrope
from tests.oracles.geometric import geometric_attention
from tests.oracles.grape_m import grape_m
from tests.oracles.grape_plane import grape_plane
from tests.oracles.hd_rotary import hd_rotary
from tests.oracles.liere import liere
from tests.oracles.prope import prope_attention
from tests.oracles.rotary_values import rotary_values_attention
from tests.oracles.string_cayley import string_cayley
from tests.oracles.string_circulant import string_circulant
from tests.support import jitted as jx

KEY = jax.random.key(1)
T, N, K, H = 5, 4, 2, 8
ORDER = np.arange(T)
CAUSAL = np.tril(np.ones((T, T), bool))
GRID = np.array([[0, 0], [0, 3], [2, 1], [-4, 2], [7, 7]])
wide = lambda x: np.asarray(x, np.float64)


@pytest.fixture
def qkv(rng):
  return [jnp.asarray(rng.standard_normal((T, n, H)), jnp.float32) for n in (N, K, K)]


def attend(qkv, e, at, **options):
  return jx.attend(*qkv, e, q_positions=at, k_positions=at, q_order=ORDER, k_order=ORDER,
                   causal=True, **options)


def near(got, wanted, atol=2e-6):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


def made(cls, **settings):
  return cls.init(KEY, H, num_heads=K, **settings)


PLANES = made(px.GrapePlane)
CASES = {
  "liere": (lambda: made(px.Liere, block=4), GRID / 8,
            lambda x, at, e: liere(x, at, wide(e.generators))),
  "liere, one axis": (lambda: made(px.Liere, block=4, axes=1), GRID[:, 1] / 8,
                      lambda x, at, e: liere(x, at[:, None], wide(e.generators))),
  "comrope": (lambda: made(px.ComRope, block=4), GRID,
              lambda x, at, e: comrope(x, at, wide(e.generators), wide(e.rates))),
  "comrope, ap": (lambda: made(px.ComRope, block=2, kind="ap"), GRID,
                  lambda x, at, e: comrope(x, at, wide(e.generators),
                                           np.array([[1, 0, 1, 0], [0, 1, 0, 1]]))),
  "circulant": (lambda: made(px.StringCirculant, block=8), GRID,
                lambda x, at, e: string_circulant(x, at, wide(e.columns))),
  "cayley": (lambda: made(px.StringCayley, stddev=0.5, pairing="interleaved"), GRID,
             lambda x, at, e: string_cayley(x, at, wide(e.frequencies), wide(e.raw),
                                            pairing="interleaved")),
  "plane": (lambda: PLANES, ORDER, lambda x, at, e: grape_plane(x, at, wide(e.a), wide(e.b))),
  "hd": (lambda: px.HDRotary(H, base=100.0), ORDER,
         lambda x, at, e: hd_rotary(x, at, [1.0, 0.1])),
  "grape-m": (lambda: px.GrapeM.init(H, base=50.0, norm=False), ORDER,
              lambda x, at, e: grape_m(x, at, wide(e.log_frequencies))),
}


@pytest.mark.parametrize("name", CASES)
def test_attention_equals_the_loops(qkv, name):
  make, at, turn = CASES[name]
  e = make()
  q, k, v = (wide(x) for x in qkv)
  wanted = oracles.attention(turn(q, at, e), turn(k, at, e), v, mask=CAUSAL)
  kind = np.int32 if np.issubdtype(at.dtype, np.integer) else np.float32
  # Angles are sums of up to 40 rad of float32 products.
  near(attend(qkv, e, at.astype(kind)), wanted, 2e-5 if name in ("comrope", "circulant") else 5e-6)


@pytest.mark.parametrize("name", ["comrope", "comrope, ap", "circulant", "cayley", "plane", "hd",
                                  "grape-m"])
def test_scores_depend_on_offsets_at_any_position(qkv, name):
  make, at, _ = CASES[name]
  e = make()
  assert e.relative
  near(attend(qkv, e, at + 2**29), attend(qkv, e, at), 1e-5)


def test_liere_keeps_norms_and_the_origin_and_is_not_relative(qkv):
  e = made(px.Liere, block=8)
  at = jnp.asarray(GRID / 8, jnp.float32)
  turned, _ = e.qk(qkv[0], qkv[1], at, at)
  near(jnp.linalg.norm(turned, axis=-1), jnp.linalg.norm(qkv[0], axis=-1), 1e-5)
  near(turned[0], qkv[0][0], 2e-6)
  assert not e.relative
  assert np.abs(attend(qkv, e, at + 1) - attend(qkv, e, at)).max() > 1e-2


def test_exponentials_have_derivatives_where_eigenvalues_meet(rng, x64):
  zero = jnp.zeros((4, 4))
  direction = matrices.upper_skew(rng.standard_normal((4, 4)))
  _, slope = jax.jvp(_skew.exponential, (zero,), (jnp.asarray(direction),))
  near(slope, direction, 1e-12)
  a = matrices.upper_skew(rng.standard_normal((4, 4)))
  _, slope = jax.jvp(_skew.exponential, (jnp.asarray(a),), (jnp.asarray(direction),))
  step = 1e-5
  ends = [matrices.exponential(a + s * step * direction) for s in (1, -1)]
  near(slope, (ends[0] - ends[1]) / (2 * step), 1e-8)


def test_gradients_of_generators_of_zeros_are_finite(qkv):
  zeros = lambda e: jax.tree.map(jnp.zeros_like, e)
  for e in (made(px.ComRope, block=4), made(px.GrapePlane), made(px.Liere, block=4)):
    at = ORDER if e.position_axes == 0 else GRID
    got = jax.jit(jax.grad(lambda e, at=at: attend(qkv, e, at).sum()))(zeros(e))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(got))


def test_grape_m_norms_come_after_the_rotation(qkv, rng):
  gain = jnp.asarray(rng.uniform(0.5, 2, H), jnp.float32)
  e = px.GrapeM.init(H).replace(q_gain=gain)
  assert not e.relative
  q, k = e.qk(qkv[0], qkv[1], ORDER, ORDER)
  near(q, grape_m(wide(qkv[0]), ORDER, wide(e.log_frequencies), wide(gain)))
  near(k, grape_m(wide(qkv[1]), ORDER, wide(e.log_frequencies), np.ones(H)))
  near(px.grape_frequencies(e.log_frequencies), px.rotary_frequencies(H).radians, 1e-6)


def test_grape_m_is_the_released_code():
  g = load("rotations_groups")
  e = px.GrapeM.init(H, scale=1.0)
  q, _ = e.qk(jnp.asarray(g["grape_q"]), jnp.asarray(g["grape_q"]), *[np.arange(6)] * 2)
  near(q, g["grape_turned"], 3e-6)


def test_liere_and_comrope_are_the_released_code():
  g = load("rotations_groups")
  for name in ("liere", "comrope_ld", "comrope_ap"):
    x, at = jnp.asarray(g["block_q"]), jnp.asarray(g["block_at"])
    raw = jnp.asarray(g[f"{name}_raw"])
    e = (px.Liere(raw) if name == "liere" else
         px.ComRope(raw, jnp.asarray(g["comrope_ld_rates"]) if name == "comrope_ld" else None, 2))
    near(e.qk(x, x, at, at)[0], g[f"{name}_turned"], 1e-5)


def test_moebius_heads_come_back_negated():
  e = px.moebius_rotary(8, 4, 32)
  q = jnp.ones((2, 4, 8))
  turned = e.qk(q, q, jnp.array([0, 32]), jnp.array([0, 32]))[0]
  near(turned[1, 0], -q[1, 0], 2e-6)
  near(turned[1, 1:], px.Rotary(8).qk(q, q, *[jnp.array([0, 32])] * 2)[0][1, 1:])
  near(functions.moebius_frequencies(8, 32).radians, np.pi * np.array([1, 3, 5, 7]) / 32, 1e-15)


def test_trailing_rotary_turns_the_last_dims_and_back(qkv):
  e = functions.trailing_rotary(H, 4, base=100.0, pairing="interleaved", values=True)
  f = [1.0, 0.1]
  turn = lambda x, **o: np.concatenate(
    [x[..., :4], oracles.rotate(x[..., 4:], ORDER, f, pairing="interleaved", **o)], -1)
  q, k, v = (wide(x) for x in qkv)
  wanted = turn(oracles.attention(turn(q), turn(k), turn(v), mask=CAUSAL), inverse=True)
  near(attend(qkv, e, ORDER), wanted)
  assert not functions.trailing_rotary(H, 4).has("values")


def test_trailing_rotary_against_transformers():
  g = load("rotations_groups")
  e = functions.trailing_rotary(16, 8, pairing="interleaved")
  at = jnp.asarray(g["v4_at"], jnp.int32)
  near(e.qk(*[jnp.asarray(g["v4_q"])] * 2, at, at)[0], g["v4_turned"], 2e-5)


def test_rotary_values_are_not_turned_back(qkv):
  q, k, v = (wide(x) for x in qkv)
  wanted = rotary_values_attention(q, k, v, ORDER, oracles.rotary_frequencies(H), mask=CAUSAL)
  near(attend(qkv, px.RotaryValues(H), ORDER), wanted)


def test_trees_score_by_the_path_between_nodes(rng):
  nodes = np.array([0, 1, 4, 9, 12, 2])
  e = px.TreePaths.init(KEY, H, depth=4, num_heads=K)
  q, k = (rng.standard_normal((6, n, H)) for n in (N, K))
  paths = px.tree_paths(nodes, 4)
  assert [[b for b in row if b] for row in paths.tolist()] == [
    algebraic.node_path(int(n)) for n in nodes]
  a, b = e.qk(jnp.asarray(q, jnp.float32), jnp.asarray(k, jnp.float32), paths, paths)
  got = jnp.einsum("tnh,snh->nts", a, jnp.repeat(b, N // K, axis=1))
  near(got, algebraic.tree_scores(q, k, [algebraic.node_path(int(n)) for n in nodes],
                                  wide(e.generators)), 3e-5)


def cameras(rng, count):
  views = np.tile(np.eye(4), (count, 1, 1))
  for c in range(count):
    views[c, :3, :3] = matrices.exponential(matrices.upper_skew(rng.standard_normal((3, 3))))
    views[c, :3, 3] = rng.standard_normal(3)
  k = np.tile(np.array([[300.0, 0, 150], [0, 280, 110], [0, 0, 1]]), (count, 1, 1))
  return views, k


def test_prope_sees_relative_cameras(rng):
  views, k = cameras(rng, 2)
  at = px.camera_positions(views, k, patches=(1, 2), image=(320, 240))
  qkv = [jnp.asarray(rng.standard_normal((4, n, H)), jnp.float32) for n in (N, K, K)]
  e = px.Prope(H)
  places = [(wide(row[:16]).reshape(4, 4), row[16], row[17]) for row in at]
  got = jx.attend(*qkv, e, q_positions=at, k_positions=at)
  near(got, prope_attention(*(wide(x) for x in qkv), places, [1.0]), 2e-5)
  world = np.eye(4)
  world[:3, :3] = matrices.exponential(matrices.upper_skew(rng.standard_normal((3, 3))))
  world[:3, 3] = 2.0
  moved = px.camera_positions(views @ world, k, patches=(1, 2), image=(320, 240))
  near(jx.attend(*qkv, e, q_positions=moved, k_positions=moved), got, 2e-5)


def test_prope_is_the_released_code():
  g = load("rotations_groups")
  at = px.camera_positions(g["prope_views"], g["prope_k"], patches=(2, 3), image=(48, 32))
  qkv = [jnp.asarray(np.swapaxes(g[f"prope_{n}"], 0, 1)) for n in ("q", "key", "v")]
  got = jx.attend(*qkv, px.Prope(16), q_positions=at, k_positions=at)
  near(got, np.swapaxes(g["prope_out"], 0, 1), 3e-5)


def test_geometric_attention_hides_residues_without_a_frame(rng):
  turns = [matrices.exponential(matrices.upper_skew(rng.standard_normal((3, 3))))
           for _ in range(T)]
  shifts = rng.standard_normal((T, 3))
  known = np.array([True, True, False, True, True])
  qkv = [jnp.asarray(rng.standard_normal((T, n, w)), jnp.float32)
         for n, w in ((N, 6), (K, 6), (K, 3))]
  e = px.Geometric(*(jnp.asarray(rng.standard_normal(N), jnp.float32) for _ in range(2)))
  frames = [(r, t) if there else None for r, t, there in zip(turns, shifts, known, strict=True)]
  at = px.frame_positions(np.stack(turns), shifts, known)
  got = jx.attend(*qkv, e, q_positions=at, k_positions=at)
  wanted = geometric_attention(*(wide(x) for x in qkv), frames, wide(e.direction),
                               wide(e.distance))
  near(got, wanted, 1e-5)
  assert (np.asarray(got[2]) == 0).all()


BAD = np.zeros((2, 18))
SHAPES = {
  "liere block": (lambda: px.Liere.init(KEY, 8, block=3), r"block: got 3, wanted a divisor of"),
  "liere square": (lambda: px.Liere(jnp.ones((2, 1, 1, 4, 8))),
                   r"generators: got blocks of \(4, 8\), wanted square"),
  "liere axes": (lambda: px.liere_rotations(jnp.zeros((1, 3)), jnp.ones((2, 1, 1, 4, 4))),
                 r"positions: got 3 axes, wanted one for each of the 2 generators"),
  "width": (lambda: made(px.ComRope, block=4).qk(*[jnp.ones((5, 2, 16))] * 2, GRID, GRID),
            r"generators: got blocks of 8 dims in all, wanted the 16 dims"),
  "key heads": (lambda: made(px.StringCirculant, block=4).qk(*[jnp.ones((5, 4, 8))] * 2, GRID,
                                                              GRID),
                r"columns: got 2 heads, wanted one, or one for each of the 4 key heads"),
  "comrope kind": (lambda: px.ComRope.init(KEY, 8, kind="lp"), r"kind: got 'lp', wanted one of"),
  "comrope blocks": (lambda: px.ComRope(jnp.ones((1, 1, 8, 8)), None, 2),
                     r"generators: got 1 blocks, wanted one at least for each of the 2 axes"),
  "circulant axes": (lambda: made(px.StringCirculant, block=4).qk(
    *[jnp.ones((5, 2, 8))] * 2, ORDER, ORDER), r"positions: got shape \(5,\), wanted .*T, 2\]"),
  "cayley raw": (lambda: px.StringCayley(jnp.ones((1, 1, 4)), jnp.ones((1, 4, 4))),
                 r"raw: got shape \(1, 4, 4\), wanted \[K, H, H'\]"),
  "grape sign": (lambda: px.GrapeM.init(8, sign=0), r"sign: got 0, wanted 1 or -1"),
  "grape gains": (lambda: px.GrapeM(jnp.ones(4), jnp.ones(8)), r"q_gain, k_gain: got one of them"),
  "plane": (lambda: px.GrapePlane(jnp.ones((1, 8)), jnp.ones((2, 8))),
            r"b: got shape \(2, 8\), wanted \[K, H\], K = 1"),
  "hd": (lambda: px.HDRotary(6), r"dim: got 6, wanted a multiple of 4"),
  "hd frequencies": (lambda: px.hd_rotate(jnp.ones((1, 1, 8)), [0], [1.0]),
                     r"frequencies: got 1 numbers, wanted a quarter of the 8 dims"),
  "moebius": (lambda: px.moebius_rotary(8, 4, 32, share=0.0), r"share: got 0.0, wanted"),
  "trailing": (lambda: functions.trailing_rotary(8, 16), r"dim: got 16, wanted at most head_dim"),
  "prope": (lambda: px.Prope(12), r"head_dim: got 12, wanted a multiple of 8"),
  "prope part": (lambda: px.camera_transform(jnp.ones((1, 1, 8)), np.zeros((1, 18)), [1.0], "v"),
                 r"part: got 'v', wanted one of query, key, output"),
  "prope image": (lambda: px.camera_positions(np.eye(4)[None], image=(320, 240)),
                  r"intrinsics, image: got one of them"),
  "prope pixels": (lambda: px.camera_positions(np.eye(4)[None], np.eye(3)[None]),
                   r"intrinsics, image: got one of them"),
  "prope columns": (lambda: px.camera_transform(jnp.ones((1, 1, 8)), BAD[:1, :17], [1.0], "key"),
                    r"positions: got shape \(1, 17\)"),
  "prope tokens": (lambda: px.camera_transform(jnp.ones((2, 1, 8)), BAD[:1], [1.0], "key"),
                   r"positions: got shape \(1, 18\)"),
  "liere bfloat16": (lambda: px.liere_rotations(
    jnp.ones((1, 1), jnp.bfloat16), jnp.ones((1, 1, 1, 2, 2))), r"positions: got bfloat16"),
  "grape scale": (lambda: px.GrapeM(jnp.zeros(2), scale=0.0), r"scale: got 0.0"),
  "prope views": (lambda: px.camera_positions(np.eye(4)), r"views: got shape \(4, 4\)"),
  "prope intrinsics": (lambda: px.camera_positions(np.eye(4)[None], np.eye(3)),
                       r"intrinsics: got shape \(3, 3\), wanted \(1, 3, 3\)"),
  "geometric": (lambda: px.Geometric.init(1).qk(*[jnp.ones((1, 1, 8))] * 2,
                                                *[np.zeros((1, 13))] * 2),
                r"q, k: got 8 dims, wanted 6"),
  "frames": (lambda: px.frame_positions(np.eye(3), np.zeros((2, 3))),
             r"rotations, translations: got shapes \(3, 3\) and \(2, 3\)"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_messages(name):
  call, message = SHAPES[name]
  with pytest.raises((TypeError, ValueError), match=message):
    call()


def test_type_messages():
  with pytest.raises(TypeError, match=r"columns: got int32\[1, 1, 1, 4\], wanted a float array"):
    px.StringCirculant(jnp.ones((1, 1, 1, 4), jnp.int32))
  with pytest.raises(TypeError, match="positions: got float32, wanted integers"):
    px.path_rotation(jnp.ones((2, 1, 2)), np.zeros((2, 1), np.float32), jnp.ones((1, 1, 2, 2)))
  with pytest.raises(TypeError, match="key: got 3, wanted a PRNG key"):
    px.Liere.init(3, 8)
