# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tiles of rows: values and every gradient against float64 NumPy, and work that is left out."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention.tiles import rows as rows_lib
from posenc_jax.attention.tiles.forms import Columns, General, NoBias, Strip
from tests import oracles
from tests.support.dense_gradients import dense
from tests.support.made_up import Fading

B, N, K, H, V, TILE = 2, 4, 2, 8, 6, 8
SLOPES = np.asarray([0.5, 0.1, 0.03, 0.9], np.float32)
TABLE = np.random.default_rng(5).standard_normal((8, N)).astype(np.float32)


def _distance(q_at, k_at):
  return np.asarray(q_at)[..., :, None] - np.asarray(k_at)[..., None, :]


def _alibi_oracle(q_at, k_at):
  """bias [1 or B, N, T, S], and what turns its gradient [B, N, T, S] into that of the slopes."""
  far = np.abs(_distance(q_at, k_at))
  far = far.reshape(-1, *far.shape[-2:])
  bias = -SLOPES.astype(np.float64)[:, None, None] * far[:, None]
  return bias, lambda d: -np.einsum("bnts,bts->n", d, np.broadcast_to(far, (B, *far.shape[1:])))


def _t5_oracle(q_at, k_at, *, bidirectional):
  apart = -_distance(q_at, k_at)
  apart = apart.reshape(-1, *apart.shape[-2:])
  bucket = np.vectorize(lambda r: oracles.t5_bucket(
      int(r), bidirectional=bidirectional, num_buckets=8, max_distance=16))(apart)
  one_hot = np.broadcast_to(bucket, (B, *bucket.shape[1:]))[..., None] == np.arange(8)
  bias = np.moveaxis(TABLE.astype(np.float64)[bucket], -1, 1)
  return bias, lambda d: np.einsum("bnts,btsc->cn", d, one_hot)


def _no_oracle(q_at, k_at):
  return np.zeros((1, 1, 1, 1)), None


ENCODINGS = {
  "none": (px.Encoding(), _no_oracle),
  "alibi": (px.Alibi(slopes=jnp.asarray(SLOPES)), _alibi_oracle),
  "t5": (px.T5Bias(jnp.asarray(TABLE), False, 16),
         functools.partial(_t5_oracle, bidirectional=False)),
  "t5-both": (px.T5Bias(jnp.asarray(TABLE), True, 16),
              functools.partial(_t5_oracle, bidirectional=True)),
}


@functools.partial(jax.jit, static_argnames=("options", "known", "tile"))
def _run(q, k, v, g, scale, encoding, data, *, options, known, tile=TILE):
  """Output and gradients of q, k, v, scale and the encoding's leaves, through ``rows``."""
  data = data | {name: np.asarray(value) for name, value in known}

  def attend(q, k, v, scale, encoding):
    return px.attend(q, k, v, encoding, scale=scale, implementation="rows", tile=tile,
                     **dict(options), **data)

  out, pull = jax.vjp(attend, q, k, v, scale, encoding)
  return out, pull(g)


def _numbers(rng, t, s):
  shapes = (B, t, N, H), (B, s, K, H), (B, s, K, V), (B, t, N, V)
  return [rng.standard_normal(x).astype(np.float32) for x in shapes]


def _host(array):
  """An array as a static argument: nested tuples."""
  return tuple(map(_host, array)) if np.ndim(array) else int(array)


def _compare(rng, name, *, t=21, s=21, mask=True, q_at=None, k_at=None, known=(), data=None,
             tolerance=2e-5, **options):
  q, k, v, g = _numbers(rng, t, s)
  encoding, oracle = ENCODINGS[name]
  q_at = np.arange(t) if q_at is None else q_at
  k_at = np.arange(s) if k_at is None else k_at
  bias, pull = oracle(q_at, k_at)
  wanted = dense(q, k, v, g, bias=bias, mask=mask, scale=0.4)
  known = tuple((n, _host(np.asarray(x))) for n, x in dict(known).items())
  out, (dq, dk, dv, d_scale, d_encoding) = _run(
      q, k, v, g, jnp.float32(0.4), encoding, data or {}, known=known,
      options=tuple(options.items()))
  pairs = [(out, wanted.out), (dq, wanted.q), (dk, wanted.k), (dv, wanted.v),
           (d_scale, wanted.scale)]
  if pull is not None:
    pairs.append((jax.tree.leaves(d_encoding)[0], pull(wanted.bias)))
  for got, want in pairs:
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, atol=tolerance * (1 + np.abs(want).max()))


