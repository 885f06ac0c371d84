# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Features that are added to embeddings, against loops in float64 and independent packages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions
from tests import goldens, oracles
from tests.oracles import (
  abacus,
  complex_order,
  cpe,
  fourier,
  graph,
  grid_sinusoidal,
  lape,
  learnable_fourier,
  seqpe,
  time2vec,
)
from tests.support import jitted as jx

KEY = jax.random.key(5)
NEAR = {"rtol": 0, "atol": 2e-6}


def _normal(name, *shape):
  return np.random.default_rng(list(name.encode())).standard_normal(shape).astype(np.float32)


def _attended(e, x, positions, added):
  """What attention over embeddings gives, ours and the oracle's; added is the oracle's table."""
  weights = [_normal(n, x.shape[-1], 2, 4) for n in "qkv"]
  embedded = e.inputs(jnp.asarray(x)[None], positions)
  order = np.arange(len(x))
  q, k, v = (jnp.einsum("btd,dnh->btnh", embedded, w) for w in weights)
  got = jx.attend(q, k, v, e, q_positions=positions, k_positions=positions, causal=True,
                  q_order=order, k_order=order, applied=("inputs",))
  q, k, v = (np.einsum("td,dnh->tnh", x.astype(float) + added, w) for w in weights)
  wanted = oracles.attention(q, k, v, mask=np.tril(np.ones((len(x), len(x)), bool)))
  return got[0], wanted


def test_sinusoids_agree_with_packages():
  golden, at = goldens.load("inputs"), jnp.arange(32)
  np.testing.assert_allclose(px.sinusoidal(at, 16), golden["xlm"], **NEAR)
  np.testing.assert_allclose(px.sinusoidal(at, 16, layout="halves"), golden["marian"], **NEAR)
  last = px.sinusoidal(at, 16, layout="halves", divisor="last")
  np.testing.assert_allclose(last, golden["m2m_100"], **NEAR)


def test_learned_rows_agree_with_packages():
  """RoBERTa counts from 2 and gives padding row 1; OPT counts from 2 and gives padding row 1."""
  golden = goldens.load("inputs")
  e = px.Learned(golden["opt_table"], offset=2)
  at = jnp.maximum(px.positions.from_mask(golden["opt_mask"].astype(bool)), -1)
  np.testing.assert_array_equal(e.inputs(jnp.zeros((2, 6, 6)), at), golden["opt"])
  rows = np.where([[True] * 4 + [False] * 2, [True] * 6], np.arange(6) + 2, 1)
  np.testing.assert_array_equal(golden["roberta_rows"], rows)


@pytest.mark.parametrize("name, layout, dim, axes", [
  ("multidim_2d", "interleaved", 10, (3, 4)), ("multidim_3d", "interleaved", 16, (2, 3, 4)),
  ("timm_sines", "sines", 16, (3, 4)), ("timm_halves", "halves", 16, (3, 4)),
  ("mae", "halves", 16, (3, 4))])
def test_grid_sinusoids_agree_with_packages(name, layout, dim, axes):
  got = px.grid_sinusoidal(px.positions.grid(*axes), dim, layout=layout)
  np.testing.assert_allclose(got, goldens.load("inputs")[name], **NEAR)


@pytest.mark.parametrize("layout, divisor, dim, order", [
  ("halves", "last", 16, (1, 0)), ("interleaved", "dim", 11, None), ("sines", "dim", 8, None)])
def test_grid_sinusoids_are_exact_at_any_position(layout, divisor, dim, order):
  at = np.array([[0, 0], [3, 7], [2**30, -5], [-4096, 10**9]])
  settings = {"layout": layout, "divisor": divisor, "order": order}
  got = px.grid_sinusoidal(at, dim, **settings)
  np.testing.assert_allclose(got, grid_sinusoidal.grid_sinusoidal(at, dim, **settings), **NEAR)


