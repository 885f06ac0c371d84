# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""along, on_heads, on_dims, share_heads: they act on their part alone, and refuse misuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles
from tests.support import jitted as jx

KEY = jax.random.key(0)
T, S, N, K, H = 4, 5, 4, 2, 8


def _normal(*shape, seed=0):
  return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


Q, KEYS, V = _normal(T, N, H), _normal(S, K, H, seed=1), _normal(S, K, H, seed=2)
AT = px.Tile(Q, KEYS, jnp.arange(T) + 1, jnp.arange(S))


def test_along_reads_one_axis():
  grid = np.stack([np.arange(S), np.arange(S)[::-1] * 3], axis=-1)
  for axis in (0, 1):
    e = px.along(axis, px.Alibi(N))
    assert e.position_axes == axis + 1 and e.relative
    tile = px.Tile(q_positions=grid[:T], k_positions=grid)
    wanted = oracles.alibi_bias(grid[:T, axis], grid[:, axis], oracles.alibi_slopes(N),
                                symmetric=True)
    np.testing.assert_allclose(e.bias(tile), wanted, rtol=1e-6)
  turned = px.along(1, px.Rotary(H)).qk(KEYS, KEYS, grid, grid)[0]
  np.testing.assert_array_equal(turned, px.rotate(KEYS, grid[:, 1], px.rotary_frequencies(H)))
  moved = px.along(1, px.Randomized(S * 3, maximum=64)).positions(jnp.asarray(grid), key=KEY)
  np.testing.assert_array_equal(moved[:, 0], grid[:, 0])
  assert np.all(np.diff(moved[:, 1]) < 0)
  x = _normal(S, H)
  np.testing.assert_array_equal(px.along(1, px.Sinusoidal(H)).inputs(x, grid),
                                px.Sinusoidal(H).inputs(x, grid[:, 1]))


def test_along_wants_enough_axes():
  with pytest.raises(ValueError, match=r"q_positions: got 1 axes, wanted more than 1 of them"):
    jx.attend(Q, Q, Q, px.along(1, px.Alibi(N)), q_positions=np.zeros((T, 1), np.int32),
              k_positions=np.zeros((T, 1), np.int32))


def test_on_heads_leaves_the_other_heads():
  e = px.on_heads(slice(2, 4), px.Alibi(slopes=[1.0, 2.0]))
  bias = np.asarray(e.bias(AT))
  assert bias.shape == (N, T, S) and not bias[:2].any()
  np.testing.assert_allclose(bias[2:], px.Alibi(slopes=[1.0, 2.0]).bias(AT), rtol=1e-6)
  assert not e.has("distance_bias") and not e.has("bias_columns")
  q, k = px.on_heads(slice(0, 2), px.Rotary(H)).qk(Q, KEYS, AT.q_positions, AT.k_positions)
  f = px.rotary_frequencies(H)
  np.testing.assert_array_equal(q[:, 2:], Q[:, 2:])
  np.testing.assert_array_equal(k[:, 1:], KEYS[:, 1:])
  np.testing.assert_array_equal(q[:, :2], px.rotate(Q[:, :2], AT.q_positions, f))
  np.testing.assert_array_equal(k[:, :1], px.rotate(KEYS[:, :1], AT.k_positions, f))


def test_on_heads_of_what_reads_q_and_whole_rows():
  part = px.on_heads(slice(1, 3), px.TransformerXL.init(KEY, 2, H, stddev=0.5))
  repeated = jnp.repeat(KEYS, 2, axis=1)
  alone = px.TransformerXL.init(KEY, 2, H, stddev=0.5).bias(
    AT._replace(q=Q[:, 1:3], k=repeated[:, 1:3]))
  np.testing.assert_allclose(part.bias(AT)[1:3], alone, rtol=1e-5, atol=1e-6)
  scores = _normal(N, T, S)
  got = px.on_heads(slice(0, 1), px.SSMax(jnp.ones(1))).scores(scores, AT)
  np.testing.assert_array_equal(got[1:], scores[1:])
  np.testing.assert_allclose(got[0], scores[0] * np.log(S), rtol=1e-6)
  weights = jax.nn.softmax(scores)
  shaw = px.Shaw(None, _normal(5, H))
  extra = px.on_heads(slice(3, None), shaw).value_bias(weights, AT)
  np.testing.assert_allclose(extra[:, 3:], shaw.value_bias(weights[3:], AT), rtol=1e-5)
  assert not np.asarray(extra[:, :3]).any()