def _causal(t, s):
  return np.arange(t)[:, None] >= np.arange(s)


@pytest.mark.parametrize("name", ENCODINGS)
def test_causal(rng, name):
  _compare(rng, name, causal=True, mask=_causal(21, 21))


@pytest.mark.parametrize("name", ["none", "alibi", "t5"])
def test_square_tiles_of_tpus(rng, name, monkeypatch):
  monkeypatch.setattr(rows_lib, "cuts_keys", lambda *_: True)
  ids = np.arange(21) // 15
  mask = _causal(21, 21) & (ids[:, None] == ids) & (_distance(ids * 0 + np.arange(21),
                                                              np.arange(21)) <= 9)
  # A window of its own, as programs are kept by their options.
  _compare(rng, name, causal=True, window=(9, 0), mask=mask, known={"segments": ids})


@pytest.mark.parametrize("name", ENCODINGS)
def test_both_directions(rng, name):
  _compare(rng, name)


@pytest.mark.parametrize("name", ["alibi", "t5"])
def test_the_end_of_a_longer_sequence(rng, name):
  at = {"q_positions": np.arange(16, 27), "k_positions": np.arange(27)}
  _compare(rng, name, t=11, s=27, causal=True, mask=_causal(27, 27)[16:], known=at,
           q_at=at["q_positions"], k_at=at["k_positions"])


@pytest.mark.parametrize("name", ["none", "t5-both"])
def test_more_queries_than_keys_and_rows_that_see_nothing(rng, name):
  at = {"q_positions": np.arange(30), "k_positions": np.arange(5, 14)}
  behind = _distance(at["q_positions"], at["k_positions"])
  _compare(rng, name, t=30, s=9, window=(6, 2), mask=(behind <= 6) & (behind >= -2), known=at,
           q_at=at["q_positions"], k_at=at["k_positions"])


@pytest.mark.parametrize("name", ["alibi", "t5"])
@pytest.mark.parametrize("shared", [True, False])
def test_positions_that_are_traced_and_unordered(rng, name, shared):
  at = rng.permutation(21) if shared else np.stack([rng.permutation(21), rng.permutation(21)])
  order = {"q_order": np.arange(21), "k_order": np.arange(21)}
  _compare(rng, name, causal=True, mask=_causal(21, 21), known=order, q_at=at, k_at=at,
           data={"q_positions": at, "k_positions": at})


def test_positions_on_the_host_that_do_not_follow_the_order(rng):
  """Later keys may stand before the query: ALiBi's columns would be wrong here."""
  at = {"q_positions": np.arange(21)[::-1], "k_positions": np.arange(21)[::-1]}
  order = {"q_order": np.arange(21), "k_order": np.arange(21)}
  _compare(rng, "alibi", causal=True, mask=_causal(21, 21), known=at | order,
           q_at=at["q_positions"], k_at=at["k_positions"])


@pytest.mark.parametrize("name", ["alibi", "t5"])
@pytest.mark.parametrize("known", [True, False])
def test_segments_and_a_mask_of_each_head(rng, name, known):
  ids = np.repeat([3, 1, 2], [9, 4, 8])
  hidden = rng.random((B, N, 21, 21)) < 0.4
  hidden[1, :, 6] = True
  same = (ids[:, None] == ids) & _causal(21, 21)
  where = {"known": {"segments": ids}} if known else {}
  data = {"mask": ~hidden} | ({} if known else {"segments": np.stack([ids, ids])})
  _compare(rng, name, causal=True, mask=same & ~hidden, data=data, **where)


def test_columns_are_as_exact_a_million_tokens_on(rng):
  """ALiBi's products of slope and position are rounded near the diagonal's size, not the text's."""
  far = np.arange(21) + 2**23
  _compare(rng, "alibi", causal=True, mask=_causal(21, 21),
           known={"q_positions": far, "k_positions": far})


