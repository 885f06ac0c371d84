# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chains: order, sums whose precision does not depend on it, members of different positions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.base import Each

KEY = jax.random.key(0)


@px.encoding
class _Times(px.Encoding):
  """Multiplies queries and outputs, adds to embeddings: shows in which order hooks run."""

  factor: jax.Array

  def inputs(self, x, positions):
    return x * self.factor + 1

  def qk(self, q, k, q_positions, k_positions):
    return q * self.factor + 1, k

  def outputs(self, out, q_positions):
    return out * self.factor + 1


@px.encoding
class _Ones(px.Encoding):
  """Weights of one on every visible key."""

  def weights(self, scores, tile):
    return jnp.ones_like(scores)


def test_hooks_run_in_order_and_outputs_in_reverse():
  x, at = jnp.ones((1, 2, 1, 4)), jnp.arange(2)[None]
  both = px.chain(_Times(2.0), _Times(3.0))
  np.testing.assert_array_equal(both.qk(x, x, at, at)[0], 10 * x)
  np.testing.assert_array_equal(both.inputs(x[..., 0, :], at), 10 * x[..., 0, :])
  np.testing.assert_array_equal(both.outputs(x, at), 9 * x)


def test_biases_add_and_claims_are_those_of_all_members():
  a, b = px.Alibi(2), px.Alibi(slopes=[1.0, 2.0])
  tile = px.Tile(q_positions=jnp.array([[3, 9]]), k_positions=jnp.arange(4)[None])
  both = px.chain(px.Rotary(4), a, b)
  np.testing.assert_allclose(both.bias(tile), a.bias(tile) + b.bias(tile))
  assert both.has("distance_bias") and both.has("bias_columns") and both.relative
  t5 = px.chain(a, px.T5Bias.init(KEY, 2))
  assert t5.has("distance_bias") and not t5.has("bias_columns")
  assert not px.chain(px.Sinusoidal(4), a).relative
  assert px.chain(a) is a and px.chain().has("bias") is False
  assert [type(m).__name__ for m, _, _ in px.chain(px.chain(a, b), px.Rotary(4)).parts()] == [
    "Alibi", "Alibi", "Rotary"]


def _narrow(e):
  return jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.bfloat16), e)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_the_order_of_members_does_not_decide_the_precision_of_biases(order):
  """A table in bfloat16 beside distances in float32: neighbours 1000 away stay apart."""
  members = [_narrow(px.T5Bias.init(KEY, 2)), px.Alibi(2), px.Fire.init(KEY, 2)]
  tile = px.Tile(q_positions=jnp.array([1001]), k_positions=jnp.array([0, 1, 2]))
  wanted = sum(np.asarray(m.bias(tile), np.float64) for m in members)
  chain = px.chain(*(members[i] for i in order))
  got = chain.bias(tile)
  assert got.dtype == jnp.float32
  np.testing.assert_allclose(got, wanted, rtol=3e-7)
  far = px.chain(*(members[i] for i in order if i < 2))
  distances = far.distance_bias(jnp.array([1001, 1000]))
  assert distances.dtype == jnp.float32
  np.testing.assert_allclose(distances, wanted[:, 0, :2] - np.asarray(
    members[2].bias(tile), np.float64)[:, 0, :2], rtol=3e-7)


def test_columns_of_members_stand_side_by_side():
  slopes = np.array([0.5, 0.25], np.float32)
  at = np.array([[2, 5, 9]])
  both = px.chain(px.Alibi(slopes=slopes), px.Alibi(slopes=2 * slopes))
  a, b = both.bias_columns(at, at)
  product = np.einsum("btnr,bsnr->bnts", np.broadcast_to(a, (1, 3, 2, 2)),
                      np.broadcast_to(b, (1, 3, 2, 2)))
  wanted = -3 * slopes[None, :, None, None] * (at[0][:, None] - at[0])
  lower = np.tril(np.ones((3, 3), bool))
  rows = lambda z: np.where(lower, z - np.diagonal(z, axis1=-2, axis2=-1)[..., None], 0)
  np.testing.assert_allclose(rows(product), rows(wanted), atol=1e-6)


def test_members_of_different_axes():
  rows = px.along(0, px.Alibi(2))
  assert px.chain(px.MRotary((1, 1)), rows).position_axes == 2
  assert px.chain(px.MRotary((1, 1)), px.SSMax.init(KEY, 2), px.Encoding()).position_axes == 2
  assert px.chain(px.SSMax.init(KEY, 2), px.Cope.init(KEY, 4, 4)).position_axes is None
  with pytest.raises(ValueError, match=r"chain: got members of different position axes: MRotary 2, "
                     r"Alibi 0.*px\.along\(axis, encoding\)"):
    px.chain(px.MRotary((1, 1)), px.Alibi(2))
  with pytest.raises(ValueError, match="members of different position axes"):
    px.chain(px.MRotary((1, 1)), px.MRotary((1, 1, 1)))


@pytest.mark.parametrize("members, error, message", [
  ((px.Alibi(2), None), TypeError, r"chain argument 1: got None, wanted an encoding"),
  (([px.Alibi(2)],), TypeError, r"chain argument 0: got list, wanted an encoding"),
  ((px.Rotary,), TypeError, r"chain argument 0: got class Rotary, wanted an encoding"),
  ((_Ones(), _Ones()), ValueError, r"chain: got _Ones and _Ones, which both give the weights"),
])
def test_refusals(members, error, message):
  with pytest.raises(error, match=message):
    px.chain(*members)


def test_each_holds_positions_of_each_member():
  """FoX in a chain: the rotary keeps the tokens' positions, FoX gets its own."""
  x, q = jax.random.normal(KEY, (2, 5, 6)), jax.random.normal(KEY, (2, 5, 2, 4))
  fox, rotary = px.Fox.init(KEY, 6, 2, stddev=1.0), px.Rotary(4)
  both = px.chain(rotary, fox)
  same, at, carry = both.layer(x, jnp.arange(5)[None])
  assert same is x and isinstance(at, Each) and at.members[1].shape == (2, 5, 2, 2)
  assert carry[0] is None and carry[1].shape == (2, 2, 2)
  got = px.attend(q, q, q, both, q_positions=at, k_positions=at, causal=True, q_order=np.arange(5),
                  k_order=np.arange(5), applied=("layer",))
  turned = px.rotate(q, jnp.arange(5), rotary.frequencies)
  wanted = px.attend(turned, turned, q, fox, q_positions=at.members[1], k_positions=at.members[1],
                     causal=True, q_order=np.arange(5), k_order=np.arange(5), applied=("layer",))
  np.testing.assert_allclose(got, wanted, atol=1e-6)
  assert px.chain(rotary, px.Alibi(2)).layer(x, at)[1] is at
  with pytest.raises(ValueError, match="positions of 3 members, wanted of the chain's 2"):
    both.align(Each((0, 1, 2)), 1, 5)
  with pytest.raises(ValueError, match=r"driven positions \[\.\.\., T, 2, 2\]"):
    both.align(jnp.arange(5), 1, 5)


def test_keys_of_random_members_differ():
  one = px.Randomized(4, maximum=64)
  at = px.chain(one, px.Rotary(4)).positions(jnp.arange(4), key=KEY)
  assert at.shape == (4,) and np.all(np.diff(at) > 0)
