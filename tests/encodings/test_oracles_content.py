# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The oracles of content-driven methods against numbers worked out by hand."""

import math

import numpy as np

from tests import oracles


def _qkv(rng, num_q=5, num_k=5, heads=2, kv_heads=1, dim=4):
  """Random q [T, N, H], k and v [S, K, H]."""
  return (rng.normal(size=(num_q, heads, dim)), rng.normal(size=(num_k, kv_heads, dim)),
          rng.normal(size=(num_k, kv_heads, dim)))


def _causal(count):
  return oracles.visible(range(count), range(count), causal=True)


def _close(got, want, atol=1e-12):
  np.testing.assert_allclose(got, want, rtol=0, atol=atol)


def test_shaw_by_hand(rng):
  q, k, v = _qkv(rng)
  plain = oracles.attention(q, k, v)
  table = np.tile(rng.normal(size=4), (5, 1))
  got = oracles.shaw_attention(q, k, v, range(5), range(5), table, table)
  _close(got, plain + table[0])  # a constant row moves all scores of a query, and every output
  step = np.zeros((3, 4))
  step[2] = 1e6 * np.ones(4)  # the row of n > m
  got = oracles.shaw_attention(np.ones((3, 1, 4)), k[:3], v[:3], [0, 1, 2], [0, 1, 2], step)
  _close(got[1, 0], v[2, 0])


def test_transformer_xl_by_hand(rng):
  q, k, v = _qkv(rng)
  u, w, w_r = rng.normal(size=(2, 4)), rng.normal(size=(2, 4)), rng.normal(size=(6, 2, 4))
  plain = oracles.attention(q + u, k, v)
  _close(oracles.transformer_xl_attention(q, k, v, range(5), range(5), u, w, 0 * w_r), plain)
  _close(oracles.distance_sinusoid(3, 4),
         [math.sin(3), math.sin(0.03), math.cos(3), math.cos(0.03)])
  got = [oracles.transformer_xl_attention(q, k, v, range(s, s + 5), range(s, s + 5), u, w, w_r)
         for s in (0, 1000)]
  _close(*got)


def test_cope_by_hand():
  zero = np.zeros((4, 1, 2))
  positions = oracles.cope_positions(zero, zero, 9, mask=_causal(4))
  _close(positions[0, 3], [2, 1.5, 1, 0.5])  # every gate is one half, and the last token counts
  _close(positions[0, 1], [1, 0.5, 0, 0])
  _close(oracles.cope_positions(zero, zero, 2, mask=_causal(4))[0, 3], [1, 1, 1, 0.5])
  q, table = np.tile([2.0, 0.0], (4, 1, 1)), np.array([[0.0, 0], [1, 0], [4, 0], [9, 0]])
  bias = oracles.cope_bias(q, zero, table, mask=_causal(4))
  _close(bias[0, 3], [8, 5, 2, 1])
  v = np.eye(4)[:, None, :2]
  for scaled, factor in ((True, 2**-0.5), (False, 1.0)):
    got = oracles.cope_attention(q, zero, v, _causal(4), table, position_scaled=scaled)
    want = np.exp(np.array([8, 5, 2, 1]) * factor)
    _close(got[3, 0], want[:2] / want.sum())


def test_fox_with_one_gate_is_alibi(rng):
  q, k, v = _qkv(rng)
  gates = np.tile([-0.5, -0.25], (5, 1))
  bias = oracles.alibi_bias(range(5), range(5), [0.5, 0.25])
  _close(oracles.fox_attention(q, k, v, gates, mask=_causal(5)),
         oracles.attention(q, k, v, bias=bias, mask=_causal(5)))
  own = np.array([[-1.0], [-2.0], [-4.0]])
  _close(oracles.fox_bias(own, 1)[0, 0], [-6, -4, 0])  # the key's own gate does not count
  _close(oracles.fox_bias(own, 1, query_rows=[1])[0, 0], [-2, 0, 4])
  x = np.array([[1.0, 2.0]])
  _close(oracles.log_forget_gates(x, np.array([[1.0], [1.0]]), [-3.0]), [[math.log(0.5)]])


