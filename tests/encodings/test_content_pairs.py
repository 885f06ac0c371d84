# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings whose scores read content against their oracles and what others made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from posenc_jax.encodings._convolution import convolve
from tests import goldens, oracles
from tests.oracles import (
  disentangled,
  grape_additive,
  grape_path,
  inkling,
  music_transformer,
  path_attention,
  tupe,
)
from tests.support import jitted as jx

KEY = jax.random.key(0)
T, N, K, H, D = 7, 4, 2, 8, 5
CAUSAL = np.tril(np.ones((T, T), bool))
AT = np.array([0, 1, 2, 4, 5, 9, 10], np.int32)


@pytest.fixture
def qkv(rng):
  return [rng.standard_normal((T, n, H)).astype(np.float32) for n in (N, K, K)]


@pytest.fixture
def x(rng):
  return rng.standard_normal((T, D)).astype(np.float32)


def close(got, want, tolerance=2e-6):
  np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def wide(*arrays):
  return [np.asarray(a, np.float64) for a in arrays]


def run(e, qkv, causal=True, at=AT, **options):
  return jx.attend(*qkv, e, q_positions=at, k_positions=at, causal=causal, **options)


def driven(e, qkv, x, **options):
  """As a layer runs it."""
  _, at, _ = e.layer(x, AT)
  return run(e, qkv, at=at, q_order=np.arange(T), k_order=np.arange(T), applied=("layer",),
             **options)


def test_music_transformer(qkv):
  e = px.MusicTransformer.init(KEY, N, H, length=4, stddev=1.0)
  want = music_transformer.music_attention(*wide(*qkv), AT, AT, *wide(e.table), mask=CAUSAL)
  close(run(e, qkv), want)


def test_skew_is_the_lookup_for_whole_sequences(qkv, rng):
  table = rng.standard_normal((T, N, H)).astype(np.float32)
  behind = np.arange(T)[:, None] - np.arange(T)
  bias = px.music_transformer_bias(qkv[0], table, behind, scale=1.0)
  product = jnp.einsum("tnh,rnh->ntr", qkv[0], table[::-1])  # the paper's order
  close(np.where(CAUSAL, f.skew(product), 0), np.where(CAUSAL, bias, 0), 1e-5)


@pytest.mark.parametrize("max_position", [None, 9])
@pytest.mark.parametrize("compat", ["paper", "released-code"])
def test_disentangled(qkv, max_position, compat):
  e = px.Disentangled.init(KEY, N, H, span=4, max_position=max_position, stddev=0.7, compat=compat)
  want = disentangled.disentangled_attention(
    *wide(*qkv), AT, AT, *wide(e.key_table, e.query_table), max_position=max_position,
    released=compat != "paper")
  close(run(e, qkv, causal=False), want)


def test_disentangled_with_one_term_divides_by_two(qkv):
  e = px.Disentangled.init(KEY, N, H, span=4, stddev=0.7)
  one = px.Disentangled(e.key_table)
  assert one.factor == pytest.approx(2**-0.5) and e.factor == pytest.approx(3**-0.5)
  zero = px.Disentangled(e.key_table, 0 * e.query_table)
  close(run(one, [qkv[0] * np.float32(one.factor**-1), *qkv[1:]]),
        run(zero, [qkv[0] * np.float32(3**0.5), *qkv[1:]]), 1e-5)


@pytest.mark.parametrize("name, max_position", [("plain", None), ("log", 9)])
def test_disentangled_golden(name, max_position):
  g = goldens.load("content_and_softmax")
  q, k, bias, keys, queries = (g[f"deberta_{name}_{part}"].astype(np.float32) for part in (
    "q", "k", "bias", "key_table", "query_table"))
  length, span = q.shape[1], len(keys) // 2
  behind = np.arange(length)[:, None] - np.arange(length)
  index = f.disentangled_index(behind, span, max_position)
  got = px.disentangled_bias(q.swapaxes(0, 1), k.swapaxes(0, 1), keys, queries, index, index,
                             scale=(3 * 8) ** -0.5)
  close(got, bias, 1e-5)
  # The paper's own index differs from what was released, whatever the buckets.
  back = f.disentangled_index(-behind, span, max_position)
  assert np.abs(px.disentangled_bias(q.swapaxes(0, 1), k.swapaxes(0, 1), keys, queries, index, back,
                                     scale=(3 * 8) ** -0.5) - bias).max() > 0.1


