# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The oracles against numbers worked out by hand, and against the laws they must obey."""

import math

import numpy as np
import pytest

from tests import oracles


def _qkv(rng, num_q=5, num_k=5, heads=2, kv_heads=1, dim=4):
  """Random q [T, N, H], k and v [S, K, H]."""
  return (rng.normal(size=(num_q, heads, dim)), rng.normal(size=(num_k, kv_heads, dim)),
          rng.normal(size=(num_k, kv_heads, dim)))


def _causal(count):
  return oracles.visible(range(count), range(count), causal=True)


def _close(got, want, atol=1e-12):
  np.testing.assert_allclose(got, want, rtol=0, atol=atol)


def test_angles_are_exact_at_large_positions():
  # libm is right where the argument is a float64: frequency 1, and 1/100 at multiples of 100.
  for position in (2**31 - 1, 2**31, 10_000_019):
    _close(oracles.exact.sin(position, 1), math.sin(position), 1e-15)
  hundredth = oracles.rotary_frequencies(4)[1]
  _close(oracles.exact.cos(2_147_483_600, hundredth), math.cos(21_474_836), 1e-15)
  _close(oracles.exact.sin(0.5, 1), math.sin(0.5), 1e-16)
  _close(float(oracles.exact.TWO_PI), 2 * math.pi, 0)


def test_sinusoidal_by_hand():
  s, c = math.sin, math.cos
  _close(oracles.sinusoidal([1], 4), [[s(1), c(1), s(0.01), c(0.01)]])
  _close(oracles.sinusoidal([1], 4, layout="halves"), [[s(1), s(0.01), c(1), c(0.01)]])
  _close(oracles.sinusoidal([3], 4, divisor="tensor2tensor"), [[s(3), c(3), s(3e-4), c(3e-4)]])
  last = 2 * 100 ** (-2 / 3)
  _close(oracles.sinusoidal([2], 3, base=100), [[s(2), c(2), s(last)]])
  _close(oracles.sinusoidal([2], 3, base=100, layout="halves"), [[s(2), s(last), c(2)]])
  _close(oracles.sinusoidal([2], 2, divisor="tensor2tensor"), [[s(2), c(2)]])


def test_tutorial_formulas_by_hand():
  _close(oracles.growing_sine([2], 4)[0],
         [math.sin(2 * 10.0**j) / 10 ** (j / 4) for j in range(4)])
  _close(oracles.doubled_exponent([3], 4), [[math.sin(3), math.cos(3), math.sin(3e-4),
                                             math.cos(3e-4)]])
  _close(oracles.doubled_exponent([3], 3), [[math.sin(3), math.cos(3),
                                             math.sin(3 * 10_000 ** (-4 / 3))]])
  first, second = oracles.one_frequency_pair([0, 2500], [2.0, 3.0])
  _close(first, [[0, 0], [2, 3]])
  _close(second, [[2, 3], [0, 0]])
  # An eighth and a quarter of the turn: sin = cos = 1/sqrt(2), then sin 1 and cos 0.
  _close(oracles.halved_matrix([1250, 2500], 4), [[1, 1, 1, 1], [1, 1, 0, 0]])


def test_learned_rows_and_nan_outside():
  rows = oracles.learned([1, 0, 2, -1], np.array([[1.0, 2.0], [3.0, 4.0]]))
  _close(rows[:2], [[3, 4], [1, 2]])
  assert np.isnan(rows[2:]).all()


def test_rotate_by_hand():
  x = np.arange(1.0, 7.0).reshape(1, 1, 6)
  quarter = [math.pi / 2, math.pi]
  _close(oracles.rotate(x, [1], quarter)[0, 0], [-3, -2, 1, -4, 5, 6])
  _close(oracles.rotate(x, [1], quarter, pairing="interleaved")[0, 0], [-2, 1, -3, -4, 5, 6])
  _close(oracles.rotate(oracles.rotate(x, [7], quarter), [7], quarter, inverse=True), x)
  _close([float(f) for f in oracles.rotary_frequencies(4, base=100)], [1, 0.1], 1e-17)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_rotary_attention_is_attention_on_rotated_q_and_k(rng, pairing):
  q, k, v = _qkv(rng, num_q=3, heads=4, kv_heads=2)
  q_positions, k_positions = [4, 9, 2**31 - 1], [0, 4, 5, 11, 2**31 - 7]
  frequencies = oracles.rotary_frequencies(4)
  mask = oracles.visible(q_positions, k_positions, causal=True)
  turned = [oracles.rotate(x, p, frequencies, pairing=pairing)
            for x, p in ((q, q_positions), (k, k_positions))]
  want = oracles.attention(*turned, v, mask=mask)
  got = oracles.rotary_attention(q, k, v, q_positions, k_positions, frequencies, mask=mask,
                                 pairing=pairing)
  _close(got, want)
  values = oracles.rotate(v, k_positions, frequencies, pairing=pairing)
  want = oracles.rotate(oracles.attention(*turned, values, mask=mask), q_positions, frequencies,
                        pairing=pairing, inverse=True)
  got = oracles.vo_rotary_attention(q, k, v, q_positions, k_positions, frequencies, mask=mask,
                                    pairing=pairing)
  _close(got, want)