def test_big_visions_order_puts_x_first():
  """[sin x, cos x, sin y, cos y] of a grid in row-major order, divisor width / 4 - 1."""
  e = px.GridSinusoidal(8, divisor="last", order=(1, 0))
  row = e.inputs(jnp.zeros((6, 8)), px.positions.grid(2, 3))[5]  # y = 1, x = 2
  w = np.array([1, 1e-4])
  wanted = np.concatenate([np.sin(2 * w), np.cos(2 * w), np.sin(w), np.cos(w)])
  np.testing.assert_allclose(row, wanted, **NEAR)


def test_grid_sinusoids_in_attention():
  x, at = _normal("x", 6, 16), px.positions.grid(2, 3)
  wanted = grid_sinusoidal.grid_sinusoidal(np.asarray(at), 16)
  np.testing.assert_allclose(*_attended(px.GridSinusoidal(16), x, at, wanted), rtol=0, atol=5e-6)


def test_scaled_and_learned_sinusoids_are_trained():
  scaled, learned = px.scaled_sinusoidal(16), px.learned_sinusoidal(16)
  assert px.is_parameter(scaled).scale and not px.is_parameter(learned).scale
  assert px.is_parameter(learned).frequencies
  at = jnp.array([0, 3, 2**30])
  table = lambda e: e.inputs(jnp.zeros((3, 16)), at)
  wanted = oracles.sinusoidal([0, 3, 2**30], 16, layout="halves") / 4
  np.testing.assert_allclose(table(scaled), wanted, **NEAR)
  rounded = np.asarray(learned.frequencies, np.float64)
  wanted = np.sin(np.arange(1, 4)[:, None] * rounded[None])
  near = learned.inputs(jnp.zeros((3, 16)), jnp.arange(1, 4))[:, ::2]
  np.testing.assert_allclose(near, wanted, **NEAR)
  slope = jax.grad(lambda e: table(e)[1, 2], allow_int=True)(learned).frequencies  # sin(3 w_1)
  np.testing.assert_allclose(slope[1], 3 * np.cos(3 * rounded[1]), rtol=1e-5)


def test_fourier_features():
  x, b = _normal("coordinates", 5, 3), _normal("b", 8, 3)
  np.testing.assert_allclose(px.fourier_features(x, b), fourier.fourier_features(x, b), rtol=0,
                             atol=2e-5)  # 2 pi times float32 products of size 5
  small = px.fourier_features(x / 16, b)
  np.testing.assert_allclose(small, fourier.fourier_features(x / 16, b), **NEAR)
  at = np.linspace(-1, 1, 6, dtype=np.float32)
  got = px.FourierFeatures(px.cape_matrix(16)).inputs(
    jnp.zeros((6, 16)), jnp.stack([at, at[::-1]], -1))
  np.testing.assert_allclose(got, fourier.cape_2d(np.stack([at, at[::-1]], -1), 16), rtol=0,
                             atol=2e-5)


def test_fourier_features_in_attention():
  x, at = _normal("x", 5, 16), np.linspace(0, 1, 5, dtype=np.float32)
  e = px.FourierFeatures.init(KEY, 16)
  wanted = fourier.fourier_features(at[:, None], np.asarray(e.matrix))
  np.testing.assert_allclose(*_attended(e, x, jnp.asarray(at), wanted), rtol=0, atol=5e-6)
  assert not any(jax.tree.leaves(px.is_parameter(e)))


def test_learnable_fourier_features():
  golden = goldens.load("inputs")
  weights = [golden[f"fourier_{n}"] for n in ("matrix", "w1", "b1", "w2", "b2")]
  x = golden["fourier_x"]
  got = px.learnable_fourier(x.reshape(7, 6), *weights)
  np.testing.assert_allclose(got, golden["fourier"], **NEAR)
  np.testing.assert_allclose(got, learnable_fourier.learnable_fourier(x, *weights), **NEAR)
  e = px.LearnableFourier(*weights, groups=2)
  np.testing.assert_array_equal(e.inputs(jnp.zeros((7, 10)), x.reshape(7, 6)), got)
  assert all(jax.tree.leaves(px.is_parameter(e)))


