# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers that were once wrong without a word, against float64 loops: each a kind of its own.

Integers of every dtype and container, near the ends of the dtype and of int32; windows that reach
everything; T = 64 where only tiles were wrong.
"""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles
from tests.oracles import fuzz, fuzz_members

T, N, H = 6, 2, 4
IMPLEMENTATIONS = ("reference", "rows")
AT = np.arange(T)


@pytest.fixture(scope="module")
def small():
  """q, k, v ``[T, N, H]``, and what causal ALiBi makes of them in float64."""
  rng = np.random.default_rng(3)
  q, k, v = (rng.standard_normal((T, N, H)).astype(np.float32) for _ in range(3))
  bias = oracles.alibi_bias(AT, AT, oracles.alibi_slopes(N))
  return q, k, v, oracles.attention(q, k, v, bias=bias, mask=np.tril(np.ones((T, T), bool)))


def _near(got, wanted, atol=3e-6):
  np.testing.assert_allclose(np.asarray(got, np.float64), wanted, atol=atol)


def _counting(dtype):
  """0, 1, .. in a dtype, and up to its largest number or int32's, and from its least."""
  info = np.iinfo(dtype)
  top, low = min(info.max, 2**31 - 1), max(info.min, -(2**31))
  return [np.array([start + i for i in range(T)], dtype) for start in {0, top - T + 1, low}]


DTYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_positions_of_every_integer_dtype(small, implementation, dtype):
  q, k, v, wanted = small
  run = lambda at: px.attend(q, k, v, px.Alibi(N), causal=True, window=(T, 0), q_positions=at,
                             k_positions=at, implementation=implementation, tile=4)
  for at in _counting(dtype):
    _near(run(at), wanted)
  _near(jax.jit(run)(_counting(dtype)[0]), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_orders_and_segments_of_every_integer_dtype(small, dtype):
  q, k, v, wanted = small
  for at in _counting(dtype):
    _near(px.attend(q, k, v, px.Alibi(N), causal=True, q_order=at, k_order=at), wanted)
    _near(px.attend(q, k, v, segments=at), v)  # each token alone
  ids = np.zeros(T, dtype)
  _near(px.attend(q, k, v, px.Alibi(N), causal=True, segments=(ids, ids)), wanted)


@pytest.mark.parametrize("at", [
    list(range(T)), tuple(range(T)), range(T), [np.uint8(i) for i in range(T)],
    [jnp.int32(i) for i in range(T)], [jnp.array(i, jnp.uint8) for i in range(T)],
    AT[None], AT.astype(object).astype(np.int64), np.asfortranarray(AT)], ids=str)
def test_containers(small, at):
  q, k, v, wanted = small
  if np.ndim(at) == 2:
    q, k, v, wanted = (x[None] for x in small)
  _near(px.attend(q, k, v, px.Alibi(N), causal=True, q_positions=at, k_positions=at), wanted)
  _near(px.attend(q, k, v, px.Alibi(N), causal=True, q_order=at, k_order=at), wanted)
  if not isinstance(at, tuple):  # a tuple is a pair, of the queries and of the keys
    _near(px.attend(q, k, v, segments=at), v)


@pytest.mark.parametrize("number", [4, np.uint8(4), np.int64(4), np.array(4, np.uint16),
                                    jnp.array(4, jnp.uint8)], ids=repr)
def test_numbers_of_every_kind(small, number):
  """Windows, tiles, lengths and prefixes."""
  q, k, v, _ = small
  behind = AT[:, None] - AT
  for implementation in IMPLEMENTATIONS:
    run = lambda **options: px.attend(q, k, v, implementation=implementation, **options)  # noqa: B023
    _near(run(window=number, tile=number), oracles.attention(q, k, v, mask=abs(behind) <= 4))
    _near(run(window=(number, 0)), oracles.attention(q, k, v, mask=(0 <= behind) & (behind <= 4)))
    real = (AT < 4)[:, None] & (AT < 4)
    _near(run(lengths=number), oracles.attention(q, k, v, mask=real))
    seen = (behind >= 0) | (AT < 4)
    _near(run(prefix=number, causal=True), oracles.attention(q, k, v, mask=seen))
  _near(px.attend(q[None], k[None], v[None], lengths=[number])[0],
        oracles.attention(q, k, v, mask=real))


@pytest.fixture(scope="module")
def long():
  """q, k, v ``[64, 2, 4]``: T beyond the thresholds of the dispatch."""
  rng = np.random.default_rng(4)
  return [rng.standard_normal((64, N, H)).astype(np.float32) for _ in range(3)]


def _dense(arrays, mask, *members):
  """Attention of the 64 tokens in float64, as arrays: the loops would take seconds."""
  q, k, v = (x.astype(np.float64) for x in arrays)
  return fuzz.attend(q, k, v, members, np.broadcast_to(mask, (N, 64, 64)), H**-0.5)


@pytest.mark.parametrize("offset", [0, 2**24, 2**28, 2**30, 2**31 - 64, -(2**31)])
@pytest.mark.parametrize("known", [True, False])
def test_alibi_is_exact_at_any_position(long, known, offset):
  """Known positions take the columns, which once rounded positions to float32."""
  at = (np.arange(64) + offset).astype(np.int32)
  run = lambda at: px.attend(*long, px.Alibi(N), causal=True, q_positions=at, k_positions=at)
  slopes = fuzz_members.Alibi(slopes=oracles.alibi_slopes(N))
  wanted = _dense(long, np.tri(64, dtype=bool), (slopes, np.arange(64), np.arange(64)))
  _near(run(at) if known else jax.jit(run)(at), wanted, atol=1e-5)


@pytest.mark.parametrize("window", [63, 2**31 - 2, 2**31 - 1, 2**31, 2**32, 10**10, 2**64])
def test_windows_that_reach_everything(long, window):
  wanted = px.attend(*long, causal=True, implementation="reference")
  for w in (window, (window, 0), (window, window)):
    _near(px.attend(*long, causal=True, window=w, implementation="rows"), wanted)
    _near(px.attend(*long, causal=True, window=w, implementation="reference"), wanted)


@pytest.mark.parametrize("offset", [2**31 - 64, -(2**31)])
def test_short_windows_near_the_ends_of_int32(long, offset):
  at = (np.arange(64) + offset).astype(np.int32)
  behind = np.arange(64)[:, None] - np.arange(64)
  for window, left, right in ((4, 4, 4), ((2**31 - 1, 3), 64, 3), ((0, 2**31), 0, 64)):
    wanted = _dense(long, (behind <= left) & (behind >= -right))
    for implementation in IMPLEMENTATIONS:
      run = lambda at: px.attend(*long, window=window, q_order=at, k_order=at,  # noqa: B023
                                 implementation=implementation, tile=16)  # noqa: B023
      _near(run(at), wanted)
      _near(jax.jit(run)(at), wanted)


def test_orders_at_both_ends_of_int32():
  """Their differences do not fit into int32."""
  q = k = np.ones((1, 1, 4), np.float32)
  v = 2 * k
  low, high = np.array([-(2**31)]), np.array([2**31 - 1])
  for implementation in IMPLEMENTATIONS:
    run = lambda q_order, k_order, **options: float(px.attend(
        q, k, v, q_order=q_order, k_order=k_order, implementation=implementation,  # noqa: B023
        **options)[0, 0, 0])
    assert run(high, low, causal=True) == 2 and run(low, high, causal=True) == 0
    assert run(high, low, window=2**32 - 1) == 2 and run(high, low, window=2**32 - 2) == 0


def test_positions_of_as_many_axes_as_tokens_are_no_order(rng):
  """[T, P] with P = T was once read as [B, T]."""
  q, k, v = (rng.standard_normal((1, 3, 2, 6)).astype(np.float32) for _ in range(3))
  at = np.array([[0, 5, 1], [1, 0, 0], [2, 1, 9]])
  e, index = px.MRotary((1, 1, 1)), np.arange(3)
  wanted = px.attend(q, k, v, e, causal=True, q_positions=at, k_positions=at, q_order=index,
                     k_order=index)
  _near(px.attend(q, k, v, e, causal=True, q_positions=at, k_positions=at), wanted)


@pytest.mark.parametrize("order", [0, 1])
def test_a_bias_in_bfloat16_does_not_round_the_others_of_a_chain(order):
  t5 = jax.tree.map(lambda x: x.astype(jnp.bfloat16), px.T5Bias(np.zeros((32, N), np.float32)))
  e = px.chain(*(t5, px.Alibi(N))[::1 - 2 * order])
  at = px.Tile(q_positions=np.array([1001]), k_positions=np.array([0, 1]))
  wanted = oracles.alibi_bias([1001], [0, 1], oracles.alibi_slopes(N))
  assert (np.asarray(e.bias(at)) == wanted).all()
  assert (np.asarray(e.distance_bias(np.array([[1001, 1000]]))) == wanted).all()


def test_positions_beyond_int32_under_64_bits(x64):
  q = jnp.ones((2, 1, 4))
  far = jnp.array([2**31 + 5, 2**31 + 6])
  assert far.dtype == jnp.int64
  with pytest.raises(ValueError, match=f"q_positions: got {2**31 + 6}, wanted numbers of int32"):
    px.attend(q, q, q, px.Rotary(4), q_positions=far, k_positions=far)
  near = jnp.array([2**31 - 2, 2**31 - 1])
  got = px.attend(q, q, q, px.Rotary(4), q_positions=near, k_positions=near)
  same = (np.asarray(q),) * 3
  wanted = oracles.rotary_attention(*same, near, near, oracles.rotary_frequencies(4))
  _near(got, wanted, atol=1e-12)


def test_rotate_is_exact_with_frequencies_as_an_argument_of_jit(rng):
  x, at = rng.standard_normal((1, 1, 64)).astype(np.float32), np.array([1_000_003])
  wanted = oracles.rotate(x, at, oracles.rotary_frequencies(64))
  f = px.rotary_frequencies(64)
  for run in (px.rotate, jax.jit(px.rotate), jax.jit(lambda x, at, f=f: px.rotate(x, at, f))):
    _near(run(x, at, f), wanted, atol=1e-6)
  with pytest.raises(TypeError, match="radians"):
    jnp.asarray(f)


def test_inputs_under_strict_ranks():
  """Positions [T] beside embeddings [B, T, D]: nothing broadcasts by rank alone."""
  x = jnp.zeros((2, 3, 8))
  for e in (px.Sinusoidal(8), px.Learned(jnp.ones((4, 8)))):
    once = e.inputs(x, np.arange(3))
    _near(once, e.inputs(x, np.tile(np.arange(3), (2, 1))), atol=0)


@pytest.mark.parametrize("again", [
    lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy,  # noqa: S301
    lambda e: jax.tree.map(lambda x: x, e),
    lambda e: e.replace(members=tuple(m.replace() for m in e.members)),
    lambda e: px.combine(*px.partition(e))],
    ids=["pickle", "copy", "deepcopy", "tree_map", "replace", "partition"])
def test_copies_compute_the_same(small, again):
  q, k, v, _ = small
  e = px.chain(px.Rotary(H), px.on_heads(slice(1, 2), px.Alibi(1)), px.learn(px.Alibi(N)))
  new = again(e)
  assert repr(new) == repr(e) and jax.tree.structure(new) == jax.tree.structure(e)
  _near(px.attend(q, k, v, new, causal=True), px.attend(q, k, v, e, causal=True), atol=0)


@pytest.mark.parametrize("e, wanted", [
    (px.on_dims(slice(0, 2), px.Rotary(2)), ((slice(None), slice(0, 2)),)),
    (px.on_heads(slice(0, 1), px.Rotary(4)), ((slice(0, 1), slice(None)),)),
    (px.chain(px.VORotary(4), px.on_heads(slice(0, 1), px.Rotary(4))),
     ((slice(0, 1), slice(None)),))], ids=repr)
def test_parts_of_heads_and_dims_in_tiles_of_one_row(small, e, wanted):
  """Under jit, what a part became was once written over its own input."""
  q, k, v, _ = small
  turned = []
  for x in (q, k):
    turned.append(np.array(x, np.float64))
    for heads, dims in wanted:
      cut = x[:, heads, dims]
      f = oracles.rotary_frequencies(cut.shape[-1])
      turned[-1][:, heads, dims] = oracles.rotate(cut, AT, f)
  if e.has("values"):
    f = oracles.rotary_frequencies(4)
    out = oracles.attention(*turned, oracles.rotate(v, AT, f))
    out = oracles.rotate(out, AT, f, inverse=True)
  else:
    out = oracles.attention(*turned, v)
  for implementation in IMPLEMENTATIONS:
    run = lambda q, k, v: px.attend(q, k, v, e, implementation=implementation, tile=1)  # noqa: B023
    _near(jax.jit(run)(q, k, v), out)
    _near(run(q, k, v), out)