def test_vo_rotary_with_plain_scores_by_hand():
  one = np.ones((1, 1, 2))
  v = np.array([[[1.0, 0.0]]])
  out = oracles.vo_rotary_attention(one, one, v, [3], [2], [math.pi / 2], rotate_qk=False)
  _close(out[0, 0], [0, -1])  # R(2 - 3) turns by minus a quarter


def test_mrope_sections():
  assert oracles.mrope_axes([1, 2, 2]) == [0, 1, 1, 2, 2]
  assert oracles.mrope_axes([4, 2, 2], interleaved=True) == [0, 1, 2, 0, 1, 2, 0, 0]
  axes = oracles.mrope_axes([24, 20, 20], interleaved=True)
  assert [axes.count(a) for a in range(3)] == [24, 20, 20] and axes[:4] == [0, 1, 2, 0]


def test_mrope_with_equal_axes_is_rotary(rng):
  x = rng.normal(size=(3, 1, 10))
  frequencies = oracles.rotary_frequencies(10)
  for interleaved in (False, True):
    got = oracles.mrope_rotate(x, [[p] * 3 for p in (0, 5, 9)], frequencies, [1, 2, 2],
                               interleaved=interleaved)
    _close(got, oracles.rotate(x, [0, 5, 9], frequencies))
  moved = oracles.mrope_rotate(x[:1], [[0, 0, 3]], frequencies, [1, 2, 2])
  changed = np.nonzero(moved[0, 0] != x[0, 0])[0]
  assert changed.tolist() == [3, 4, 8, 9]


def test_alibi_by_hand():
  _close(oracles.alibi_slopes(2), [2.0**-4, 2.0**-8])
  _close(oracles.alibi_slopes(3), [2.0**-4, 2.0**-8, 2.0**-2])
  _close(oracles.alibi_bias([2], [0, 2, 5], [0.5]), [[[-1, 0, 1.5]]])
  _close(oracles.alibi_bias([2], [0, 2, 5], [0.5], symmetric=True), [[[-1, 0, -1.5]]])


