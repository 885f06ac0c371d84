# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers that were once wrong: scales, large positions, empty keys, ranks, float64, transforms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import posenc_jax as px
from posenc_jax import functions
from tests import oracles
from tests.support import jitted as jx

KEY = jax.random.key(0)
T, S, N, K, H = 4, 6, 4, 2, 8


def _normal(*shape, seed=0, dtype=np.float32):
  return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


Q, KEYS, V = _normal(T, N, H), _normal(S, K, H, seed=1), _normal(S, K, H, seed=2)
Q_AT, K_AT = np.arange(T) + 2, np.arange(S)
SCALED = {
  "shaw": (px.Shaw.init(KEY, H, max_distance=3, stddev=1.0), lambda e, q, k, v, scale:
           oracles.shaw_attention(q, k, v, Q_AT, K_AT, e.key_table, e.value_table, scale=scale)),
  "transformer-xl": (px.TransformerXL.init(KEY, N, H, stddev=0.4), lambda e, q, k, v, scale:
                     oracles.transformer_xl_attention(q, k, v, Q_AT, K_AT, e.u, e.v, e.w_r,
                                                      scale=scale)),
}


@pytest.mark.parametrize("scale", [None, 1.0, 0.3])
@pytest.mark.parametrize("name", SCALED)
def test_terms_of_q_have_the_scale_of_the_call(name, scale):
  """The papers divide all terms by one sqrt(H): a scale given to attend is that of all terms."""
  e, oracle = SCALED[name]
  got = jx.attend(*(jnp.asarray(x) for x in (Q, KEYS, V)), e, q_positions=Q_AT, k_positions=K_AT,
                  scale=scale)
  wide = jax.tree.map(lambda x: np.asarray(x, np.float64) if x.dtype.kind == "f" else x, e)
  wanted = oracle(wide, *(np.asarray(x, np.float64) for x in (Q, KEYS, V)),
                  1 / math.sqrt(H) if scale is None else scale)
  np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize("scaled", [True, False])
