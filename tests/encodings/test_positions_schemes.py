# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes of positions: what a draw is, that every part of a text sees the same one, and ids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions
from tests import oracles
from tests.oracles import abacus, cape, continuous, shape, skipwise
from tests.support import jitted as jx

KEY = jax.random.key(7)
ROWS = np.broadcast_to(np.arange(10, dtype=np.int32), (200, 10))
DRAWN = {
  "shifted": px.Shifted(40), "cape": px.Cape(), "continuous": px.Continuous(10),
  "skipwise": px.Skipwise(10, 64), "starts": px.random_starts(30, 10)}


@pytest.mark.parametrize("name", DRAWN)
def test_one_key_gives_the_same_positions_to_any_part(name):
  """A decode step, a chunk, the first rows, restarted documents, one row for all, and jit."""
  e = DRAWN[name]
  full = np.asarray(e.positions(ROWS[:3], key=KEY))
  same = lambda got, wanted: np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
  same(e.positions(ROWS[:3, 6:7], key=KEY), full[:, 6:7])
  same(e.positions(ROWS[:2, 4:7], key=KEY), full[:2, 4:7])
  same(e.positions(jnp.array([0, 1, 2, 0, 1]), key=KEY), full[0, [0, 1, 2, 0, 1]])
  same(e.positions(ROWS[:1], key=KEY), full[:1])
  same(jax.jit(lambda p, k: e.positions(p, key=k))(ROWS[:3], KEY), full)
  other = np.asarray(e.positions(ROWS[:3], key=jax.random.key(8)))
  assert (other != full).any() and (full[0] != full[1]).any()


@pytest.mark.parametrize("name", ["shifted", "cape", "skipwise", "starts"])
def test_nothing_is_drawn_without_a_key(name):
  np.testing.assert_array_equal(DRAWN[name].positions(ROWS[:2]), ROWS[:2])


def test_shape_moves_rows_by_less_than_its_maximum():
  before = np.concatenate([-np.ones((200, 2), np.int32), ROWS], 1)
  after = np.asarray(px.Shifted(40).positions(before, key=KEY))
  assert after.dtype == np.int32
  assert [f for a, b in zip(before, after, strict=True)
          for f in shape.shift_faults(a, b, 40)] == []
  assert len(set(after[:, 2])) > 30
  assert px.Shifted(40, "released-code").positions(jnp.arange(2)).tolist() == [40, 41]
  last = np.asarray(px.random_starts(30, 10).positions(ROWS, key=KEY))[:, -1]
  assert last.max() == 29 and last.min() == 9


def test_shape_in_attention_reads_the_shifted_rows():
  e = px.chain(px.Shifted(1000), px.Sinusoidal(8))
  x = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
  at = e.positions(jnp.arange(5), key=KEY)
  wanted = x + oracles.sinusoidal(np.asarray(at), 8)
  q = e.inputs(jnp.asarray(x), at).reshape(5, 2, 4)
  got = jx.attend(q, q, q, e, q_positions=at, k_positions=at, causal=True,
                  applied=("positions", "inputs"))
  wanted = wanted.reshape(5, 2, 4)
  mask = np.tril(np.ones((5, 5), bool))
  np.testing.assert_allclose(got, oracles.attention(wanted, wanted, wanted, mask=mask), rtol=0,
                             atol=2e-6)


def test_cape_stays_in_its_bounds_and_reaches_them():
  at = np.asarray(px.Cape(5.0, 0.5, 1.03).positions(ROWS, key=KEY), np.float64)
  assert (np.diff(at) > 0).all()
  low, high = np.array([cape.cape_bounds(p, 5.0, 0.5, 1.03) for p in range(10)]).T
  assert (at >= low - 1e-5).all() and (at <= high + 1e-5).all()
  assert at[:, 0].min() < 0.8 * low[0] and at[:, 0].max() > 0.8 * high[0]
  only = lambda **s: np.asarray(px.Cape(**{"shift": 0.0, "jitter": 0.0, "stretch": 1.0} | s)
                                .positions(ROWS, key=KEY), np.float64)
  shift, jitter, stretch = only(shift=3.0) - ROWS, only(jitter=0.5) - ROWS, only(stretch=2.0)
  assert np.ptp(shift, axis=1).max() < 1e-5 and np.abs(shift).max() > 2.9
  assert np.ptp(jitter, axis=1).min() > 0.1 and abs(jitter.mean()) < 0.03
  rate = stretch[:, 1:] / ROWS[:, 1:]
  assert np.ptp(rate, axis=1).max() < 1e-5 and rate.min() > 0.5 and rate.max() < 2
  assert abs(np.log(rate).mean()) < 0.1


