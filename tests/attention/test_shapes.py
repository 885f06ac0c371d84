# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lengths of right-padded examples, and how work is cut into tiles; test_attend has the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention.bias.distances import contiguous, distances
from posenc_jax.attention.tiles.schedule import blocks, chunk, schedule, tile_rows
from posenc_jax.attention.visibility import Rule, Side, matrix
from tests.support.dense_gradients import dense


def _numbers(rng, *, t=11, s=11):
  shapes = (2, t, 4, 8), (2, s, 2, 8), (2, s, 2, 8), (2, t, 4, 8)
  return [rng.standard_normal(x).astype(np.float32) for x in shapes]


@pytest.mark.parametrize("implementation", ["reference", "rows"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("segmented", [True, False])
def test_lengths_hide_padding(rng, implementation, known, segmented):
  q, k, v, g = _numbers(rng)
  lengths = np.array([4, 9])
  ids = np.repeat([-3, 0, 1, 5], [2, 3, 3, 3]) if segmented else np.zeros(11, int)

  def attend(q, k, v, lengths):
    return px.attend(q, k, v, lengths=lengths, implementation=implementation, causal=True,
                     segments=ids if segmented else None)

  if known:
    out, pull = jax.vjp(lambda *a: attend(*a, lengths), q, k, v)
  else:
    out, pull, = jax.vjp(lambda *a: jax.jit(attend)(*a, lengths), q, k, v)
  at = np.arange(11)
  real = at < lengths[:, None]
  mask = (at[:, None] >= at) & (ids[:, None] == ids) & real[:, :, None] & real[:, None]
  wanted = dense(q, k, v, g, bias=np.zeros((1, 1, 1, 1)), mask=mask[:, None], scale=8**-0.5)
  np.testing.assert_allclose(out, wanted.out, atol=2e-6)
  assert (np.asarray(out)[~real] == 0).all()
  for got, want in zip(pull(jnp.asarray(g)), (wanted.q, wanted.k, wanted.v), strict=True):
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_lengths_of_queries_and_keys_differ(rng):
  q, k, v, g = _numbers(rng, t=5)
  got = px.attend(q, k, v, lengths=(np.array([3, 5]), jnp.array([11, 2])))
  q_real, k_real = np.arange(5) < [[3], [5]], np.arange(11) < [[11], [2]]
  seen = q_real[:, None, :, None] & k_real[:, None, None]
  wanted = dense(q, k, v, g, bias=np.zeros((1, 1, 1, 1)), mask=seen, scale=8**-0.5)
  np.testing.assert_allclose(got, wanted.out, atol=2e-6)


@pytest.mark.parametrize("lengths, error, message", [
  (np.array([1.0, 2.0]), TypeError, r"lengths: got float64, wanted integers"),
  (np.ones((2, 1), int), ValueError, r"lengths: got shape \(2, 1\), wanted one number an example"),
  ((1, 2, 3), ValueError, r"lengths: got a tuple of 3, wanted one array or a pair"),
])
def test_lengths_that_do_not_fit(rng, lengths, error, message):
  q, k, v, _ = _numbers(rng)
  with pytest.raises(error, match=message):
    px.attend(q, k, v, lengths=lengths)


def _seen(t, s, *, causal=False, window=None, segments=None, host=True):
  """(rule, queries, keys)."""
  ids = None if segments is None else np.asarray(segments)[None]

  def side(length):
    order = np.arange(length)[None]
    return Side(np.zeros((1, length, 1, 1)), order=order if host else jnp.asarray(order),
                segments=ids)

  return Rule(causal, window), side(t), side(s)


def _check(groups, seen, t, s):
  """Each row is in exactly one tile, whose keys hold all that the row can see."""
  mask = matrix(*seen)
  mask = np.ones((t, s), bool) if mask is None else np.asarray(mask).reshape(t, s)
  times = np.zeros(t, int)
  scores = 0
  for group in groups:
    for row, key in zip(group.row_starts, group.key_starts, strict=True):
      assert 0 <= key and key + group.keys <= s and row + group.rows <= t
      outside = np.ones(s, bool)
      outside[key:key + group.keys] = False
      assert not (mask[row:row + group.rows] & outside).any()
      times[row:row + group.rows] += 1
      scores += group.rows * group.keys
  assert (times <= 1).all() and not mask[times == 0].any()
  return scores


@pytest.mark.parametrize("t, s, options, most", [
  (96, 96, {"causal": True}, 0.58),
  (96, 96, {"causal": True, "window": (8, 0)}, 0.18),
  (96, 96, {"window": (3, 5)}, 0.18),
  (100, 96, {"causal": True}, 0.62),
  (96, 96, {"segments": np.repeat([2, 1, 7], [40, 40, 16])}, 0.45),
  (96, 96, {"causal": True, "segments": np.repeat([2, 1, 7], [40, 40, 16])}, 0.3),
  (96, 96, {"causal": True, "host": False}, 1.0),
  (1, 1, {"causal": True}, 1.0),
  (5, 9, {}, 1.0),
])
@pytest.mark.parametrize("groups", [1, 3, 16])
def test_tiles_cover_what_is_seen_and_little_more(t, s, options, most, groups):
  seen = _seen(t, s, **options)
  planned = schedule(*seen, rows=8, groups=groups)
  assert len(planned) <= groups + 1
  share = _check(planned, seen, t, s) / (t * s)
  if groups == 16:
    assert share <= most


@pytest.mark.parametrize("t, s, options", [
  (96, 96, {"causal": True}), (100, 93, {"causal": True}),
  (96, 96, {"causal": True, "segments": np.repeat([2, 1, 7], [40, 40, 16])}),
])
@pytest.mark.parametrize("keys", [8, 20])
def test_blocks_hold_each_visible_pair_once(t, s, options, keys):
  seen = _seen(t, s, **options)
  found = blocks(schedule(*seen, rows=8, groups=16), s, keys=keys)
  times = np.zeros((t, s), int)
  for group in found:
    for row, key in zip(group.row_starts, group.key_starts, strict=True):
      assert key + group.keys <= s and row + group.rows <= t
      times[row:row + group.rows, key:key + group.keys] += 1
  assert len(found) <= 4 and times.max() == 1
  assert times[np.asarray(matrix(*seen)).reshape(t, s)].all()


def test_rows_that_see_nothing_are_in_no_tile():
  rule, queries, keys = _seen(8, 8, causal=True)
  keys = keys._replace(order=keys.order + 4)
  groups = schedule(rule, queries, keys, rows=4, groups=4)
  assert [g.row_starts for g in groups] == [(4,)]


def test_sizes_of_tiles_and_chunks():
  assert tile_rows(4096, 4096, 8, most=512) == 64
  assert tile_rows(2**20, 2**20, 1, most=512) == 64
  assert tile_rows(0, 0, 1, most=512) == 32
  assert chunk(4, 3, 10, whole_heads=True, budget=1) == (1, 3)
  assert chunk(4, 6, 10, whole_heads=False, budget=25) == (1, 2)
  assert chunk(7, 2, 10, whole_heads=False, budget=100) == (1, 2)


def test_contiguous_positions_must_be_known_integers_with_one_offset():
  at = np.arange(5)[None]
  assert contiguous(at + 9, at) == 9
  assert contiguous(np.stack([at[0], at[0] + 7]), np.stack([at[0] + 2, at[0] + 9])) == -2
  for q, k in ((jnp.asarray(at), at), (at * 2, at), (at * 1.0, at), (at[..., None], at), ((), ()),
               (np.stack([at[0], at[0] + 7]), at)):
    assert contiguous(q, k) is None


def test_distances_never_leave_those_that_occur():
  """T5's table of distances, or a learned one, need not hold what only a tile's edge would ask."""
  got = distances(-9, 20, 3, t=4, s=6)
  assert got.dtype == np.int32 and got.max() == 3 + 3 and got.min() == 3 - 5
  np.testing.assert_array_equal(got[6:15], 3 - np.arange(-3, 6))