def test_cope_scales_its_term_as_the_call_does(scaled):
  e = px.Cope(jnp.asarray(_normal(4, H, seed=3)), scaled)
  z = _normal(N, T, S, seed=4)
  tile = px.Tile(q=jnp.asarray(Q), scale=0.3)
  plain = px.cope_bias(jnp.asarray(Q), px.cope_positions(jnp.asarray(z), None, 4), e.table)
  np.testing.assert_allclose(e.scores(jnp.asarray(z), tile), z + (0.3 if scaled else 1) * plain,
                             rtol=1e-5, atol=1e-5)
  alone = e.scores(jnp.asarray(z), tile._replace(scale=None))
  np.testing.assert_allclose(alone, z + (H**-0.5 if scaled else 1) * plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("offset", [0, 2**24, 2**28, 2**31 - 700, -(2**31)])
@pytest.mark.parametrize("known", [True, False])
def test_alibi_columns_are_exact_at_any_position(offset, known):
  """The bias up to a term of the row; NumPy positions stay known."""
  at = (np.arange(0, 700, 7) + offset).astype(np.int32)[None]
  e = px.Alibi(slopes=np.array([0.5, 1.0], np.float32))
  columns = e.bias_columns if known else jax.jit(e.bias_columns)
  a, b = columns(at, at)
  assert isinstance(b, np.ndarray) == known
  distance = at[0].astype(np.int64)[:, None] - at[0].astype(np.int64)
  wanted = -np.array([0.5, 1.0])[:, None, None] * distance
  got = np.asarray(a, np.float64)[0, 0, :, 0][:, None, None] * np.asarray(b, np.float64)[
    0, :, 0, 0][None, None]
  wanted = wanted - wanted[..., -1:]
  np.testing.assert_array_equal(np.broadcast_to(got - got[:, :, -1:], wanted.shape), wanted)


def test_alibi_attention_far_away():
  """auto takes the columns from a length on: it must not change what is computed."""
  at = np.arange(64, dtype=np.int32) + 2**28
  q = jnp.asarray(_normal(64, 2, 8))
  run = lambda i: jx.attend(q, q, q, px.Alibi(2), causal=True, q_positions=at, k_positions=at,
                            implementation=i)
  np.testing.assert_allclose(run("auto"), run("reference"), atol=2e-6)
  near = jx.attend(q, q, q, px.Alibi(2), causal=True)
  np.testing.assert_allclose(run("auto"), near, atol=2e-6)


def test_fox_columns_hold_both_words_of_a_long_prefix():
  """Cumulated gates near -10^4 leave 1e-3 in one float: the second word must reach the columns."""
  carry = jnp.stack([jnp.full((2,), -10_007.0), jnp.full((2,), 2e-4)])
  gates = -np.random.default_rng(0).random((64, 2)).astype(np.float32) / 50
  c = px.forget_positions(jnp.asarray(gates), carry=carry)
  fox = px.Fox(jnp.ones((5, 2)), jnp.ones(2))
  q, v = (jnp.asarray(_normal(64, 2, 8, seed=i)) for i in (0, 1))
  order = np.arange(64)
  run = lambda i: jx.attend(q, q, v, fox, q_positions=c, k_positions=c, q_order=order,
                            k_order=order, causal=True, applied=("layer",), implementation=i)
  mask = oracles.visible(order, order, causal=True)
  wide = [np.asarray(x, np.float64) for x in (q, q, v)]
  wanted = oracles.fox_attention(*wide, gates.astype(np.float64), mask=mask)
  for implementation in ("reference", "rows"):
    np.testing.assert_allclose(run(implementation), wanted, atol=2e-5, err_msg=implementation)
  a, b = fox.bias_columns(c[None], c[None])
  product = np.einsum("btnr,bsnr->bnts", np.broadcast_to(a, b.shape).astype(np.float64),
                      np.asarray(b, np.float64))[0]
  product -= np.diagonal(product, axis1=1, axis2=2)[..., None]
  exact = oracles.fox_bias(gates.astype(np.float64), 64)
  np.testing.assert_allclose(np.where(mask, product, 0), np.where(mask, exact, 0), atol=1e-6)


def test_yarn_beyond_a_turn_of_the_slowest_pair():
  """For L0 > 2 pi B the ramp ends past the last pair; the released code clips it to dim - 1."""
  dim, factor, original, base = 64, 4.0, 131_072, 10_000.0
  pair = lambda turns: dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))
  low, high = max(math.floor(pair(32)), 0), min(math.ceil(pair(1)), dim - 1)
  assert dim // 2 - 1 < high
  wanted = []
  for i in range(dim // 2):
    theta = base ** (-2 * i / dim)
    keep = 1 - min(max((i - low) / (high - low), 0), 1)
    wanted.append(theta / factor * (1 - keep) + theta * keep)
  got = functions.yarn_frequencies(dim, factor=factor, original=original, base=base)
  np.testing.assert_allclose(got, wanted, rtol=1e-12)
  assert 6.3e-5 < got[-1] < 6.5e-5


def test_transformer_xl_without_keys():
  e = px.TransformerXL.init(KEY, N, H)
  bias = e.bias(px.Tile(jnp.asarray(Q), jnp.zeros((0, K, H)), jnp.arange(T), jnp.arange(0)))
  assert bias.shape == (N, T, 0)
  grads = jax.grad(lambda q: jnp.sum(jx.attend(q, jnp.zeros((0, K, H)), jnp.zeros((0, K, H)), e,
                                               q_positions=Q_AT, k_positions=np.arange(0))))(Q)
  assert not np.any(grads)


@pytest.mark.parametrize("e", [px.Sinusoidal(H), px.Learned.init(KEY, 16, H)], ids=["sin", "table"])
def test_inputs_with_positions_of_one_row(e):
  """Positions [T] with embeddings [B, T, D], under rank promotion "raise"."""
  x = jnp.asarray(_normal(3, T, H))
  wanted = jnp.stack([e.inputs(row, jnp.arange(T)) for row in x])
  for at in (jnp.arange(T), np.arange(T)[None], jnp.broadcast_to(jnp.arange(T), (3, T))):
    np.testing.assert_array_equal(e.inputs(x, at), wanted)
  with pytest.raises(ValueError, match=r"positions: got shape \(5,\), wanted .* with T = 4"):
    e.inputs(x, jnp.arange(5))


def test_hooks_with_positions_of_one_row_on_a_batch():
  """Every hook takes [T] beside [B, T, ...], also where no attention has aligned them."""
  q, k = jnp.stack([Q, Q]), jnp.stack([KEYS, KEYS])
  tile = px.Tile(q, k, Q_AT, K_AT)
  for e in (px.Shaw.init(KEY, H), px.TransformerXL.init(KEY, N, H)):
    np.testing.assert_allclose(e.bias(tile)[1], e.bias(px.Tile(Q, KEYS, Q_AT, K_AT)), atol=1e-6)
  weights = jax.nn.softmax(jnp.asarray(_normal(2, N, T, S)))
  shaw = px.Shaw.init(KEY, H)
  np.testing.assert_allclose(shaw.value_bias(weights, tile)[1],
                             shaw.value_bias(weights[1], tile._replace(q=None, k=None)),
                             rtol=1e-6)
  turned = px.LogNTemperature(2).qk(q, k, Q_AT, K_AT)[0]
  np.testing.assert_allclose(turned[1], Q * np.maximum(1, np.log2(Q_AT + 1))[:, None, None],
                             rtol=1e-6)


def test_sinusoidal_on_float64(x64):
  at = np.array([0, 1, 257, 10**6])
  x = np.zeros((4, 8))
  got = px.Sinusoidal(8).inputs(jnp.asarray(x), jnp.asarray(at, jnp.int32))
  assert got.dtype == jnp.float64
  np.testing.assert_allclose(got, oracles.sinusoidal(at, 8), atol=6e-9)
  halves = px.Sinusoidal(7, layout="halves").inputs(jnp.zeros((4, 7)), jnp.asarray(at, jnp.int32))
  np.testing.assert_allclose(halves, oracles.sinusoidal(at, 7, layout="halves"), atol=6e-9)


INDEX = px.shaw_index(Q_AT, K_AT, 2)


def _by_loop(weights, table, index):
  return np.einsum("...nts,...tsh->...tnh", weights, np.asarray(table)[np.asarray(index)])


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("own", [True, False])
def test_shaw_values_and_their_gradients(batch, own):
  """An index for each row of the batch, or one for all; values, jvp and gradients."""
  weights, table = _normal(*batch, N, T, S), _normal(5, H, seed=3)
  index = np.broadcast_to(INDEX, (*batch, T, S)) if own else INDEX
  if own and batch:
    index = np.random.default_rng(5).integers(0, 5, index.shape).astype(np.int32)
  f = lambda w, t: px.shaw_values(w, t, jnp.asarray(index))
  wanted = _by_loop(weights.astype(np.float64), table, np.broadcast_to(index, (*batch, T, S)))
  np.testing.assert_allclose(f(jnp.asarray(weights), table), wanted, atol=1e-5)
  probe = _normal(*batch, T, N, H, seed=6)
  dw, dt = jax.grad(lambda w, t: jnp.sum(f(w, t) * probe), argnums=(0, 1))(
    jnp.asarray(weights), jnp.asarray(table))
  rows = np.asarray(table)[np.broadcast_to(index, (*batch, T, S))]
  np.testing.assert_allclose(dw, np.einsum("...tnh,...tsh->...nts", probe, rows), atol=1e-5)
  step = _normal(*weights.shape, seed=7)
  _, moved = jax.jvp(lambda w: f(w, jnp.asarray(table)), (jnp.asarray(weights),),
                     (jnp.asarray(step),))
  np.testing.assert_allclose(moved, _by_loop(step, table, np.broadcast_to(index, (*batch, T, S))),
                             atol=1e-5)
  total = np.zeros((5, H))
  for i, w in np.ndenumerate(np.broadcast_to(weights, weights.shape)):
    *b, n, t, s = i
    total[np.broadcast_to(index, (*batch, T, S))[(*b, t, s)]] += w * probe[(*b, t, n)]
  np.testing.assert_allclose(dt, total, atol=1e-4)


@pytest.mark.slow  # tests/attention/test_transforms.py has it on many devices, daily
def test_shaw_inside_shard_map():
  """check_vma=True, the default: values and gradients of a shard are those of the whole."""
  mesh = Mesh(np.array(jax.devices()[:1]), ("b",))
  e = px.Shaw.init(KEY, H, max_distance=2, stddev=1.0)
  q, k, v = (jnp.asarray(_normal(2, T, n, H, seed=i)) for i, n in enumerate((N, K, K)))
  run = lambda q, k, v: jx.attend(q, k, v, e, causal=True, implementation="reference")
  spec = PartitionSpec("b")
  sharded = jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec)
  np.testing.assert_allclose(sharded(q, k, v), run(q, k, v), atol=1e-6)
  loss = lambda f: lambda q: jnp.sum(f(q, k, v) ** 2)
  np.testing.assert_allclose(jax.grad(loss(sharded))(q), jax.grad(loss(run))(q), atol=1e-5)