def test_float64_stays_float64(x64, rng):
  q, k, v, g = (jnp.asarray(x, jnp.float64) for x in _numbers(rng, 13, 13))
  encoding, oracle = ENCODINGS["t5"]
  bias, pull = oracle(np.arange(13), np.arange(13))
  out, (dq, *_, d_encoding) = _run(q, k, v, g, jnp.float64(0.4), encoding, {}, known=(),
                                   options=(("causal", True),))
  wanted = dense(q, k, v, g, bias=bias, mask=_causal(13, 13), scale=0.4)
  assert out.dtype == dq.dtype == jnp.float64
  np.testing.assert_allclose(out, wanted.out, atol=1e-13)
  np.testing.assert_allclose(dq, wanted.q, atol=1e-13)
  np.testing.assert_allclose(d_encoding.table, pull(wanted.bias), atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_dtypes(rng, dtype):
  q, k, v, g = (jnp.asarray(x, dtype) for x in _numbers(rng, 21, 21))
  encoding, oracle = ENCODINGS["alibi"]
  out, gradients = _run(q, k, v, g, jnp.float32(0.4), encoding, {}, known=(),
                        options=(("causal", True),))
  wanted = dense(*(np.asarray(x, np.float64) for x in (q, k, v, g)), mask=_causal(21, 21),
                 bias=oracle(np.arange(21), np.arange(21))[0], scale=0.4)
  assert [x.dtype for x in (out, *gradients[:3])] == [jnp.dtype(dtype)] * 4
  for got, want in zip((out, *gradients[:3]), wanted, strict=False):
    np.testing.assert_allclose(got.astype(jnp.float32), want, atol=0.03 * (1 + np.abs(want).max()))


def _reference_and_rows(total, *args):
  """Gradients by both implementations; ``total(implementation, *args)`` is a number."""
  argnums = tuple(range(len(args)))
  return [jax.jit(jax.value_and_grad(functools.partial(total, name), argnums))(*args)
          for name in ("reference", "rows")]


def _same(wanted, got, tolerance=2e-5):
  jax.tree.map(lambda w, g: np.testing.assert_allclose(
      g, w, atol=tolerance * (1 + float(np.abs(w).max()))), wanted, got)


def test_a_bias_from_q_k_and_float_positions(rng):
  """The general form hands gradients to q, k, positions, leaves: nothing may be lost."""

  @px.encoding
  class Mixed(px.Encoding):
    weight: jax.Array

    def bias(self, tile):
      row = jnp.einsum("...tnh,h->...nt", tile.q, self.weight)[..., :, None]
      column = jnp.repeat(jnp.einsum("...snh,h->...ns", tile.k, self.weight), N // K, axis=-2)
      apart = jnp.sin(tile.distance())
      return row * column[..., None, :] * apart[..., None, :, :]

  q, k, v, g = map(jnp.asarray, _numbers(rng, 21, 13))
  q_at, k_at = jnp.asarray(rng.random(21), jnp.float32), jnp.asarray(rng.random(13), jnp.float32)

  def total(name, q, k, v, encoding, q_at, k_at):
    return jnp.vdot(px.attend(q, k, v, encoding, q_positions=q_at, k_positions=k_at, tile=TILE,
                              implementation=name), g)

  wanted, got = _reference_and_rows(total, q, k, v, Mixed(jnp.ones(H) / 4), q_at, k_at)
  _same(wanted, got)


def test_driven_positions_get_gradients(rng):
  """FoX through its columns: the gates' gradient comes back through the keys' positions."""
  q, k, v, g = map(jnp.asarray, _numbers(rng, 21, 21))
  x = jnp.asarray(rng.standard_normal((B, 21, 5)), jnp.float32)
  fox = px.Fox.init(jax.random.key(0), 5, N, stddev=1.0)

  def total(name, q, k, v, x, encoding):
    _, at, _ = encoding.layer(x, jnp.arange(21))
    return jnp.vdot(px.attend(q, k, v, encoding, q_positions=at, k_positions=at, causal=True,
                              applied="layer", tile=TILE, implementation=name), g)

  wanted, got = _reference_and_rows(total, q, k, v, x, fox)
  _same(wanted, got)
  assert all(float(jnp.abs(leaf).max()) > 1e-3 for leaf in jax.tree.leaves(got))


def test_chains_of_columns_and_distances(rng):
  q, k, v, g = map(jnp.asarray, _numbers(rng, 21, 21))
  alibi, fading = px.Alibi(slopes=jnp.asarray(SLOPES)), Fading(jnp.asarray(SLOPES))
  rotary = px.Rotary.from_frequencies(jnp.asarray([1.0, 0.3, 0.1, 0.01]))
  for encoding in (px.chain(alibi, rotary, alibi), px.chain(alibi, fading)):
    def total(name, q, k, v, encoding):
      return jnp.vdot(px.attend(q, k, v, encoding, causal=True, tile=TILE, implementation=name), g)

    wanted, got = _reference_and_rows(total, q, k, v, encoding)
    _same(wanted, got)


@pytest.mark.parametrize("encoding, options, form", [
  (px.Rotary(H), {"causal": True}, NoBias),
  (px.Alibi(N), {"causal": True}, Columns),
  (px.Alibi(N), {}, Strip),
  (px.chain(px.Rotary(H), px.Alibi(N)), {"causal": True}, Columns),
  (px.chain(px.Alibi(N), ENCODINGS["t5"][0]), {"causal": True}, Strip),
  (ENCODINGS["t5"][0], {"causal": True}, Strip),
  (ENCODINGS["t5"][0], {"positions": np.arange(7, 28)}, Strip),
  (ENCODINGS["t5"][0], {"positions": np.arange(0, 42, 2)}, General),
  (px.Alibi(N), {"causal": True, "positions": np.arange(0, 42, 2)}, Columns),
  (px.Alibi(N), {"causal": True, "positions": np.arange(21)[::-1], "order": np.arange(21)},
   General),
  (px.Fox(jnp.ones((5, N)), jnp.ones(N)), {"causal": True, "positions": np.ones((21, 2, N), "f")},
   Columns),
  (px.Fox(jnp.ones((5, N)), jnp.ones(N)), {"positions": np.ones((21, 2, N), "f")}, General),
])
def test_each_bias_takes_its_cheapest_form(monkeypatch, encoding, options, form):
  """What is exact everywhere would hide a fast path that nothing takes any more."""
  seen = []
  flash = rows_lib.flash
  monkeypatch.setattr(rows_lib, "flash", lambda plan, *a: seen.append(plan.form) or flash(plan, *a))
  options = dict(options)
  for name, both in (("positions", ("q_positions", "k_positions")),
                     ("order", ("q_order", "k_order"))):
    if name in options:
      options |= dict.fromkeys(both, options.pop(name))
  x = jnp.ones((21, N, H))
  jax.eval_shape(lambda q: px.attend(q, x, x, encoding, implementation="rows", applied="layer",
                                     **options), x)
  assert [type(f) for f in seen] == [form]


def test_lanes_equal_single_runs(rng):
  q, k, v, g = map(jnp.asarray, _numbers(rng, 21, 21))
  slopes = jnp.asarray(SLOPES[None] * np.float32([[1.0], [0.5], [2.0]]))

  @jax.jit
  def run(slopes, q):
    total = lambda s, q: jnp.vdot(px.attend(q, k, v, px.Alibi(slopes=s), implementation="rows",
                                            tile=TILE), g)
    return jax.value_and_grad(total, (0, 1))(slopes, q)

  @jax.jit
  def lanes(slopes, q):
    return jax.vmap(run)(slopes, jnp.stack([q, 2 * q, q]))

  together = lanes(slopes, q)
  for i, factor in enumerate((1.0, 2.0, 1.0)):
    single = run(slopes[i], q * factor)
    _same(single, jax.tree.map(lambda x: x[i], together))  # noqa: B023


@pytest.mark.cpu
def test_gradients_repeat_bit_by_bit(rng):
  """Sums run in a fixed order, with threads or without."""
  q, k, v, g = _numbers(rng, 200, 200)
  args = (q, k, v, g, jnp.float32(0.4), ENCODINGS["t5"][0], {})
  first, second = (_run(*args, known=(), options=(("causal", True),), tile=64) for _ in range(2))
  jax.tree.map(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("options, low, high", [
  ({"q_positions": np.arange(8), "k_positions": np.arange(64), "causal": True}, 0, 8),
  ({"q_positions": np.arange(40, 48), "k_positions": np.arange(64), "window": (4, 3)}, 36, 51),
  ({"q_positions": np.arange(40, 48), "k_positions": np.arange(64),
    "segments": (np.full(8, 5), np.repeat([1, 5, 2], [20, 30, 14]))}, 20, 50),
])
def test_keys_that_nothing_can_see_are_not_read(rng, name, options, low, high):
  """A NaN would spread through a mask, as 0 * NaN is NaN; it cannot from what is not read."""
  q, k, v, g = _numbers(rng, 8, 64)
  for x in (k, v):
    x[:, :low], x[:, high:] = np.nan, np.nan
  known = tuple((n, _host(x) if isinstance(x, np.ndarray) else x) for n, x in options.items()
                if n not in ("window", "causal", "segments"))
  rest = tuple((n, x) for n, x in options.items() if n in ("window", "causal"))
  encoding = ENCODINGS[name][0]

  def total(q, k, v, encoding):
    return jnp.vdot(px.attend(q, k, v, encoding, implementation="rows", tile=TILE,
                              **{n: np.asarray(x) for n, x in known}, **dict(rest),
                              **{n: options[n] for n in ("segments",) if n in options}), g)

  out, gradients = jax.jit(jax.value_and_grad(total, (0, 1, 2, 3)))(q, k, v, encoding)
  for x in jax.tree.leaves((out, gradients)):
    assert np.isfinite(x).all()
  assert not np.asarray(gradients[2])[:, high:].any()


def _largest(jaxpr):
  """Elements of the largest array that a program and the programs in it make."""
  sizes = [x.aval.size for e in jaxpr.eqns for x in e.outvars if hasattr(x.aval, "size")]
  sizes += [_largest(inner) for inner in _inner(jaxpr)]
  return max(sizes, default=0)


def _inner(jaxpr):
  for e in jaxpr.eqns:
    for value in e.params.values():
      for x in value if isinstance(value, tuple | list) else (value,):
        x = getattr(x, "jaxpr", x)
        if hasattr(x, "eqns"):
          yield x


@pytest.mark.parametrize("encoding", [
  px.Encoding(), px.Alibi(2), px.T5Bias(jnp.ones((8, 2)), True, 16), px.Cope.init(
      jax.random.key(0), num_positions=8, head_dim=4)], ids=["none", "alibi", "t5", "cope"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("traced", [True, False])
def test_nothing_is_as_large_as_all_scores(encoding, causal, traced):
  length = 512
  x = jnp.ones((1, length, 2, 4))
  at = jnp.arange(length)

  def total(q, at, encoding):
    positions = {"q_positions": at, "k_positions": at} if traced else {}
    return jnp.sum(px.attend(q, q, q, encoding, causal=causal, implementation="rows", tile=32,
                             **positions))

  program = jax.make_jaxpr(jax.grad(total, argnums=(0, 2), allow_int=True))(x, at, encoding)
  assert _largest(program.jaxpr) <= length * length // 4


def _memory(total, *args):
  compiled = jax.jit(jax.grad(total, argnums=(0, 1, 2, 3))).lower(*args).compile()
  return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.cpu
@pytest.mark.parametrize("length", [4096, pytest.param(8192, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["alibi", "t5"])
def test_memory_beside_dense_scores(name, length):
  """At most 1/16 of what jax.nn needs forward and backward: compiled only, never run."""
  x = jax.ShapeDtypeStruct((1, length, 8, 64), jnp.float32)
  table = np.zeros((32, 8), np.float32)
  encoding = px.Alibi(8) if name == "alibi" else px.T5Bias(table, False, 128)

  def ours(q, k, v, encoding):
    return jnp.sum(px.attend(q, k, v, encoding, causal=True, implementation="rows"))

  def theirs(q, k, v, encoding):
    at = jnp.arange(length)
    return jnp.sum(jax.nn.dot_product_attention(
        q, k, v, bias=encoding.bias(px.Tile(q_positions=at, k_positions=at))[None], is_causal=True))

  assert _memory(ours, x, x, x, encoding) * 16 <= _memory(theirs, x, x, x, encoding)
