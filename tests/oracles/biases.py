# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles for score biases that follow from positions alone: [N, T, S] from [T] and [S].

Throughout, m is the query's position and n the key's. Bucket indices are decided by comparing
integer powers, so no logarithm is rounded.
"""

import decimal
import math

import numpy as np

from tests.oracles import exact


def fill(q_positions, k_positions, heads, entry):
  """out[h, t, s] = entry(h, m, n)."""
  out = np.zeros((heads, len(q_positions), len(k_positions)))
  for h in range(heads):
    for t, m in enumerate(q_positions):
      for s, n in enumerate(k_positions):
        out[h, t, s] = entry(h, m, n)
  return out


def alibi_slopes(num_heads):
  """Slopes of Press et al. 2021 (2108.12409), section 3, and the paper's code for other counts.

  N a power of two: 2^(-8h/N), h = 1..N. Otherwise, with P the greatest power of two below N: the
  P slopes of P heads, then the 1st, 3rd, 5th, ... slope of 2P heads until there are N.
  Returns: [N] float64.
  """
  power = 1
  while 2 * power <= num_heads:
    power *= 2
  slopes = [2.0 ** (-8.0 * h / power) for h in range(1, power + 1)]
  odd = range(1, 2 * power, 2)
  slopes += [2.0 ** (-8.0 * h / (2 * power)) for h in odd][: num_heads - power]
  return np.array(slopes)


def alibi_bias(q_positions, k_positions, slopes, *, symmetric=False):
  """-slope_h * (m - n), or -slope_h * |m - n| where symmetric (Press et al. 2021, section 3).

  The plain form grows for future keys and is meant for causal attention.
  """

  def entry(h, m, n):
    distance = float(exact.difference(m, n))
    return -slopes[h] * (abs(distance) if symmetric else distance)

  return fill(q_positions, k_positions, len(slopes), entry)


def t5_bucket(relative_position, *, bidirectional, num_buckets=32, max_distance=128):
  """T5's bucket of one relative position n - m (Raffel et al. 2019, 1910.10683, section 2.1).

  Bidirectional: half of the buckets for each sign, the upper half for n > m; distance d = |n - m|.
  Causal: d = max(m - n, 0). With B buckets a side and E = B // 2: d < E gives bucket d, else
  min(B - 1, E + floor(log(d/E) / log(max_distance/E) * (B - E))). The floor is the greatest j with
  (d/E)^(B-E) >= (max_distance/E)^j, compared in integers.
  """
  offset = 0
  side = num_buckets
  if bidirectional:
    side = num_buckets // 2
    offset = side if relative_position > 0 else 0
    distance = abs(int(relative_position))
  else:
    distance = max(-int(relative_position), 0)
  near = side // 2
  if distance < near:
    return offset + distance
  steps = side - near
  j = 0
  reached = distance ** steps
  while j < steps and reached * near ** (j + 1) >= max_distance ** (j + 1) * near ** steps:
    j += 1
  return offset + min(side - 1, near + j)


def t5_bucket_by_logs(relative_position, *, bidirectional, num_buckets=32, max_distance=128):
  """The same bucket from the paper's logarithms with 50 digits, whole numbers snapped at 1e-40."""
  offset, side = 0, num_buckets
  if bidirectional:
    side = num_buckets // 2
    offset = side if relative_position > 0 else 0
    distance = abs(int(relative_position))
  else:
    distance = max(-int(relative_position), 0)
  near = side // 2
  if distance < near:
    return offset + distance

  with decimal.localcontext(prec=50):
    logs = [decimal.Decimal(a).ln() - decimal.Decimal(near).ln() for a in (distance, max_distance)]
    real = logs[0] / logs[1] * (side - near) + decimal.Decimal("1e-40")
    whole = int(real.to_integral_value(decimal.ROUND_FLOOR))
  return offset + min(side - 1, near + whole)


def t5_thresholds(*, side_buckets, max_distance):
  """The least distance of each bucket E, E+1, ..., B-1 of one side with B = side_buckets."""
  least, bucket = [], side_buckets // 2
  for distance in range(max_distance + 1):
    while bucket < side_buckets and bucket <= t5_bucket(
        -distance, bidirectional=False, num_buckets=side_buckets, max_distance=max_distance):
      least.append(distance)
      bucket += 1
  return least