@pytest.mark.parametrize("linear", ["first", "last"])
def test_time2vec(linear):
  w, p = _normal("w", 4), _normal("p", 4)
  at = np.array([-3.0, 0.0, 0.25, 7.5], np.float32)
  turn = (lambda a: a) if linear == "first" else (lambda a: np.roll(a, -1, -1))
  got = px.time2vec(at, turn(w), turn(p), linear=linear)
  np.testing.assert_allclose(got, turn(time2vec.time2vec(at, w, p)), **NEAR)


def test_complex_order():
  """The embedding holds amplitudes and frequencies; the error is 2e-7 of the angle."""
  r, w, at = _normal("r", 5, 8), _normal("frequency", 5, 8), np.array([0, 1, 5, 30, 2**30])
  wanted = complex_order.complex_order(r, w, at)
  got = px.ComplexOrder().inputs(jnp.concatenate([r, w], -1), jnp.asarray(at))
  np.testing.assert_allclose(got[:4], np.concatenate([wanted.real, wanted.imag], -1)[:4], rtol=0,
                             atol=2e-5)
  assert np.abs(np.hypot(got[:, :8], got[:, 8:]) - np.abs(r)).max() < 1e-6
  table = functions.complex_frequencies(3, 4)
  np.testing.assert_allclose(table[2], 2 * 1e4 ** (-np.arange(4) / 2), rtol=1e-6)


def test_cpe_is_a_convolution():
  """A whole image; then with CLS in front, tokens out of order, and two images in one row."""
  e = px.Cpe(_normal("kernel", 3, 3, 4), _normal("offset", 4))
  image = _normal("image", 3, 5, 4)
  x, at = image.reshape(15, 4), np.asarray(px.positions.grid(3, 5))
  wanted = cpe.conditional(image, e.kernel, e.offset).reshape(15, 4)
  np.testing.assert_allclose(e.layer(x, at)[0], wanted, **NEAR)
  shuffle = np.random.default_rng(0).permutation(15)
  np.testing.assert_allclose(e.layer(x[shuffle], at[shuffle])[0], wanted[shuffle], **NEAR)
  cls = np.concatenate([[[1.0, 2.0, 3.0, 4.0]], x]).astype(np.float32)
  got = e.layer(cls, np.concatenate([[[-1, -1]], at]))[0]
  np.testing.assert_allclose(got, np.concatenate([cls[:1], wanted]), **NEAR)
  two, segments = np.concatenate([x, 9 * x]), np.repeat([1, 2], 15)
  got = e.layer(two, np.concatenate([at, at]), segments=segments)[0]
  np.testing.assert_allclose(got[:15], wanted, **NEAR)


def test_lape_is_a_chain_of_norms():
  table, gain, offset = _normal("table", 6, 8), _normal("gain", 3, 8), _normal("offset", 3, 8)
  layers = px.lape_layers(table, gain, offset)
  x, at = _normal("x", 4, 8), jnp.array([5, 0, 2, 2])
  for i, e in enumerate(layers):
    added = e.layer(jnp.asarray(x), at)[0] - x
    wanted = [lape.lape(table[p], gain[:i + 1], offset[:i + 1]) for p in at]
    np.testing.assert_allclose(added, wanted, rtol=0, atol=5e-6)
  total = lambda t, g: sum(
    e.layer(jnp.asarray(x), at)[0].sum() for e in px.lape_layers(t, g, offset))
  slope = jax.grad(total, argnums=1)(jnp.asarray(table), jnp.asarray(gain))
  assert np.abs(slope[0]).max() > 1e-3  # layers 1, 2 and 3 all read the first norm