def test_t5_thresholds():
  # The published implementations' boundaries, checked there in float64.
  assert oracles.t5_thresholds(side_buckets=32, max_distance=128) == [
      16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
  assert oracles.t5_thresholds(side_buckets=16, max_distance=128) == [8, 12, 16, 23, 32, 46, 64, 91]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("buckets, furthest", [(32, 128), (12, 100), (64, 256)])
def test_t5_by_powers_is_t5_by_logarithms(bidirectional, buckets, furthest):
  settings = {"bidirectional": bidirectional, "num_buckets": buckets, "max_distance": furthest}
  for r in range(-300, 301):
    assert oracles.t5_bucket(r, **settings) == oracles.t5_bucket_by_logs(r, **settings), r


def test_t5_signs():
  assert oracles.t5_bucket(-3, bidirectional=True) == 3
  assert oracles.t5_bucket(3, bidirectional=True) == 19
  assert oracles.t5_bucket(3, bidirectional=False) == 0
  assert [oracles.t5_bucket(-d, bidirectional=False) for d in (112, 113, 127, 128)] == [
      30, 31, 31, 31]
  table = np.arange(64.0).reshape(32, 2)
  _close(oracles.t5_bias([5], [2, 6], table, bidirectional=True)[1], [[7, 35]])


def test_deberta_bucket_by_hand():
  bucket = {r: oracles.deberta_bucket(r, bucket_size=256, max_position=512)
            for r in (0, 5, -128, 129, 511, 512, -600)}
  assert bucket == {0: 0, 5: 5, -128: -128, 129: 129, 511: 255, 512: 256, -600: -270}


def test_kerple_and_sandwich_by_hand():
  _close(oracles.kerple_log_bias([5], [2, 8], [2.0], [0.5])[0], [[-2 * math.log(2.5)] * 2])
  _close(oracles.kerple_power_bias([5], [3], [2.0], [2.0])[0], [[-8]])
  bias = oracles.sandwich_bias([7, 3], [1, 2, 3], 2, dim=8)
  rows, columns = oracles.sinusoidal([7, 3], 8), oracles.sinusoidal([1, 2, 3], 8)
  _close(bias, np.stack([rows @ columns.T * 2 / 8, rows @ columns.T * 2 / 16]))
  assert oracles.sandwich_bias([3], [3], 8)[0, 0, 0] == 64  # 64 cosines of zero
  _close(oracles.sandwich_bias([3], [1], 8, dim=2, first=1), math.cos(2e-4) / np.arange(1, 9)
         .reshape(8, 1, 1))


def test_fire_by_hand():
  w1, b1 = np.array([1.0, -1.0]), np.array([0.0, 0.25])
  w2, b2 = np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([0.5, -0.5])
  w1 = w1 * [0.5, 1.0]
  x = [math.log(4) / math.log(11), 0.0]  # c = 1, m = 10, n = 7 and 10; the threshold is below m
  got = oracles.fire_bias([10], [7, 10], w1, b1, w2, b2, c=1.0, threshold=4.0, eps=0.0)
  _close(got[0, 0], [x[0] + 0.5, 0.5])
  _close(got[1, 0], [4 * max(0, 0.25 - x[0]) - 0.5, 0.5])
  default = oracles.fire_bias([700, 30], [7], np.ones(1), np.zeros(1), np.ones((1, 1)), [0.0])
  want = [[math.log(70.3) / (math.log(71) + 1e-6)], [math.log(3.3) / (math.log(52.2) + 1e-6)]]
  _close(default[0], want)
  below = oracles.fire_bias([2], [1], w1, b1, w2, b2, c=1.0, threshold=-4.0, eps=0.0)
  _close(below[0, 0, 0], math.log(2) / math.log(5) + 0.5)


def test_temperatures_by_hand(rng):
  q, k, v = _qkv(rng)
  _close(oracles.log_n_temperature([0, 7, 15, 63], 16), [1, 1, 1, 1.5])
  positions = [0, 7, 15, 63, 255]
  factor = np.array([1, 1, 1, 1.5, 2.0])[:, None, None]
  _close(oracles.log_n_attention(q, k, v, positions, 16), oracles.attention(q * factor, k, v))
  counts = np.log([1, 2, 3, 4, 5])[:, None, None] * np.array([0.5, 2.0])[None, :, None]
  _close(oracles.ssmax_attention(q, k, v, [0.5, 2.0], mask=_causal(5)),
         oracles.attention(q * counts, k, v, mask=_causal(5)))
  _close(oracles.ssmax_attention(q, k, v, [0.0, 0.0], offset=[1.0, 1.0]),
         oracles.attention(q, k, v))


def test_randomized_positions_faults():
  faults = oracles.randomized_positions_faults
  assert faults([0, 3, 9], length=3, max_length=10) == []
  for bad in ([0, 3], [0, 3, 10], [-1, 3, 9], [3, 0, 9], [3, 3, 9], [0, 3.5, 9]):
    assert len(faults(bad, length=3, max_length=10)) == 1, bad
  _close(oracles.randomized_positions_mean(3, 7), [1, 3, 5])


def test_attention_masks():
  q, k = np.zeros((3, 2, 2)), np.zeros((3, 1, 2))
  v = np.array([[[3.0]], [[6.0]], [[9.0]]])
  mask = oracles.visible([0, 1, 2], [0, 1, 2], causal=True, window=2)
  assert mask.tolist() == [[True, False, False], [True, True, False], [False, True, True]]
  _close(oracles.attention(q, k, v, mask=mask)[:, 0, 0], [3, 4.5, 7.5])
  apart = oracles.visible([0, 1, 0], [0, 1, 0], causal=True, q_segments=[0, 0, 1],
                          k_segments=[0, 0, 1])
  assert apart.tolist() == [[True, False, False], [True, True, False], [False, False, True]]
  per_head = np.stack([mask, np.zeros_like(mask)])
  out = oracles.attention(q, k, v, mask=per_head)
  _close(out[:, 0, 0], [3, 4.5, 7.5])
  _close(out[:, 1, 0], [0, 0, 0])  # a row that sees nothing


def test_attention_scale_bias_and_groups():
  q = np.array([[[2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [0.0, 0.0]]])
  k = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
  z = oracles.scores(q, k, scale=0.5)
  _close(z[:, 0], [[1, 0], [0, 0], [0, 1], [0, 0]])  # heads 0, 1 read key head 0
  _close(oracles.scores(q, k)[0, 0, 0], 2 / math.sqrt(2))
  v = np.array([[[1.0], [10.0]], [[0.0], [0.0]]])
  bias = math.log(3) * np.array([[1.0, 0.0]])
  out = oracles.attention(np.zeros_like(q), k, v, bias=bias)
  _close(out[0, :, 0], [0.75, 0.75, 7.5, 7.5])