def t5_bias(q_positions, k_positions, table, *, bidirectional, max_distance=128):
  """table[bucket(n - m), h]; table [num_buckets, N]. T5 itself uses no 1/sqrt(H) beside it."""

  def entry(h, m, n):
    bucket = t5_bucket(int(n) - int(m), bidirectional=bidirectional, num_buckets=table.shape[0],
                       max_distance=max_distance)
    return table[bucket, h]

  return fill(q_positions, k_positions, table.shape[1], entry)


def deberta_bucket(relative_position, *, bucket_size, max_position):
  """DeBERTa-v2's signed log bucket of one relative position r (He et al. 2020, 2006.03654).

  mid = bucket_size // 2. |r| <= mid: r itself. Otherwise
  sign(r) * (mid + ceil(log(|r|/mid) / log((max_position-1)/mid) * (mid - 1))). The ceiling is the
  least j with (|r|/mid)^(mid-1) <= ((max_position-1)/mid)^j, compared in integers. Nothing
  saturates: |r| > max_position goes on past bucket_size, and the table's reader must clamp.
  """
  r, mid = int(relative_position), bucket_size // 2
  distance = abs(r)
  if distance <= mid:
    return r
  j = 0
  while distance ** (mid - 1) * mid ** j > (max_position - 1) ** j * mid ** (mid - 1):
    j += 1
  return (mid + j) * (1 if r > 0 else -1)


def kerple_log_bias(q_positions, k_positions, p, a):
  """KERPLE, logarithmic: -p_h log(1 + a_h |m - n|), p, a > 0 (Chi et al. 2022, 2205.09921)."""

  def entry(h, m, n):
    return -p[h] * math.log(1.0 + a[h] * abs(float(m) - float(n)))

  return fill(q_positions, k_positions, len(p), entry)


def kerple_power_bias(q_positions, k_positions, p, q):
  """KERPLE, power: -p_h |m - n|^q_h, p > 0, 0 < q <= 2 (Chi et al. 2022, 2205.09921)."""

  def entry(h, m, n):
    return -p[h] * abs(float(m) - float(n)) ** q[h]

  return fill(q_positions, k_positions, len(p), entry)


def sandwich_bias(q_positions, k_positions, num_heads, *, dim=128, base=10_000.0, first=0):
  """Sandwich of Chi et al. 2022 (2212.10356): (N / 8h) sum_i cos((m-n) / base^(2i/dim)), h = 1..N.

  The sum is the product of two sinusoidal rows of width dim, i = first .. first + dim/2 - 1. It
  starts at i = 0 as sines and cosines do; NVIDIA NeMo's code starts at i = 1 and subtracts the
  constant dim/2, which no softmax sees.
  """
  frequencies = [exact.power(base, (-2 * i, dim)) for i in range(first, first + dim // 2)]

  def entry(h, m, n):
    distance = exact.difference(m, n)
    total = math.fsum(exact.cos(distance, f) for f in frequencies)
    return total * num_heads / (8.0 * (h + 1))

  return fill(q_positions, k_positions, num_heads, entry)


def fire_bias(q_positions, k_positions, w1, b1, w2, b2, *, c=0.1, threshold=512.0, eps=1e-6):
  """FIRE: f(psi(|m - n|) / (psi(max(threshold, m)) + eps)), Li et al. 2023 (2310.04418).

  psi(x) = log(|c x| + 1); f is the network 1 -> W -> N with ReLU, f(x) = relu(x w1 + b1) w2 + b2.
  threshold is |multiplier * L_init|. The form, |c x|, the place of eps and the max were read in
  the code published with 2405.17399, which transcribes the paper's listing.

  Args: w1 [W], b1 [W], w2 [W, N], b2 [N].
  """

  def psi(x):
    return math.log(abs(c * x) + 1.0)

  def entry(h, m, n):
    x = psi(float(m) - float(n)) / (psi(max(abs(threshold), float(m))) + eps)
    hidden = [max(0.0, x * w1[j] + b1[j]) for j in range(len(w1))]
    return math.fsum(hidden[j] * w2[j, h] for j in range(len(w1))) + b2[h]

  return fill(q_positions, k_positions, w2.shape[1], entry)