def test_abacus():
  text = "98+1234=2431"
  digits = np.array([c.isdigit() for c in text])
  ids = px.abacus_positions(digits)
  assert ids.tolist() == abacus.abacus_positions(text)
  both = px.abacus_positions(jnp.ones(4, bool), segments=jnp.array([1, 1, 2, 2]))
  assert both.tolist() == [1, 2, 1, 2]
  e = px.Abacus.init(KEY, 6, 8, shift=9)
  moved = np.asarray(e.positions(ids, key=KEY)) - np.asarray(ids)
  assert len(set(moved[digits])) == 1 and not moved[~digits].any()
  rows = jnp.stack([ids] * 50)
  shared = np.asarray(e.positions(rows, key=KEY))
  own = np.asarray(e.replace(a_row=True).positions(rows, key=KEY))
  assert (shared == shared[0]).all() and set((own - np.asarray(ids))[:, 0]) == set(range(10))
  np.testing.assert_array_equal(e.inputs(jnp.zeros((12, 8)), ids), e.table[ids])


@pytest.mark.parametrize("axes, last, hide", [(1, True, True), (2, False, True), (1, False, False)])
def test_seqpe(axes, last, hide):
  e = px.SeqPE.init(KEY, 6, axes=axes, num_digits=3, width=4, layers=2, heads=2, last=last,
                    hide_padding=hide, stddev=0.5)
  noise = lambda a: a + 0.1 * np.random.default_rng(a.size).standard_normal(a.shape)
  e = jax.tree.map(lambda a: noise(np.asarray(a)).astype(np.float32), e)
  p = {n: getattr(e, n) for n in ("digits", "places", "axis", "last", "out", "out_offset")}
  p["blocks"] = [{n: np.asarray(a)[i] for n, a in e.blocks._asdict().items()} for i in range(2)]
  at = np.array([[0, 0], [7, 12], [120, 3], [999, 999]])[:, :axes]
  wanted = [seqpe.seqpe(row, p, count=3, heads=2, hide_padding=hide) for row in at]
  got = e.inputs(jnp.zeros((4, 6)), jnp.asarray(at if axes > 1 else at[:, 0]))
  np.testing.assert_allclose(got, wanted, rtol=0, atol=5e-6)


def test_positions_of_graphs():
  golden = goldens.load("inputs")
  a = golden["adjacency"].astype(float)
  vectors = px.laplacian_positions(a, 4)
  lap = graph.laplacian(a)
  values = np.diag(vectors.T @ lap @ vectors)
  np.testing.assert_allclose(lap @ vectors, vectors * values, atol=1e-6)
  np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-6)
  assert (np.diff(values) >= 0).all() and values[0] > 1e-6
  np.testing.assert_allclose(np.abs(vectors), np.abs(golden["laplacian"]), rtol=0, atol=1e-5)
  np.testing.assert_allclose(px.random_walk_positions(a, 5), graph.returns(a, 5), **NEAR)
  walk = px.random_walk_positions(a > 0, 5)
  np.testing.assert_allclose(walk, golden["walk"], **NEAR)
  assert px.laplacian_positions(np.zeros((2, 2)), 3)[:, 1:].tolist() == [[0, 0], [0, 0]]


def test_signs_of_eigenvectors_are_drawn_for_each_graph():
  at = jnp.broadcast_to(px.laplacian_positions(np.ones((4, 4)) - np.eye(4), 3), (60, 4, 3))
  e = px.LaplacianNodes.init(KEY, 3, 8)
  np.testing.assert_array_equal(e.positions(at), at)
  ratio = np.asarray(e.positions(at, key=KEY)) * np.sign(at)
  signs = np.sign(ratio.sum(1))
  np.testing.assert_array_equal(np.sign(ratio) * signs[:, None], np.abs(np.sign(at)))
  assert len({tuple(row) for row in signs}) == 8