@pytest.mark.parametrize("cls", [True, False])
def test_tupe(qkv, cls, rng):
  e = px.Tupe.init(KEY, 12, 6, N, H, num_buckets=8, max_distance=16, untied=cls, stddev=0.7)
  e = e.replace(**{n: rng.standard_normal(np.shape(getattr(e, n))).astype(np.float32)
                   for n in ("gain", "offset", "b_q", "b_k")[:3 + cls]})
  fields = {n: np.asarray(getattr(e, n), np.float64) for n in (
    "table", "gain", "offset", "w_q", "b_q", "w_k", "b_k", "buckets")
    if getattr(e, n) is not None}
  fields.setdefault("b_k", 0.0)
  want = tupe.tupe_attention(*wide(*qkv), AT, AT, fields, cls=cls, max_distance=16)
  close(run(e, qkv, causal=False), want, 4e-6)
  with pytest.raises(ValueError, match="positions: got row"):
    run(e, qkv, at=AT + 12)


def test_tupe_gives_cls_one_number_each_way(qkv):
  e = px.Tupe.init(KEY, 12, 6, N, H, num_buckets=0, stddev=0.7)
  bias = e.bias(px.Tile(*qkv[:2], AT, AT, 1.0))
  assert np.ptp(bias[:, 0], axis=-1).max() == 0 and np.ptp(bias[:, 1:, 0], axis=-1).max() == 0
  assert np.abs(bias[:, 0, 0] - bias[:, 1, 0]).min() > 0


def test_cable_is_fox_with_its_logit_negated(qkv, x, rng):
  w, b = rng.standard_normal((D, N)).astype(np.float32), np.float32([0, 1, -1, 0.5])
  steps = -np.logaddexp(0, x.astype(np.float64) @ w + b)
  want = oracles.fox_attention(*wide(*qkv), steps, mask=CAUSAL, scale=1.0)
  close(driven(f.cable(w, b), qkv, x, scale=1.0), want)
  assert f.cable_init(KEY, D, N, bias=2.0).gate_bias.tolist() == [-2] * N


@pytest.mark.parametrize("settings", [{}, {"alpha": 0.5, "floor": 2.0}])
def test_inkling(qkv, x, settings):
  e = px.Inkling.init(KEY, D, N, mixed=3, extent=4, stddev=0.7, **settings)
  want = inkling.inkling_attention(*wide(*qkv, x), range(T), AT, *wide(e.weight, e.profiles),
                                   mask=CAUSAL, **settings)
  close(driven(e, qkv, x), want)
  assert e.relative is (not settings)


def test_inkling_counts_far_positions_exactly(x):
  e = px.Inkling.init(KEY, D, N, mixed=3, extent=4, stddev=0.7)
  near, far = (px.inkling_positions(x, AT + np.int32(s), e.weight) for s in (0, 2**30))
  np.testing.assert_array_equal(px.inkling_bias(near, near, e.profiles),
                                px.inkling_bias(far, far, e.profiles))


def test_inkling_golden():
  g = goldens.load("content_and_softmax")
  r = g["inkling_r"][0].astype(np.float32)  # [2 queries at 5 and 6, 4 heads, 3]
  flat = lambda rows, at: np.concatenate(
    [rows.reshape(len(at), -1), np.zeros((len(at), 1)), np.array(at)[:, None]], 1, dtype=np.float32)
  got = px.inkling_bias(flat(r, [5, 6]), flat(np.zeros((9, 12)), range(9)),
                        g["inkling_profiles"].astype(np.float32))
  close(got, g["inkling_bias"][0])
  assert not np.asarray(got)[:, 0, :2].any() and not np.asarray(got)[:, 0, 6:].any()  # outside: 0


@pytest.mark.parametrize("keys, queries", [(True, False), (False, True), (True, True)])
def test_grape_a(qkv, keys, queries):
  e = px.GrapeA.init(KEY, N, H, keys=keys, queries=queries, omega=0.7)
  q, k, v = wide(*qkv)
  fields = [None if a is None else np.asarray(a, np.float64) for a in (
    e.omega, e.slopes, e.key_direction, e.query_direction)]
  bias = grape_additive.grape_bias(q, k, AT, AT, *fields)
  close(run(e, qkv), oracles.attention(q, k, v, bias=bias, mask=CAUSAL))


