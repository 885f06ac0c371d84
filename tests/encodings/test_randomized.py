# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Randomized positions: what a draw is, and that decoding, padding and packing see the same one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.encodings.positions.randomized import Randomized, randomized_positions
from tests import oracles

KEY = jax.random.key(3)


def _rows(count, size):
  return jnp.broadcast_to(jnp.arange(size), (count, size))


def test_each_row_is_a_sorted_subset_of_its_own():
  ids = np.asarray(Randomized(12, maximum=40).positions(_rows(50, 12), key=KEY))
  assert ids.dtype == np.int32
  for row in ids:
    assert oracles.randomized_positions_faults(row, length=12, max_length=40) == []
  assert len({tuple(row) for row in ids}) == 50
  again = Randomized(12, maximum=40).positions(_rows(50, 12), key=jax.random.key(4))
  assert np.any(np.asarray(again) != ids)


def test_draws_are_uniform():
  """The mean of the i-th smallest, and how often each id is drawn, over 4000 draws."""
  ids = np.asarray(randomized_positions(_rows(4000, 5), KEY, length=5, maximum=16))
  error = ids.std(axis=0) / 4000**0.5
  assert np.all(np.abs(ids.mean(axis=0) - oracles.randomized_positions_mean(5, 16)) < 4 * error)
  counts = np.bincount(ids.reshape(-1), minlength=16) / 4000
  np.testing.assert_allclose(counts, 5 / 16, atol=4 * (5 / 16 * 11 / 16 / 4000) ** 0.5)


def test_the_whole_range_in_order():
  np.testing.assert_array_equal(Randomized(9, maximum=9).positions(jnp.arange(9), key=KEY),
                                np.arange(9))


def test_one_key_gives_the_same_ids_to_any_part():
  """A decode step, a chunk, the first rows, restarted documents and padding."""
  e = Randomized(10, maximum=64)
  full = e.positions(_rows(3, 10), key=KEY)
  for p in range(10):
    np.testing.assert_array_equal(e.positions(jnp.full((3, 1), p), key=KEY), full[:, p:p + 1])
  np.testing.assert_array_equal(e.positions(_rows(2, 10)[:, 4:7], key=KEY), full[:2, 4:7])
  packed = e.positions(jnp.array([0, 1, 2, 0, 1]), key=KEY)
  np.testing.assert_array_equal(packed, full[0][jnp.array([0, 1, 2, 0, 1])])
  padded = e.positions(jnp.array([[-1, -1, 0, 1]]), key=KEY)
  np.testing.assert_array_equal(padded[0], [-1, -1, full[0, 0], full[0, 1]])
  shared = e.positions(_rows(1, 10), key=KEY)
  np.testing.assert_array_equal(shared, full[:1])


def test_under_jit_ids_go_on_past_the_last_one_without_repetition():
  e = Randomized(4, maximum=16)
  run = jax.jit(lambda p, key: e.positions(p, key=key))
  got = np.asarray(run(jnp.arange(8), KEY))
  np.testing.assert_array_equal(got[:4], e.positions(jnp.arange(4), key=KEY))
  np.testing.assert_array_equal(got[4:], [16, 17, 18, 19])


def test_in_a_chain_all_layers_see_one_draw(rng):
  """Attention under the chain is rotary attention at the drawn ids."""
  e = px.chain(Randomized(6, maximum=512), px.Rotary(8))
  q, k, v = (jnp.asarray(rng.standard_normal((2, 6, 2, 8)), jnp.float32) for _ in range(3))
  ids = e.positions(_rows(2, 6), key=KEY)
  order = np.arange(6)
  got = px.attend(q, k, v, e, q_positions=ids, k_positions=ids, q_order=order, k_order=order,
                  causal=True, applied=("positions",))
  for b in range(2):
    mask = oracles.visible(order, order, causal=True)
    at = np.asarray(ids[b])
    assert oracles.randomized_positions_faults(at, length=6, max_length=512) == []
    wanted = oracles.rotary_attention(*(np.asarray(x[b]) for x in (q, k, v)), at, at,
                                      oracles.rotary_frequencies(8), mask=mask)
    np.testing.assert_allclose(got[b], wanted, atol=1e-5)


def test_vmap_over_keys_is_a_draw_each():
  e, keys = Randomized(5, maximum=50), jax.random.split(KEY, 4)
  lanes = jax.vmap(lambda key: e.positions(jnp.arange(5), key=key))(keys)
  for lane, key in zip(lanes, keys, strict=True):
    np.testing.assert_array_equal(lane, e.positions(jnp.arange(5), key=key))


@pytest.mark.parametrize("build, message", [
  (lambda: Randomized(0), r"length: got 0, wanted an int, at least 1"),
  (lambda: Randomized(4.0), r"length: got 4.0, wanted an int"),
  (lambda: Randomized(4, maximum=True), r"maximum: got True, wanted an int"),
  (lambda: Randomized(4096), r"length: got 4096, wanted at most maximum=2048\. Raise maximum"),
  (lambda: Randomized(4).positions(jnp.arange(4)), r"key: got None, wanted a PRNG key"),
  (lambda: Randomized(4).positions(jnp.arange(6), key=KEY),
   r"positions: got 5, wanted positions below length=4\. Use length=6 or more"),
])
def test_wrong_values(build, message):
  with pytest.raises((ValueError, TypeError), match=message):
    build()


def test_real_valued_positions_are_refused():
  with pytest.raises(TypeError, match=r"positions: got float32, wanted integers"):
    Randomized(4).positions(jnp.arange(3.0), key=KEY)