def test_cape_moves_the_axes_apart_and_stretches_them_alike():
  at = jnp.broadcast_to(px.positions.grid(2, 3).astype(jnp.float32), (100, 6, 2))
  moved = np.asarray(px.Cape(0.5, 0.0, 1.0, axes=2).positions(at, key=KEY)) - at
  assert np.ptp(moved, axis=1).max() < 1e-6 and np.abs(moved[:, 0, 0] - moved[:, 0, 1]).min() > 0
  jitter = np.asarray(px.Cape(0.0, 0.1, 1.0, axes=2).positions(at, key=KEY)) - at
  assert np.abs(np.corrcoef(np.asarray(jitter).reshape(100, 12).T)
                - np.eye(12)).max() < 0.5  # each token and axis has its own
  scaled = np.asarray(px.Cape(0.0, 0.0, 1.4, axes=2).positions(at, key=KEY))[:, 5]
  np.testing.assert_allclose(scaled[:, 0] * 2, scaled[:, 1], rtol=1e-5)


def test_continuous_positions_are_sorted_draws():
  u = np.asarray(px.continuous_positions(ROWS, KEY, length=10), np.float64)
  assert (np.diff(u) >= 0).all() and u.min() >= 0 and u.max() < 1
  error = u.std(0) / 200**0.5
  wanted = np.array([continuous.mean(p, 10) for p in range(10)])
  assert (np.abs(u.mean(0) - wanted) < 4 * error).all()
  e = px.Continuous(10, longest=16)
  got = e.positions(jnp.arange(16))
  np.testing.assert_allclose(got, [continuous.grid(p, 10, 16) for p in range(16)], rtol=1e-6)
  beyond = px.continuous_positions(jnp.array([-1, 10, 15]), KEY, length=10)
  np.testing.assert_allclose(beyond, [0, 1, 1.5], rtol=1e-6)


def test_skipwise_positions_open_one_gap():
  ids = np.asarray(px.Skipwise(10, 64).positions(ROWS, key=KEY))
  assert [f for row in ids for f in skipwise.faults(row.tolist(), 10, 64)] == []
  firsts = {int(np.argmax(np.diff(row))) + 1 for row in ids if np.diff(row).max() > 1}
  assert firsts == {1, 2, 3, 4, 5} and ids.max() > 60


def test_coupled_ids():
  text, answer = "653+49=", "2070"  # 702 written backwards, with a leading zero
  digits = np.array([c.isdigit() for c in text + answer])
  backwards = np.arange(11) >= 7
  down = px.coupled_positions(digits, backwards, down_from=9)
  assert down.tolist() == abacus.coupled_addition(["653", "49"], answer, 9)
  up = np.asarray(px.coupled_positions(digits, backwards))
  assert (up[digits] == 9 + 1 - np.asarray(down)[digits]).all() and (up[~digits] == 1).all()
  part = px.coupled_positions(digits[:9], backwards[:9], down_from=9)  # while it is decoded
  np.testing.assert_array_equal(part, down[:9])
  padded = px.coupled_positions(digits, backwards, real=np.arange(11) > 0)
  assert padded[0] == 0 and (np.asarray(padded)[1:] == up[1:]).all()
  two = px.coupled_positions(np.ones(4, bool), False, segments=jnp.array([0, 0, 1, 1]))
  assert two.tolist() == [3, 2, 3, 2]


def test_bipe_ids_and_attention():
  text = "a bc. de.f\ngh"
  ends = np.array([c in ".\n" for c in text])
  ids = px.bipe_positions(ends)
  assert [tuple(row) for row in ids.tolist()] == abacus.bipe_positions(text)
  cut = px.bipe_positions(ends, limit=3)
  assert [tuple(row) for row in cut.tolist()] == abacus.bipe_positions(text, limit=3)
  packed = px.bipe_positions(np.concatenate([ends, ends]), segments=np.repeat([0, 1], len(text)))
  np.testing.assert_array_equal(packed, jnp.concatenate([ids, ids]))
  e = functions.bipe(KEY, 8, 4, limit=8, stddev=1.0)
  x = np.random.default_rng(1).standard_normal((13, 8)).astype(np.float32)
  y = x + np.asarray(e.members[0].inner.table)[np.asarray(ids)[:, 0]]
  np.testing.assert_allclose(e.inputs(jnp.asarray(x), ids), y, rtol=0, atol=1e-6)
  q, order = y.reshape(13, 2, 4), np.arange(13)
  turned = oracles.rotate(q, np.asarray(ids)[:, 1], oracles.rotary_frequencies(4))
  q = jnp.asarray(q)
  prepared = px.prepare(q, q, q, e, ids, ids)
  got = jx.attend(*prepared, e, q_positions=ids, k_positions=ids, q_order=order, k_order=order,
                  causal=True, applied=("inputs", *px.PREPARED))
  mask = np.tril(np.ones((13, 13), bool))
  wanted = oracles.attention(turned, turned, y.reshape(13, 2, 4), mask=mask)
  np.testing.assert_allclose(got, wanted, rtol=0, atol=5e-6)
  slopes = functions.bipe_alibi(KEY, 8, 2).members[1].inner.slopes
  np.testing.assert_allclose(slopes, [96 / 16, 96 / 256])