def test_pope_by_hand():
  q = k = np.zeros((2, 1, 2))  # magnitudes are all log 2
  v = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
  delta = np.array([[-0.5, 0.0]])
  out = oracles.pope_attention(q[:1], k, v, [7], [5, 7], delta, scale=1.0)
  z = [math.log(2) ** 2 * (math.cos(d + 0.5) + math.cos(d / 100)) for d in (2, 0)]
  _close(out[0, 0], oracles.softmax(z))
  clamped = oracles.pope_attention(q[:1], k, v, [7], [5, 7], np.array([[1.0, 0.0]]), clamp=True)
  _close(clamped, oracles.pope_attention(q[:1], k, v, [7], [5, 7], np.zeros((1, 2))))


def test_pope_groups(rng):
  q, k, v = _qkv(rng, heads=4, kv_heads=2)
  delta = rng.uniform(-6, 0, size=(2, 4))
  got = oracles.pope_attention(q, k, v, range(5), range(5), delta)
  _close(got, oracles.pope_attention(q, k, v, range(5), range(5), delta.repeat(2, axis=0)))
  for head in range(4):
    key = slice(head // 2, head // 2 + 1)
    alone = oracles.pope_attention(q[:, head : head + 1], k[:, key], v[:, key], range(5), range(5),
                                   delta[key])
    _close(got[:, head], alone[:, 0])


def _dape_weights(rng, taps):
  return (rng.normal(size=(taps, 4, 3)), rng.normal(size=3), rng.normal(size=(taps, 3, 2)),
          rng.normal(size=2))


def test_dape_by_hand():
  z, bias = np.array([[[1.0, -2.0]]]), np.array([[[0.5, 0.0]]])
  w1, w2 = np.array([[1.0], [2.0]]), np.array([[10.0]])
  got = oracles.dape_scores(z, bias, w1, [0.0], w2, [1.0])
  _close(got, [[[1.5 + 21.0, -2.0 - 0.2 + 1.0]]])  # hidden 2 and -0.02
  side = np.zeros((3, 2, 1))
  side[2, 0] = 1.0  # tap 2 of 3 reads the next key
  far = np.zeros((5, 2, 1))
  far[1, 0] = 1.0  # tap 1 of 5 reads the key before
  got = oracles.dape_scores(z, bias, far, [0.0], w2, [0.0])
  _close(got, [[[1.5, -2.0 + 10.0]]])
  far = np.zeros((5, 1, 1))
  far[1] = 1.0
  got = oracles.dape_scores(z, bias, w1, [0.0], far, [0.0])
  _close(got, [[[1.5, -2.0 + 2.0]]])
  got = oracles.dape_scores(z, bias, side, [0.0], w2, [0.0], mask=np.array([[True, True]]))
  _close(got, [[[1.5 - 0.2, -2.0]]])


def test_dape_v1_is_v2_with_one_tap(rng):
  q, k, v = _qkv(rng)
  bias = oracles.alibi_bias(range(5), range(5), [0.5, 0.25])
  w1, b1, w2, b2 = _dape_weights(rng, 1)
  wide = [np.pad(w, ((1, 1), (0, 0), (0, 0))) for w in (w1, w2)]
  one = oracles.dape_attention(q, k, v, bias, w1[0], b1, w2[0], b2, mask=_causal(5))
  _close(oracles.dape_attention(q, k, v, bias, wide[0], b1, wide[1], b2, mask=_causal(5)), one)
  z = oracles.dape_scores(oracles.scores(q, k), bias, w1, b1, w2, b2)
  _close(one, oracles.attention(q, k, v, score=z, mask=_causal(5)))


def test_dape_v2_reads_no_future_and_decodes(rng):
  q, k, v = _qkv(rng)
  bias = oracles.alibi_bias(range(5), range(5), [0.5, 0.25])
  weights = _dape_weights(rng, 3)
  full = oracles.dape_attention(q, k, v, bias, *weights, mask=_causal(5))
  short = oracles.dape_attention(q[:3], k[:3], v[:3], bias[:, :3, :3], *weights, mask=_causal(3))
  _close(full[:3], short)
  # The authors' code lets the hidden row beyond the diagonal speak: prefix and full then differ.
  full, short = (oracles.dape_attention(q[:n], k[:n], v[:n], bias[:, :n, :n], *weights,
                                        mask=_causal(n), mask_hidden=False) for n in (5, 3))
  assert np.abs(full[:3] - short).max() > 1e-3