def test_grape_ap(qkv, x):
  e = px.GrapePath.init(KEY, D, N, dim=6, stddev=0.7)
  mask = CAUSAL & (np.arange(T) != 3) | np.eye(T, dtype=bool)  # a hidden key adds no step
  bias = grape_path.grape_path_bias(*wide(x), range(T), AT, *wide(e.weight, e.slopes), mask=mask)
  want = oracles.attention(*wide(*qkv), bias=bias, mask=mask)
  close(driven(e, qkv, x, mask=mask[None]), want)


@pytest.mark.parametrize("block", [1, 4, 16])
def test_path_products(rng, block):
  """Blocks of any size, and holes in the mask: a hidden key's map does not act."""
  q, k, w = (rng.standard_normal((T, 2, 3)) for _ in range(3))
  w, beta = w / np.linalg.norm(w, axis=-1, keepdims=True), rng.uniform(0, 2, (T, 2))
  mask = CAUSAL & (rng.random((2, T, T)) < 0.6)
  want = path_attention.path_scores(q, k, w, beta, range(T), mask=mask)
  got = px.path_products(*(jnp.asarray(a, jnp.float32) for a in (q, k, w, beta)), mask, block=block)
  close(np.where(mask, got, 0), np.where(mask, want, 0), 4e-6)


def test_path_attention(qkv, x):
  e = px.PathAttention.init(KEY, D, N, H, groups=K, rank=4, stddev=0.7)
  parts = path_attention.path_parts(*wide(x, e.w_in, e.w_out, e.kernel, e.beta_weight,
                                          e.beta_bias))
  _, at, _ = e.layer(x, AT)
  close(at, np.concatenate([parts[0], parts[1][..., None]], -1), 4e-6)
  want = path_attention.path_attention(*wide(*qkv), *parts, range(T), mask=CAUSAL)
  close(driven(e, qkv, x), want, 4e-6)


def test_path_and_fox_goldens():
  """fla-core's references, which add FoX's gates where ours is a chain."""
  g = goldens.load("content_and_softmax")
  q, k, v, w, beta = (g[f"path_{n}"][0].astype(np.float32) for n in ("q", "k", "v", "w", "beta"))
  at = np.concatenate([w, beta[..., None]], -1)
  e = px.PathAttention.init(KEY, D, 4, 8, groups=2)
  order = {"q_order": np.arange(9), "k_order": np.arange(9), "applied": ("layer",)}
  close(run(e, (q, k, v), at=at, **order), g["path_out"][0], 1e-5)
  c = px.forget_positions(g["fox_gates"][0].astype(np.float32))
  close(run(px.Fox.init(KEY, D, 4), (q, k, v), at=c, **order), g["fox_out"][0], 1e-5)


def test_short_convolution_knows_documents_chunks_and_padding(rng):
  y, kernel = (rng.standard_normal(s).astype(np.float32) for s in ((8, 2), (3, 2)))
  whole, _ = convolve(y, kernel, np.arange(8))
  want = [sum(kernel[i] * y[t - i] for i in range(3) if t >= i) for t in range(8)]
  close(whole, want)
  a, carry = convolve(y[:5], kernel, np.arange(5))
  close(np.concatenate([a, convolve(y[5:], kernel, np.arange(5, 8), carry)[0]]), whole)
  # The second document, one token after the first, starts anew: positions alone tell it.
  packed, _ = convolve(y, kernel, np.array([0, 0, 1, 2, 3, 4, 5, 6]))
  close(packed[1:], convolve(y[1:], kernel, np.arange(7))[0])
  # A right-padded prompt is continued as if the padding were not there.
  _, carry = convolve(y[:5], kernel, np.arange(5), segments=np.array([0, 0, 0, -1, -1]))
  rest, _ = convolve(y[5:], kernel, np.arange(3, 6), carry, segments=np.zeros(3, np.int32))
  close(rest, convolve(y[[0, 1, 2, 5, 6, 7]], kernel, np.arange(6))[0][3:])


