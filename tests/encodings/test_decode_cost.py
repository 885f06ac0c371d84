# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What one new token costs: work that grows with the keys, not with a table times the keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import methods
from tests.oracles import disentangled

S, N, H = 2048, 8, 64
PREPARED = ("positions", "inputs", "layer", "qk", "values")
# More than 32 times the plain step's work, and why; the rest stays below.
DEARER = {
  "tupe": "it projects the positions of all keys, 2 H D for each and head",
}


def flops(encoding):
  """Of one new token, as XLA counts them in the program before it compiles it."""
  shape = lambda t: jax.ShapeDtypeStruct((1, t, N, H), jnp.float32)
  step = jax.jit(lambda q, k, v, e: px.attend(q, k, v, e, causal=True, applied=PREPARED,
                                              q_positions=np.array([S - 1]),
                                              k_positions=np.arange(S)))
  return step.lower(shape(1), shape(S), shape(S), encoding).cost_analysis()["flops"]


@pytest.fixture(scope="module")
def plain():
  return flops(None)


@pytest.mark.parametrize("name", sorted(methods.builders()))
def test_one_new_token_costs_about_its_keys(name, plain):
  sizes = methods.Sizes(d_model=N * H, heads=N, head_dim=H, length=S, train_length=S)
  encoding = methods.builders()[name](sizes, jax.random.key(0))
  try:
    ratio = flops(encoding) / plain
  except (TypeError, ValueError) as error:
    assert "positions" in str(error)
    pytest.skip(f"its positions are made by a model: {str(error)[:80]}")
  assert (ratio < 32) != (name in DEARER), f"{ratio:.1f} times the step without an encoding"


@pytest.mark.parametrize("queries", [1, 3])
def test_few_queries_of_deberta_read_the_same_table(rng, queries):
  # One query gathers a row for each key, more share all products; the oracle takes pair by pair.
  e = px.Disentangled.init(jax.random.key(0), 4, 8, span=32, stddev=0.7)
  q = rng.standard_normal((queries, 4, 8)).astype(np.float32)
  k, v = rng.standard_normal((2, 9, 2, 8)).astype(np.float32)
  at = np.arange(9)
  wide = [np.asarray(x, np.float64) for x in (q, k, v)]
  want = disentangled.disentangled_attention(
    *wide, at[-queries:], at, *(np.asarray(x, np.float64) for x in (e.key_table, e.query_table)))
  got = px.attend(q, k, v, e, q_positions=at[-queries:], k_positions=at)
  np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)
