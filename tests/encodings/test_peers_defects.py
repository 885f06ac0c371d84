# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Faults that were found by reading other packages: the same input is right here.

A test's first line says what goes wrong elsewhere. Nothing of another package runs; each test
compares with numbers that the faulty rule would miss.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions, testing
from tests import oracles
from tests.support import jitted as jx

KEY = jax.random.key(0)
T, H = 6, 8
AT = np.arange(T, dtype=np.int32)


def normal(name, *shape):
  return np.random.default_rng(list(name.encode())).standard_normal(shape).astype(np.float32)


Q, K = normal("q", 1, T, 4, H), normal("k", 1, T, 2, H)


def attend(e, rows=slice(None), **options):
  v = normal("v", 1, T, 2, H)
  return jx.attend(Q[:, rows], K, v, e, causal=True, q_positions=AT[rows], k_positions=AT,
                   **options)


def test_yarn_ramps_between_the_bounds_of_the_whole_dim():
  """The bounds of half the dim (10 and 23 in place of 20 and 46), a root of the multiplier."""
  plain = 1e4 ** (-np.arange(64) / 64)
  found = functions.yarn_frequencies(128, factor=16.0, original=4096)
  stretched = plain / found
  assert stretched[20] == pytest.approx(1, rel=1e-12) and stretched[21] > 1.01
  assert stretched[45] < 16 and stretched[46] == pytest.approx(16, rel=1e-12)
  ramp = (np.arange(64) - 20) / 26
  wanted = plain * (1 - np.clip(ramp, 0, 1)) + plain / 16 * np.clip(ramp, 0, 1)
  np.testing.assert_allclose(found, wanted, rtol=1e-12)
  assert functions.yarn_attention_scaling(16.0) == pytest.approx(0.1 * math.log(16) + 1)


def test_positions_are_not_divided_where_frequencies_are():
  """Positions divided by the factor besides: the fastest pair would turn 16 times too slowly."""
  e = px.Rotary.from_frequencies(functions.yarn_frequencies(H, factor=16.0, original=4096))
  one = jnp.ones((1, 1, H))
  turned = e.qk(one, one, jnp.array([1]), jnp.array([1]))[0][0, 0]
  assert turned[0] == pytest.approx(math.cos(1) - math.sin(1), abs=1e-6)


def test_positions_past_the_original_length_are_not_clamped():
  """Positions clamped to the original length: all tokens after it would stand on one place."""
  e = px.Rotary.from_frequencies(functions.yarn_frequencies(H, factor=4.0, original=16))
  q = jnp.asarray(Q[0, :1])
  rows = [e.qk(q, q, jnp.array([p]), jnp.array([p]))[0] for p in (16, 17, 40)]
  assert float(jnp.abs(rows[0] - rows[1]).max()) > 0.1
  assert float(jnp.abs(rows[1] - rows[2]).max()) > 0.1


def test_dynamic_ntk_changes_the_base_and_keeps_the_fastest_pair():
  """All frequencies divided by the same number."""
  base = functions.dynamic_ntk_base(1e4, 4.0, 64, length=8192, original=2048)
  assert base == pytest.approx(1e4 * (4 * 8192 / 2048 - 3) ** (64 / 62))
  found = px.Rotary(64, base=base).frequencies.radians
  assert found[0] == 1 and found[-1] < 0.1 * 1e4 ** (-62 / 64)


def test_two_bases_in_one_process_are_two_tables():
  """A table cached by dim and dtype: the second base would get the table of the first."""
  first, second = (px.Rotary(H, base=b).qk(Q, K, AT, AT)[0] for b in (1e4, 100.0))
  for base, found in ((1e4, first), (100.0, second)):
    wanted = oracles.rotate(Q[0].astype(np.float64), AT, oracles.rotary_frequencies(H, base=base))
    np.testing.assert_allclose(found[0], wanted, atol=2e-6)
  assert float(jnp.abs(first - second).max()) > 0.1