def test_on_dims_leaves_the_other_dims():
  e = px.on_dims(slice(2, 6), px.Rotary(4))
  q, _ = e.qk(Q, KEYS, AT.q_positions, AT.k_positions)
  np.testing.assert_array_equal(q[..., :2], Q[..., :2])
  np.testing.assert_array_equal(q[..., 6:], Q[..., 6:])
  np.testing.assert_array_equal(q[..., 2:6], px.rotate(Q[..., 2:6], AT.q_positions,
                                                       px.rotary_frequencies(4)))
  pope = px.on_dims(slice(0, 4), px.Pope.init(KEY, N, 4))
  wide, _ = pope.expand(Q, KEYS, AT.q_positions, AT.k_positions)
  assert wide.shape == (T, N, H + 4)
  np.testing.assert_array_equal(wide[..., 8:], Q[..., 4:])


def test_shared_heads():
  one = px.T5Bias.init(KEY, 1, stddev=1.0)
  assert px.share_heads(one).shared_heads and not one.shared_heads
  with pytest.raises(ValueError, match="1 head"):
    jx.attend(Q, Q, Q, one, causal=True)
  four = px.T5Bias(jnp.repeat(one.table, N, axis=1))
  np.testing.assert_allclose(jx.attend(Q, Q, Q, px.share_heads(one), causal=True),
                             jx.attend(Q, Q, Q, four, causal=True), rtol=1e-6, atol=1e-6)
  dape = px.Dape.init(KEY, N, px.share_heads(px.Alibi(1)))
  assert jx.attend(Q, Q, Q, dape, causal=True).shape == Q.shape


@pytest.mark.parametrize("make, error, message", [
  (lambda: px.along(-1, px.Alibi(2)), ValueError, r"axis: got -1, wanted an int, at least 0"),
  (lambda: px.along(0.0, px.Alibi(2)), TypeError, r"axis: got 0.0, wanted an int"),
  (lambda: px.along(0, "alibi"), TypeError, r"along: got 'alibi', wanted an encoding"),
  (lambda: px.along(0, px.MRotary((1, 1))), ValueError, r"along: got MRotary, which reads 2 axes"),
  (lambda: px.along(0, px.SSMax.init(KEY, 2)), ValueError, r"reads no positions of tokens"),
  (lambda: px.on_heads(2, px.Alibi(2)), TypeError, r"heads: got 2, wanted a slice"),
  (lambda: px.on_heads(slice(0, 4, 2), px.Alibi(2)), ValueError, r"heads: got step 2"),
  (lambda: px.on_heads(slice(0, 1), px.Sinusoidal(4)), TypeError,
   r"on_heads: got Sinusoidal, which answers inputs"),
  (lambda: px.on_heads(slice(0, 1), px.VORotary(4)), TypeError, r"VORotary, which answers values"),
  (lambda: px.on_dims(slice(0, 4), px.Shaw.init(KEY, 4)), TypeError,
   r"on_dims: got Shaw, which answers value_bias"),
  (lambda: px.on_heads(slice(0, 1), px.Encoding()), TypeError, r"which answers no hook"),
  (lambda: px.on_heads(slice(0, 1), px.Rotary(H)).qk(Q, KEYS, AT.q_positions, AT.k_positions),
   ValueError, r"heads: got query heads 0 to 0, wanted whole groups of the 2 query heads"),
  (lambda: px.on_heads(slice(4, 6), px.Alibi(2)).bias(AT), ValueError,
   r"heads: got slice\(4, 6\), wanted at least one of the 4 query heads"),
  (lambda: px.on_heads(slice(0, 3), px.Alibi(2)).bias(AT), ValueError,
   r"on_heads: got an encoding of 2 heads, wanted one of the slice's 3"),
  (lambda: px.on_dims(slice(8, 9), px.Rotary(2)).qk(Q, KEYS, AT.q_positions, AT.k_positions),
   ValueError, r"dims: got slice\(8, 9\), wanted at least one of the 8 dims"),
])
def test_refusals(make, error, message):
  with pytest.raises(error, match=message):
    make()


