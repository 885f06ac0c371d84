# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Distance biases: slopes, buckets and tables against integer arithmetic and other packages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.encodings.biases.t5 import t5_thresholds
from tests import oracles
from tests.goldens import load


@pytest.mark.parametrize("package", ["bloom", "mpt", "x_transformers"])
def test_alibi_slopes_for_1_to_33_heads(package):
  golden = load("alibi_slopes")[package]
  for n in range(1, 34):
    np.testing.assert_allclose(px.alibi_slopes(n), golden[n - 1][:n], rtol=1e-6)
    np.testing.assert_allclose(px.alibi_slopes(n), oracles.alibi_slopes(n), rtol=1e-7)


def test_alibi_counts_from_positions_far_beyond_bfloat16():
  q, k = np.array([5000, 2**24 + 1]), np.array([4743, 5000, 2**24])
  at = px.Tile(q_positions=jnp.asarray(q), k_positions=jnp.asarray(k))
  got = px.Alibi(2).bias(at)
  wanted = oracles.alibi_bias(q, k, oracles.alibi_slopes(2), symmetric=True)
  np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_t5_buckets_against_integers():
  r = np.arange(-400, 400)
  for both, count, far in ((False, 32, 128), (True, 32, 128), (False, 64, 256), (True, 6, 5),
                           (False, 2, 3), (False, 7, 20)):
    got = px.t5_bucket(jnp.asarray(r), bidirectional=both, num_buckets=count, max_distance=far)
    wanted = [oracles.t5_bucket(x, bidirectional=both, num_buckets=count, max_distance=far)
              for x in r]
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("count, far", [(32, 128), (64, 256), (16, 64), (20, 100)])
@pytest.mark.parametrize("direction", ["both", "causal"])
def test_t5_buckets_against_transformers(direction, count, far):
  g = load("hf_t5")
  r = g["distances"]
  got = np.asarray(px.t5_bucket(jnp.asarray(r, jnp.int32), bidirectional=direction == "both",
                                num_buckets=count, max_distance=far))
  wanted = g[f"{direction}_{count}_{far}"]
  # A float logarithm may land one bucket low exactly on a boundary; nowhere else may they differ.
  side = count // 2 if direction == "both" else count
  on_boundary = np.isin(np.abs(r), t5_thresholds(side, far))
  np.testing.assert_array_equal(got[~on_boundary], wanted[~on_boundary])
  assert np.isin(got[on_boundary] - wanted[on_boundary], (0, 1)).all()


def test_t5_bucket_at_extreme_distances():
  far = jnp.array([-(2**31) + 1, 2**31 - 1])
  assert px.t5_bucket(far, bidirectional=True).tolist() == [15, 31]
  assert px.t5_bucket(far, bidirectional=False).tolist() == [31, 0]


@pytest.mark.parametrize("both", [False, True])
def test_t5_bias_and_its_gradient(rng, both):
  table = rng.standard_normal((8, 3))
  q, k = np.array([3, 40]), np.arange(0, 60, 3)
  e = px.T5Bias(jnp.asarray(table, jnp.float32), both, 20)
  at = px.Tile(q_positions=jnp.asarray(q), k_positions=jnp.asarray(k))
  got = e.bias(at)
  wanted = oracles.t5_bias(q, k, table, bidirectional=both, max_distance=20)
  np.testing.assert_allclose(got, wanted, rtol=1e-6)
  counts = jax.grad(lambda e: jnp.sum(e.bias(at)))(e).table
  buckets = [oracles.t5_bucket(n - m, bidirectional=both, num_buckets=8, max_distance=20)
             for m in q for n in k]
  np.testing.assert_array_equal(counts[:, 0], np.bincount(buckets, minlength=8))


@pytest.mark.parametrize("size, far", [(256, 512), (32, 128), (8, 100)])
def test_deberta_buckets(size, far):
  g = load("hf_deberta")
  r = g["distances"]
  got = px.deberta_bucket(jnp.asarray(r, jnp.int32), bucket_size=size, max_position=far)
  np.testing.assert_array_equal(got, g[f"bucket_{size}_{far}"])
  wanted = [oracles.deberta_bucket(x, bucket_size=size, max_position=far) for x in r]
  np.testing.assert_array_equal(got, wanted)
  edge = jnp.array([-(2**31) + 1, 10**9])
  assert px.deberta_bucket(edge, bucket_size=size, max_position=far).tolist() == [
    oracles.deberta_bucket(int(x), bucket_size=size, max_position=far) for x in edge]


@pytest.mark.parametrize("call, message", [
  (lambda: px.alibi_slopes(0), r"num_heads: got 0, wanted an int, at least 1"),
  (lambda: px.Alibi(), r"num_heads, slopes: got \(None, None\), wanted exactly one"),
  (lambda: px.t5_bucket(jnp.arange(2), bidirectional=True, num_buckets=7),
   r"num_buckets: got 7, wanted an even number"),
  (lambda: px.t5_bucket(jnp.arange(2), bidirectional=False, num_buckets=1), r"num_buckets: got 1"),
  (lambda: px.t5_bucket(jnp.arange(2), bidirectional=False, max_distance=16),
   r"max_distance: got 16, wanted more than the 16 exact buckets"),
  (lambda: px.T5Bias(jnp.ones((4, 2)), max_distance=1), r"max_distance: got 1"),
  (lambda: px.deberta_bucket(jnp.arange(2), bucket_size=5, max_position=9), r"bucket_size: got 5"),
  (lambda: px.deberta_bucket(jnp.arange(2), bucket_size=8, max_position=5), r"max_position: got 5"),
])
def test_errors(call, message):
  with pytest.raises(ValueError, match=message):
    call()