ENCODINGS = {
  "rotary": lambda: px.Rotary(H),
  "alibi": lambda: px.Alibi(4),
  "t5": lambda: px.T5Bias.init(KEY, 4, num_buckets=8, max_distance=6, stddev=1.0),
  "pope": lambda: px.Pope.init(KEY, 4, H, uniform=True),
  "xpos": lambda: px.XPos(H, scale_base=4.0),
  "on-read": lambda: px.RotaryOnRead(H),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_last_query_alone_is_the_last_row(name):
  """Positions from array shapes or from the step, two centres for q and k of two lengths, a bias
  for the query's length: a single query would stand at 0."""
  e = ENCODINGS[name]()
  whole, last = attend(e), attend(e, slice(T - 1, T))
  np.testing.assert_allclose(last[:, 0], whole[:, -1], atol=2e-6)
  assert float(jnp.abs(whole[:, -1] - attend(px.Encoding())[:, -1]).max()) > 1e-3


@pytest.mark.parametrize("name", ["fox", "path", "selective-rotary"])
def test_gates_and_norms_are_the_same_in_decode(name):
  """The gate left out of cached decoding; w normalised in another precision than in the prefill."""
  from tests.encodings.test_contract import CASES  # builds nothing until asked

  testing.check_encoding(CASES[name](), only=("decode",))


@pytest.mark.parametrize("name", ["pope", "scaled", "t5"])
def test_every_row_of_a_batch_has_its_own_positions(name):
  """Positions ``[B, T]`` refused, or spread over the wrong axis."""
  at = np.stack([AT, AT[::-1] + 3])
  if name == "scaled":
    e = px.functions.scaled_sinusoidal(16)
    x = normal("x", 2, T, 16)
    both = e.inputs(x, at)
    alone = [e.inputs(x[i:i + 1], at[i:i + 1])[0] for i in range(2)]
  else:
    e = ENCODINGS[name]()
    q, k = np.concatenate([Q, 2 * Q]), np.concatenate([K, -K])
    one = lambda i: jx.attend(q[i], k[i], k[i], e, q_positions=at[i], k_positions=at[i])
    both = jx.attend(q, k, k, e, q_positions=at, k_positions=at)
    alone = [one(i) for i in range(2)]
  np.testing.assert_allclose(both, np.stack(alone), atol=3e-6)


def test_positions_beyond_256_survive_bfloat16():
  """Positions in q's dtype: 257 is no bfloat16."""
  q = jnp.asarray(Q[0, :2], jnp.bfloat16)
  for e in (px.Rotary(H), px.XPos(H), px.Pope.init(KEY, 4, H)):
    a, b = (e.expand(*e.qk(q, q, at, at), at, at)[0] for at in (np.array([256, 257]),
                                                              np.array([256, 256])))
    assert float(jnp.abs(a[1] - b[1]).astype(jnp.float32).max()) > 0.1, e


def test_cosines_are_not_rounded_to_bfloat16():
  """cos and sin cast to the activations' dtype: the product would be rounded twice."""
  q = jnp.asarray(Q[0], jnp.bfloat16)
  found = px.Rotary(H).qk(q, q, AT + 1000, AT + 1000)[0]
  exact = oracles.rotate(np.asarray(q, np.float64), AT + 1000, oracles.rotary_frequencies(H))
  np.testing.assert_array_equal(np.asarray(found, np.float32),
                                np.asarray(jnp.asarray(exact, jnp.bfloat16), np.float32))


def test_known_frequencies_are_no_parameters():
  """Frequencies always a parameter: a cast or weight decay would move them."""
  parameters, _ = px.partition(px.Rotary(H))
  assert jax.tree.leaves(parameters) == []
  with pytest.raises(TypeError, match="got words of bfloat16, wanted the uint32 words"):
    cast = jax.tree.map(lambda x: x.astype(jnp.bfloat16), px.Rotary(H))
    cast.qk(Q, K, AT, AT)


def test_randomized_positions_are_drawn_once_and_a_table_holds_all_their_distances():
  """A fresh draw for each layer; a relative table of L rows that is asked for 2 L - 1."""
  drawn = px.Randomized(T, maximum=64).positions(AT, key=KEY)
  assert len(set(np.asarray(drawn).tolist())) == T and list(drawn) == sorted(drawn)
  np.testing.assert_array_equal(drawn, px.Randomized(T, maximum=64).positions(AT, key=KEY))
  table = px.Shaw.init(KEY, H, max_distance=63, stddev=1.0).key_table
  index = functions.shaw_index(np.array([0, 63]), np.array([63, 0]), 63)
  assert np.shape(table)[-2] == 127 and {0, 126} <= set(np.asarray(index).ravel().tolist())


def test_alibi_slopes_are_the_published_ones_for_twelve_heads():
  """2^(-8h/N) for any N."""
  wanted = [2.0**-h for h in range(1, 9)] + [2.0 ** -(h + 0.5) for h in range(4)]
  np.testing.assert_allclose(px.alibi_slopes(12), wanted, rtol=1e-6)
  assert px.alibi_slopes(12, "geometric")[0] == pytest.approx(2 ** (-8 / 12))


def test_alibi_favours_what_is_near_in_both_directions():
  """The signed distance without a causal mask, or the opposite sign: the future, or what is far,
  would win."""
  bias = px.Alibi(4).bias(px.Tile(q_positions=np.array([5]), k_positions=np.array([1, 4, 5, 6, 9])))
  row = np.asarray(bias)[0, 0]
  assert row[2] == 0 and row[1] == row[3] < 0 and row[0] == row[4] < row[1]


def test_cope_says_whether_its_term_is_scaled():
  """(q k + p) / sqrt(d) in the code, q k / sqrt(d) + p in the paper's listing."""
  scaled, plain = (px.Cope.init(KEY, T, H, stddev=1.0, scaled=s) for s in (True, False))
  mask = np.tril(np.ones((1, T, T), bool))
  v = normal("v", T, 2, H)
  for e in (scaled, plain):
    wanted = oracles.cope_attention(Q[0], K[0], v, mask[0], np.asarray(e.table, np.float64),
                                    position_scaled=e is scaled)
    found = jx.attend(Q[0], K[0], v, e, causal=True)
    np.testing.assert_allclose(found, wanted, atol=5e-6)