def _polar(seed):
  return px.Pope(jnp.asarray(np.random.default_rng(seed).normal(size=(2, 4)), jnp.float32))


def test_polar_axes_of_an_image_are_chained_from_the_last_dims_on():
  """2-D PoPE: rows turn dims 4 to 7, columns dims 0 to 3."""
  rows, columns = _polar(0), _polar(1)
  e = px.chain(px.along(0, px.on_dims(slice(4, 8), rows)),
               px.along(1, px.on_dims(slice(0, 4), columns)))
  q = np.random.default_rng(2).normal(size=(6, 2, 8))
  at = np.asarray(px.positions.grid(2, 3))
  frequencies = 10_000.0 ** (-np.arange(4) / 4)
  mu = np.log1p(np.exp(q))
  scores = np.zeros((2, 6, 6))
  for (m, n) in np.ndindex(6, 6):
    for axis, dims, delta in ((0, slice(4, 8), rows.delta), (1, slice(0, 4), columns.delta)):
      turn = (at[m, axis] - at[n, axis]) * frequencies - np.asarray(delta, np.float64)
      scores[:, m, n] += (mu[m, :, dims] * mu[n, :, dims] * np.cos(turn)).sum(-1)
  w = np.exp(scores / np.sqrt(8))
  want = np.einsum("nts,snh->tnh", w / w.sum(-1, keepdims=True), q)
  x = jnp.asarray(q, jnp.float32)
  got = jx.attend(x, x, x, e, q_positions=at, k_positions=at)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_dims_that_another_member_moves_are_refused():
  """After PoPE on dims 0 to 3, what was dim 4 is dim 8."""
  first, last = px.on_dims(slice(0, 4), _polar(0)), px.on_dims(slice(4, 8), _polar(1))
  reads = px.on_dims(slice(4, 8), px.TransformerXL.init(jax.random.key(0), 2, 4))
  for members, message in (
      ((first, last), "Chain the member of the last dims first"),
      ((px.along(0, first), px.along(1, last)), "Along of dims 4 to 8 beside Along"),
      ((px.chain(first, px.Alibi(2)), last), "Chain the member of the last dims first"),
      ((px.Pope.init(jax.random.key(0), 2, 8), last), "beside Pope, which widens"),
      ((first, reads), "It reads bias after the widening"),
      ((reads, first), "It reads bias after the widening")):
    with pytest.raises(ValueError, match=message):
      px.chain(*members)
  with pytest.raises(ValueError, match="on_dims: got Chain, which answers expand and bias"):
    px.on_dims(slice(0, 4), px.chain(_polar(0), px.TransformerXL.init(jax.random.key(0), 2, 4)))
  px.chain(px.chain(last, px.Alibi(2)), px.chain(px.Alibi(2), first))
  px.chain(px.on_dims(slice(0, 4), px.Rotary(4)), last)


def test_slices_that_reach_beyond_the_heads_or_dims_are_refused():
  q = _normal(T, N, H)
  for e, message in ((px.on_heads(slice(0, 9), px.Rotary(H)), r"heads: got slice\(0, 9\)"),
                     (px.on_heads(slice(-9, None), px.Rotary(H)), r"heads: got slice\(-9, None\)"),
                     (px.on_dims(slice(0, 99), px.Rotary(4)), r"dims: got slice\(0, 99\)")):
    with pytest.raises(ValueError, match=message):
      jx.attend(q, q, q, e)


def test_heads_of_another_model_are_refused():
  """Heads beyond those it was built for would stand still without a word."""
  e = px.on_heads(slice(0, 1), px.Rotary(4), of=2)
  q = jnp.ones((3, 2, 4))
  assert e.qk(q, q, jnp.arange(3), jnp.arange(3))[0].shape == (3, 2, 4)
  with pytest.raises(ValueError, match=r"heads: got 4 query heads, wanted the 2 that it was built"):
    e.qk(jnp.ones((3, 4, 4)), jnp.ones((3, 4, 4)), jnp.arange(3), jnp.arange(3))
  with pytest.raises(ValueError, match=r"of: got 0, wanted the query heads N"):
    px.on_heads(slice(0, 1), px.Rotary(4), of=0)