ERRORS = {
  "axes": (lambda: px.grid_sinusoidal(jnp.zeros((3, 1)), 8), r"positions: got 1 axes, wanted"),
  "sines": (lambda: px.GridSinusoidal(10, layout="sines"), r"d_model: got 10, wanted a multiple"),
  "order": (lambda: px.GridSinusoidal(8, order=(0, 0)), r"order: got \(0, 0\), wanted the axes 0"),
  "width": (lambda: px.GridSinusoidal(8).inputs(jnp.zeros((3, 6)), jnp.zeros((3, 2), jnp.int32)),
            r"x: got width 6, wanted the width 8.*Build GridSinusoidal"),
  "matrix": (lambda: px.FourierFeatures(8), r"matrix: got 8, wanted .*FourierFeatures\.init"),
  "odd": (lambda: px.FourierFeatures.init(KEY, 7), r"d_model: got 7, wanted an even width"),
  "cape": (lambda: px.cape_matrix(7), r"d_model: got 7, wanted an even width"),
  "groups": (lambda: px.LearnableFourier.init(KEY, 8, axes=3, groups=2), r"groups: got 2, wanted"),
  "features": (lambda: px.LearnableFourier.init(KEY, 8, features=3), r"features: got 3, wanted"),
  "M": (lambda: px.learnable_fourier(jnp.zeros((3, 3)), jnp.ones((1, 2)), *[jnp.ones((2, 2))] * 4),
        r"positions: got shape \(3, 3\), wanted \[\.\.\., G M\] with M = 2"),
  "weights": (lambda: px.LearnableFourier(jnp.ones((1, 2)), *[jnp.ones((3, 3))] * 4),
              r"matrix, w1, b1, w2, b2: got shapes"),
  "time": (lambda: px.Time2Vec(jnp.ones(3), jnp.ones(2), jnp.ones((3, 4))),
           r"frequency, phase, projection: got shapes .*Time2Vec\.init"),
  "phases": (lambda: px.time2vec(jnp.ones(2), jnp.ones(3), jnp.ones(2)), r"frequency, phase: got"),
  "linear": (lambda: px.time2vec(jnp.ones(2), jnp.ones(3), jnp.ones(3), linear="middle"),
             r"linear: got 'middle'"),
  "complex": (lambda: px.ComplexOrder().inputs(jnp.ones((2, 3)), jnp.arange(2)),
              r"x: got width 3, wanted an even width 2C"),
  "kernel": (lambda: px.Cpe(jnp.ones((2, 3, 4)), jnp.ones(4)), r"kernel, offset: got .* odd"),
  "lape": (lambda: px.Lape(jnp.ones((4, 8)), jnp.ones((2, 8)), jnp.ones((1, 8))),
           r"table, gain, offset: got shapes .*Lape\.init"),
  "abacus": (lambda: px.abacus_positions(jnp.ones(3, jnp.int32)), r"digits: got int32\[3\]"),
  "shift": (lambda: px.Abacus(jnp.ones((4, 2)), shift=-1), r"shift: got -1, wanted an int"),
  "digits": (lambda: functions.decimal_digits(jnp.array([100]), 2),
             r"positions: got 100, wanted numbers of 2 digits"),
  "negative": (lambda: functions.decimal_digits(jnp.array([-1]), 2), r"positions: got -1"),
  "heads": (lambda: px.SeqPE.init(KEY, 8, width=4, heads=3), r"width: got 4, wanted a multiple"),
  "adjacency": (lambda: px.laplacian_positions(np.ones((2, 3)), 1), r"adjacency: got shape"),
  "directed": (lambda: px.laplacian_positions([[0, 1], [0, 0]], 1), r"adjacency: got a matrix"),
  "weight": (lambda: px.WalkNodes(3), r"weight: got 3, wanted .*WalkNodes\.init"),
  "laplacian": (lambda: px.LaplacianNodes(3), r"weight: got 3, wanted .*LaplacianNodes\.init"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes_are_named(name):
  call, text = ERRORS[name]
  with pytest.raises((TypeError, ValueError), match=text):
    call()