@pytest.mark.parametrize("sinks, window", [(2, 3), (0, 4), (4, 1)])
def test_streaming_ids_are_places_in_the_cache(sinks, window):
  for count in (1, 4, 5, 6, 9, 20):
    ids = px.streaming_slots(jnp.arange(20), count, sinks=sinks, window=window)
    kept = abacus.streaming_cache(count, sinks, window)
    wanted = [kept.index(t) if t in kept else -1 for t in range(20)]
    assert ids.tolist() == wanted
  held = jnp.array([[5, -1, 0, 3]] * 2)
  rows = px.streaming_slots(held, jnp.array([4, 6]), sinks=1, window=3)
  assert rows.tolist() == [[-1, -1, 0, 3], [3, -1, 0, 1]]


def test_streaming_attention_is_that_of_a_short_text():
  """Raw keys in a ring, turned on read at their places in the cache: no drift at any count."""
  rng, e = np.random.default_rng(2), px.Rotary(4)
  raw = rng.standard_normal((3, 50, 1, 4)).astype(np.float32)
  for count in (4, 9, 50):
    held = np.array([0, 1] + [t for t in range(2, 50) if t < count][-3:])
    at = px.streaming_slots(held, count, sinks=2, window=3)
    q, k, v = (jnp.asarray(raw[i][held]) for i in range(3))
    q, own = q[-1:], at[-1:]
    out = jx.attend(*px.prepare(q, k, v, e, own, at), e, q_positions=own, k_positions=at,
                    mask=(at >= 0)[None, None], applied=px.PREPARED)
    kept = abacus.streaming_cache(count, 2, 3)
    assert held.tolist() == kept
    q, k = (oracles.rotate(raw[i][kept], range(len(kept)), oracles.rotary_frequencies(4))
            for i in (0, 1))
    wanted = oracles.attention(q[-1:], k, raw[2][kept])
    np.testing.assert_allclose(out, wanted, rtol=0, atol=2e-6)


def test_drope_turns_until_the_last_eighth_of_training():
  q = jnp.asarray(np.random.default_rng(3).standard_normal((4, 1, 8)).astype(np.float32))

  @jax.jit
  def turned(step):
    e = functions.drope(px.Rotary(8), px.drope_rotates(step, steps=16_000))
    return e.qk(q, q, jnp.arange(4), jnp.arange(4))[0]

  np.testing.assert_array_equal(turned(13_999), px.Rotary(8).qk(q, q, *[jnp.arange(4)] * 2)[0])
  np.testing.assert_array_equal(turned(14_000), q)


ERRORS = {
  "seed": (lambda: px.Shifted(3).positions(jnp.arange(2), key=3), r"key: got 3, wanted a PRNG key"),
  "maximum": (lambda: px.Shifted(0), r"maximum: got 0, wanted an int, at least 1"),
  "compat": (lambda: px.Shifted(3, "paperr"), r"compat: got 'paperr'.*Did you mean 'paper'"),
  "starts": (lambda: px.random_starts(4, 8), r"length: got 8, wanted at most the table's 4 rows"),
  "T": (lambda: px.shifted_positions(jnp.array(3), KEY), r"positions: got shape"),
  "axes": (lambda: px.cape_positions(jnp.zeros((3, 3)), KEY, axes=2), r"wanted \[\.\.\., T, 2\]"),
  "stretch": (lambda: px.Cape(stretch=0.0), r"stretch: got 0.0, wanted a positive"),
  "longest": (lambda: px.Continuous(8, 4), r"longest: got 4, wanted an int, at least length=8"),
  "length": (lambda: px.Continuous("8"), r"length: got '8', wanted an int"),
  "skip": (lambda: px.Skipwise(8, 4), r"maximum: got 4, wanted an int, at least length=8"),
  "beyond": (lambda: px.skipwise_positions(jnp.arange(4), KEY, length=3, maximum=9),
             r"positions: got 3, wanted positions below length=3"),
  "all": (lambda: px.drope_rotates(3, steps=4, share=2.0), r"share: got 2.0, wanted at most 1"),
  "down_from": (lambda: px.coupled_positions(jnp.ones(6, bool), False, down_from=3),
                r"down_from: got 3, wanted at least 7"),
  "real": (lambda: px.skipwise_positions(jnp.zeros(3), KEY, length=3, maximum=4),
           r"positions: got float32, wanted integers"),
  "separators": (lambda: px.bipe_positions(jnp.arange(3)), r"separators: got int32\[3\], wa"),
  "sinks": (lambda: px.streaming_slots(jnp.arange(3), 3, sinks=-1), r"sinks: got -1, wanted"),
  "rotary": (lambda: functions.drope(px.Alibi(2), True), r"rotary: got Alibi, wanted a Rotary"),
  "share": (lambda: px.drope_rotates(3, steps=4, share=0.0), r"share: got 0.0, wanted a positive"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes_are_named(name):
  call, text = ERRORS[name]
  with pytest.raises((TypeError, ValueError), match=text):
    call()