def test_batches(rng):
  """Two sequences with shared positions are what each is alone."""
  q, k, v = (rng.standard_normal((2, T, n, H)).astype(np.float32) for n in (N, K, K))
  for e in (px.MusicTransformer.init(KEY, N, H, length=4), px.Disentangled.init(KEY, N, H, span=4),
            px.Tupe.init(KEY, 12, 6, N, H, num_buckets=8, max_distance=16),
            px.GrapeA.init(KEY, N, H, keys=True, queries=True)):
    close(run(e, (q, k, v)), [run(e, (q[i], k[i], v[i])) for i in range(2)])


X = jnp.ones((3, 2, 8))
B = jnp.ones((3, 2, 4))
ERRORS = {
  "music": (lambda: px.MusicTransformer(8), r"table: got 8, wanted .*\[L, N, H\]"),
  "music heads": (lambda: run(px.MusicTransformer.init(KEY, 3, 8), [X] * 3, at=np.arange(3)),
                  "table: got shape .*N = 2, H = 8"),
  "music floats": (lambda: px.music_transformer_bias(X, jnp.ones((4, 2, 8)), jnp.ones((3, 3))),
                   "q_positions, k_positions: got float32, wanted int32"),
  "skew": (lambda: f.skew(jnp.ones((2, 3))), r"x: got shape \(2, 3\), wanted \[\.\.\., T, T\]"),
  "deberta none": (lambda: px.Disentangled(), "key_table, query_table: got shapes .*wanted one or"),
  "deberta odd": (lambda: px.Disentangled(np.ones((3, 2, 4))), "key_table, query_table: got shap"),
  "deberta compat": (lambda: px.Disentangled(np.ones((4, 2, 4)), compat="code"), "compat: got 'co"),
  "deberta floats": (lambda: f.disentangled_index(jnp.ones(2), 4), "got float32, wanted int32"),
  "tupe": (lambda: px.Tupe(8), r"table: got 8, wanted .*\[L, D\]"),
  "cable": (lambda: f.cable(8, np.ones(2)), r"weight: got 8, wanted \[D, N\].*cable_init"),
  "inkling": (lambda: px.Inkling(8), r"weight: got 8, wanted \[D, N, R\].*Inkling\.init"),
  "inkling floor": (lambda: px.Inkling.init(KEY, 4, 2, floor=2.0), "alpha, floor: got one of them"),
  "inkling driven": (lambda: run(px.Inkling.init(KEY, 4, 2, mixed=3), [X] * 3, at=np.arange(3),
                                 applied=("layer",)), r"wanted driven positions \[\.\.\., T, 8\]"),
  "inkling width": (lambda: px.inkling_positions(jnp.ones((3, 4)), np.arange(3),
                                                 jnp.ones((5, 2, 3))),
                    r"weight: got shape \(5, 2, 3\), wanted \[D, N, R\], D = 4"),
  "grape none": (lambda: px.GrapeA(omega=np.ones(2)), "wanted one of them at least"),
  "grape heads": (lambda: run(px.GrapeA.init(KEY, 3, 8), [X] * 3, at=np.arange(3)),
                  "direction: got shape"),
  "grape omega": (lambda: px.GrapeA.init(KEY, 2, 4, omega=0.0), "omega: got 0.0, wanted"),
  "grape path odd": (lambda: px.grape_path_positions(jnp.ones((3, 4)), np.arange(3),
                                                     jnp.ones((4, 2, 3))), "weight: got P = 3"),
  "grape path driven": (lambda: run(px.GrapePath.init(KEY, 4, 2), [X] * 3, at=np.arange(3),
                                    applied=("layer",)), r"driven positions \[.*T, 2, 2, 8\]"),
  "path": (lambda: px.PathAttention(8), r"w_in: got 8, wanted \[D, R\].*PathAttention\.init"),
  "path groups": (lambda: px.PathAttention.init(KEY, 4, 3, 8, groups=2),
                  "num_heads: got 3, wanted a multiple of K = 2"),
  "path driven": (lambda: run(px.PathAttention.init(KEY, 4, 2, 8), [X] * 3, at=np.arange(3),
                              applied=("layer",)), r"driven positions \[\.\.\., T, 2, 9\]"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
  call, message = ERRORS[case]
  with pytest.raises((ValueError, TypeError), match=message):
    call()
