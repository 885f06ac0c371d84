# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention weights: times the values they are the attention, for every option; refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from tests.support import kinds

KEY = jax.random.key(3)
Q, K, V = (jax.random.normal(key, (2, 5, heads, 8)) for key, heads in
           zip(jax.random.split(KEY, 3), (4, 2, 2), strict=True))


@pytest.mark.parametrize("encoding, options", [
  (None, {}), (px.Rotary(8), {"causal": True}), (px.Alibi(4), {"window": 2}),
  (px.chain(px.Rotary(8), px.Alibi(4)), {"causal": True, "segments": np.array([[0, 0, 1, 1, 1]])}),
  (px.SSMax.init(KEY, 4), {"causal": True, "scale": 0.7}), (px.Pope.init(KEY, 4, 8), {}),
  (kinds.Sink(np.ones(4, np.float32)), {"causal": True, "lengths": np.array([3, 5])}),
], ids=lambda x: type(x).__name__ if x else "none")
def test_times_the_values_they_are_the_attention(encoding, options):
  weights = px.attention_weights(Q, K, encoding, **options)
  assert weights.shape == (2, 4, 5, 5) and weights.dtype == jnp.float32
  wanted = px.attend(Q, K, V, encoding, implementation="rows", **options)
  out = np.einsum("bnts,bsnh->btnh", np.asarray(weights), np.repeat(np.asarray(V), 2, axis=2))
  np.testing.assert_allclose(out, wanted, atol=2e-6)


@pytest.mark.parametrize("options", [{"implementation": "rows"}, {"tile": 8}, {"causl": True}])
def test_options_that_weights_do_not_have_are_refused(options):
  with pytest.raises(TypeError, match="attention_weights: got an argument"):
    px.attention_weights(Q, K, **options)


@pytest.mark.parametrize("encoding", [px.Alibi(2), px.Rotary(8), px.Sinusoidal(16),
                                      px.Fox.init(KEY, 16, 2)], ids=lambda e: type(e).__name__)
def test_maps_of_a_model_are_those_its_layers_use(encoding):
  model = nn.TransformerLM(11, 16, 2, 2, encoding=encoding, rngs=nnx.Rngs(0))
  tokens = jnp.array([[1, 2, 3, 0], [4, 5, 6, 7]])
  mask = jnp.array([[True, True, True, False], [True] * 4])
  before = model(tokens, mask=mask)
  maps = nn.attention_maps(model, tokens, mask=mask)
  assert [m.shape for m in maps] == [(2, 2, 4, 4)] * 2
  np.testing.assert_allclose(maps[1][1].sum(-1), 1.0, rtol=1e-5)
  assert not np.triu(np.asarray(maps[0]), 1).any()  # causal
  assert not np.asarray(maps[0])[0, :, :3, 3].any()  # padding
  np.testing.assert_array_equal(model(tokens, mask=mask), before)
  jitted = jax.jit(lambda tokens: nn.attention_maps(model, tokens, mask=mask))(tokens)
  np.testing.assert_allclose(jitted[1], maps[1], atol=1e-6)
  # The first layer's map makes its output: values by hand.
  block = model.stack.layers[0]
  x = model.embedding(tokens, model.stack.count)
  x, entered = model.stack.enter(x, jnp.arange(4)[None], mask=mask)
  y = block.attention_norm(x, model.stack.count)
  at = entered[0][1] if entered[0] else None
  out = block.attention(y, positions=at, encoding=encoding, applied=("positions", "inputs"))
  values = jnp.einsum("btd,dnh->btnh", y, block.attention.value[...])
  made = jnp.einsum("nts,snh->tnh", maps[0][1], values[1])
  np.testing.assert_allclose(jnp.einsum("tnh,nhd->td", made, block.attention.out[...]), out[1],
                             atol=1e-5)


def test_maps_of_other_models_and_with_a_cache_are_refused():
  model = nn.TransformerLM(11, 16, 1, 2, rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match="cache: got a cache, wanted None"):
    nn.attention_maps(model, jnp.array([1]), cache=model.init_cache((), 4))
  with pytest.raises(TypeError, match="model: got MultiHeadAttention, wanted a TransformerLM"):
    nn.attention_maps(nn.MultiHeadAttention(16, 2, rngs=nnx.Rngs(0)), jnp.array([1]))
