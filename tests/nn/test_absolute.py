# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The module with a fixed table: the bits of Sinusoidal, nothing learned, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from tests import oracles


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("d_model", [8, 7])
def test_the_bits_are_those_of_sinusoidal(rng, dtype, d_model):
  module = nn.AbsolutePositionalEncoding(d_model, max_len=300)
  x = jnp.asarray(rng.standard_normal((2, 257, d_model)), dtype)
  for got in (module(x), nnx.jit(module)(x)):
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, px.Sinusoidal(d_model).inputs(x, jnp.arange(257)[None]))


def test_the_first_rows_are_added(rng):
  x = rng.standard_normal((2, 3, 5, 8)).astype(np.float32)
  module = nn.AbsolutePositionalEncoding(8)
  assert module.table.shape == (5000, 8)
  np.testing.assert_allclose(module(jnp.asarray(x)), x + oracles.sinusoidal(range(5), 8), atol=5e-7)
  last = np.asarray(nn.AbsolutePositionalEncoding(8, max_len=5)(jnp.zeros((5, 8))))
  np.testing.assert_allclose(last[4:], oracles.sinusoidal([4], 8), atol=5e-7)


def test_nothing_is_learned():
  module = nn.AbsolutePositionalEncoding(4, max_len=8)
  assert jax.tree.leaves(nnx.state(module, nnx.Param)) == []
  graph, rest = nnx.split(module)
  assert len(jax.tree.leaves(rest)) == 1
  assert nnx.merge(graph, rest)(jnp.zeros((2, 4))).shape == (2, 4)
  assert px.partition(rest)[0] is not None and not jax.tree.leaves(px.partition(rest)[0])


@pytest.mark.parametrize("call, error, message", [
  (lambda m: m(jnp.zeros((1, 9, 4))), ValueError,
   r"x: got 9 positions, wanted at most max_len=8\. Build it with a larger max_len, or use"),
  (lambda m: m(jnp.zeros((1, 2, 6))), ValueError, r"x: got float32\[1, 2, 6\], wanted embeddings "
   r"\[\.\.\., T, 4\]"),
  (lambda m: m(jnp.zeros(4)), ValueError, r"x: got float32\[4\]"),
  (lambda m: m(jnp.zeros((2, 4), jnp.int32)), TypeError, r"x: got int32\[2, 4\], wanted floats"),
  (lambda m: m(np.zeros((2, 4))), TypeError, r"x: got float64\[2, 4\], wanted floats of at most"),
  (lambda m: nn.AbsolutePositionalEncoding(0), ValueError, r"d_model: got 0"),
  (lambda m: nn.AbsolutePositionalEncoding(4, 2.0), TypeError, r"max_len: got 2\.0"),
])
def test_refusals(call, error, message):
  with pytest.raises(error, match=message):
    call(nn.AbsolutePositionalEncoding(4, max_len=8))
