# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The modules against Transformers in NumPy, and the laws of masks, dropout and dtypes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.nn import layers as layers_lib
from tests import oracles
from tests.support import nn_models as numpy_nn
from tests.support.nn_models import FAST, build, call, number, randomize

V, D, N, H, T = 13, 16, 4, 4, 6


def _close(got, wanted, atol=3e-5):
  np.testing.assert_allclose(np.asarray(got, np.float64), wanted, rtol=0, atol=atol)


def _tokens(rng, *shape):
  return jnp.asarray(rng.integers(0, V, shape), jnp.int32)


def _causal(length=T):
  return oracles.visible(range(length), range(length), causal=True)


def test_attention_equals_loops(rng):
  x = rng.normal(size=(T, D))
  module = build(nn.MultiHeadAttention, D, N, kv_heads=2, encoding=px.Alibi(N), causal=True)
  bias = oracles.alibi_bias(range(T), range(T), oracles.alibi_slopes(N))
  wanted = numpy_nn.attention(module, x, bias=bias, mask=_causal())
  _close(call(module, jnp.asarray(x, jnp.float32)), wanted)


def test_a_scale_of_ones_own(rng):
  """T5 multiplies q k^T by 1."""
  x = rng.normal(size=(T, D))
  module = build(nn.MultiHeadAttention, D, N, scale=1.0)
  q, k, v = (np.einsum("td,dnh->tnh", x, number(w)) for w in
             (module.query, module.key, module.value))
  wanted = np.einsum("tnh,nhd->td", oracles.attention(q, k, v, scale=1.0), number(module.out))
  _close(call(module, jnp.asarray(x, jnp.float32)), wanted)


def test_cross_attention_equals_loops(rng):
  """T and S differ, real positions, a pair of segments and rotary on both sides."""
  x, memory = rng.normal(size=(3, D)), rng.normal(size=(T, D))
  at, memory_at = [4, 7, 9], [3, 1, 4, 1, 5, 9]
  segments = ([0, 1, 1], [0, 0, 1, 0, 1, 1])
  module = build(nn.MultiHeadAttention, D, head_dim=H, encoding=px.Rotary(H))
  f32 = lambda y: jnp.asarray(y, jnp.float32)
  i32 = lambda y: jnp.asarray(y, jnp.int32)
  got = call(module, f32(x), f32(memory), positions=i32(at), memory_positions=i32(memory_at),
             segments=tuple(map(i32, segments)))
  q, k, v = (np.einsum("td,dnh->tnh", y, number(w)) for y, w in
             ((x, module.query), (memory, module.key), (memory, module.value)))
  mask = oracles.visible(at, memory_at, q_segments=segments[0], k_segments=segments[1])
  out = oracles.rotary_attention(q, k, v, at, memory_at, oracles.rotary_frequencies(H), mask=mask)
  _close(got, np.einsum("tnh,nhd->td", out, number(module.out)))


def test_language_model_equals_numpy(rng):
  """Pre-norm and GELU; one encoding acts on the embeddings once and in every layer."""
  model = build(nn.TransformerLM, V, D, 2, N, kv_heads=2, d_ff=24,
                encoding=px.chain(px.Sinusoidal(D), px.Alibi(N)))
  randomize(model, rng)
  tokens = _tokens(rng, T)
  x = numpy_nn.embed(model.embedding, tokens, oracles.sinusoidal(range(T), D))
  bias = oracles.alibi_bias(range(T), range(T), oracles.alibi_slopes(N))
  x = numpy_nn.stack(model.stack, x, activation="gelu", bias=bias, mask=_causal())
  _close(call(model, tokens), x @ number(model.embedding.table).T)


def test_post_norm_model_with_an_encoding_a_layer_equals_numpy(rng):
  """Post-norm and ReLU, an output table of its own, and None for one of the layers."""
  model = build(nn.TransformerLM, V, D, 2, N, norm="post", activation="relu", tied=False,
                encoding=[None, px.Rotary(H)])
  randomize(model, rng)
  tokens = _tokens(rng, T)
  turn = lambda y: oracles.rotate(y, range(T), oracles.rotary_frequencies(H))
  x = numpy_nn.stack(model.stack, numpy_nn.embed(model.embedding, tokens), pre=False,
                     activation="relu", mask=_causal(), layers=[{}, {"rotate": turn}])
  _close(call(model, tokens), x @ number(model.head.kernel))


def test_encoder_decoder_equals_numpy(rng):
  """Two vocabularies, a padded source; T5's table in the encoder, none in the decoder."""
  table = rng.normal(size=(8, N))
  bidirectional = px.T5Bias(jnp.asarray(table, jnp.float32), True, 16)
  model = build(nn.Seq2SeqTransformer, V, D, 2, N, target_vocabulary=7, encoding=bidirectional,
                decoder_encoding=[None, None])
  randomize(model, rng)
  number_of = lambda m: number(m.encoder.encodings.held[0].table)
  source, target = _tokens(rng, 5), jnp.asarray([1, 6, 2], jnp.int32)
  real = np.array([True, True, True, True, False])
  bias = oracles.t5_bias(range(5), range(5), number_of(model), bidirectional=True, max_distance=16)
  memory = numpy_nn.stack(model.encoder, numpy_nn.embed(model.embedding, source),
                          activation="gelu", bias=bias, mask=np.tile(real, (5, 1)))
  x = numpy_nn.stack(model.decoder, numpy_nn.embed(model.target_embedding, target),
                     activation="gelu", mask=_causal(3), memory=memory,
                     seen_memory=np.tile(real, (3, 1)))
  got = call(model, source, target, source_mask=jnp.asarray(real))
  _close(got, x @ number(model.target_embedding.table).T)


def test_encoder_sees_both_ways_and_takes_embeddings(rng):
  model = build(nn.TransformerEncoder, None, D, 1, N, encoding=px.Alibi(N))
  x = rng.normal(size=(T, D))
  bias = oracles.alibi_bias(range(T), range(T), oracles.alibi_slopes(N), symmetric=True)
  wanted = numpy_nn.stack(model.stack, x, activation="gelu", bias=bias)
  _close(call(model, jnp.asarray(x, jnp.float32)), wanted)


@pytest.fixture(scope="module")
def translator():
  """A small encoder-decoder and its compiled call."""
  model = build(nn.Seq2SeqTransformer, V, D, 1, N,
                encoding=px.chain(px.Sinusoidal(D), px.Rotary(H)))
  graphdef, state = nnx.split(model)
  return jax.jit(lambda source, target, mask: nnx.merge(graphdef, state)(
      source, target, source_mask=mask), compiler_options=FAST)


def test_target_sees_neither_its_future_nor_the_padding_of_the_source(translator, rng):
  source, target = _tokens(rng, 2, T), _tokens(rng, 2, 5)
  mask = jnp.arange(T)[None] < jnp.array([[4], [6]])
  before = translator(source, target, mask)
  change = lambda x, *at: x.at[at].set((x[at] + 1) % V)
  later = translator(source, change(target, 0, 3), mask)
  np.testing.assert_array_equal(before[0, :3], later[0, :3])
  assert (np.abs(before[0, 3:] - later[0, 3:]).max(-1) > 1e-3).all()
  padded = translator(change(source, 0, 5), target, mask)
  np.testing.assert_array_equal(before, padded)
  seen = translator(change(source, 1, 5), target, mask)
  assert (np.abs(before[1] - seen[1]).max(-1) > 1e-4).all()
  np.testing.assert_array_equal(before[0], seen[0])


def test_packed_pairs_equal_separate_pairs(rng):
  model = build(nn.Seq2SeqTransformer, V, D, 1, N, encoding=px.Learned(
      jnp.asarray(rng.normal(size=(8, D)), jnp.float32)))
  source, target = _tokens(rng, 7), _tokens(rng, 5)
  packed = call(model, source, target, source_segments=jnp.array([4] * 3 + [9] * 4),
                target_segments=jnp.array([4, 4, 9, 9, 9]))
  _close(packed[:2], call(model, source[:3], target[:2]), 1e-5)
  _close(packed[2:], call(model, source[3:], target[2:]), 1e-5)


def test_packed_documents_and_windows(rng):
  """Segments restart positions; a window of one token shows the token before and itself."""
  model = build(nn.TransformerLM, V, D, 1, N, window=1, encoding=px.Learned(
      jnp.asarray(rng.normal(size=(8, D)), jnp.float32)))
  tokens = _tokens(rng, 6)
  packed = call(model, tokens, segments=jnp.array([1, 1, 2, 2, 2, 2]))
  _close(packed[:2], call(model, tokens[:2]), 1e-5)
  apart = call(model, tokens[2:])
  _close(packed[2:], apart, 1e-5)
  changed = call(model, tokens.at[2].set((tokens[2] + 1) % V)[2:])
  assert abs(changed[1] - apart[1]).max() > 1e-3
  np.testing.assert_array_equal(changed[2:], apart[2:])


def test_explicit_positions_and_padding_on_the_right(rng):
  table = jnp.asarray(rng.normal(size=(6, D)), jnp.float32)
  model = build(nn.TransformerLM, V, D, 1, N, encoding=px.chain(px.Learned(table), px.Rotary(H)))
  tokens = _tokens(rng, 2, 5)
  plain = call(model, tokens)
  _close(call(model, tokens, jnp.arange(5)), plain, 1e-6)
  assert abs(call(model, tokens, jnp.arange(5) + 1) - plain).max() > 1e-3
  mask = jnp.array([[True] * 5, [True] * 3 + [False] * 2])
  padded = call(model, tokens, jnp.where(mask, jnp.arange(5)[None], -1), mask=mask)
  _close(padded[0], plain[0], 1e-6)
  _close(padded[1, :3], plain[1, :3], 1e-6)
  assert np.isfinite(padded).all()


def test_dropout_layer():
  x = jnp.ones((200, 50))
  y = np.asarray(layers_lib.dropout(x, 0.25, jax.random.key(0)))
  assert set(np.unique(y).round(6)) == {0.0, np.float32(4 / 3).round(6)}
  assert abs((y == 0).mean() - 0.25) < 0.02


def test_dropout_acts_on_embeddings_and_residual_branches(rng):
  """One key for the embeddings and one for each branch; the same keys give the same output."""
  model = build(nn.TransformerLM, V, D, 2, N, dropout=0.5)
  graphdef, state = nnx.split(model)
  tokens = _tokens(rng, 1, T)

  @functools.partial(jax.jit, compiler_options=FAST)
  def run(key):
    rngs = nnx.Rngs(dropout=key)
    out = nnx.merge(graphdef, state)(tokens, deterministic=False, rngs=rngs)
    return out, rngs.dropout.count[...]

  out, count = run(jax.random.key(0))
  assert count == 1 + 2 * 2
  np.testing.assert_array_equal(out, run(jax.random.key(0))[0])
  assert abs(out - run(jax.random.key(1))[0]).max() > 1e-2
  plain = call(model, tokens)
  np.testing.assert_array_equal(plain, call(build(nn.TransformerLM, V, D, 2, N), tokens))
  assert abs(out - plain).max() > 1e-2


def test_dropout_before_the_first_layer_is_of_the_whole_sum(rng):
  """With nothing but the embeddings left, dropped columns are zero: token and position together."""
  model = build(nn.TransformerEncoder, V, D, 1, N, dropout=0.5, encoding=px.Sinusoidal(D))
  x = jnp.ones((T, D))
  y, _ = model.stack.enter(x, np.arange(T), deterministic=False,
                           rngs=nnx.Rngs(dropout=jax.random.key(0)))
  whole, _ = model.stack.enter(x, np.arange(T))
  dropped = np.asarray(y) == 0
  assert 0.3 < dropped.mean() < 0.7
  np.testing.assert_allclose(y, np.where(dropped, 0, 2 * np.asarray(whole)), rtol=1e-6)


def test_bfloat16_computes_in_bfloat16_and_returns_float32_logits(rng):
  options = dict(encoding=px.chain(px.Sinusoidal(D), px.Rotary(H), px.Alibi(N)), activation="relu")
  tokens = _tokens(rng, 2, T)
  full = call(build(nn.TransformerLM, V, D, 1, N, **options), tokens)
  model = build(nn.TransformerLM, V, D, 1, N, dtype=jnp.bfloat16, **options)
  half = call(model, tokens)
  assert half.dtype == jnp.float32 and model.embedding.table.dtype == jnp.float32
  error = abs(half - full).max()
  assert 1e-4 < error < 0.15, error
  states = call(build(nn.TransformerEncoder, V, D, 1, N, dtype=jnp.bfloat16), tokens)
  assert states.dtype == jnp.bfloat16


def test_float64_model(x64, rng):
  model = build(nn.TransformerLM, V, D, 1, N, param_dtype=jnp.float64, encoding=px.Rotary(H))
  tokens = _tokens(rng, T)
  turn = lambda y: oracles.rotate(y, range(T), oracles.rotary_frequencies(H))
  x = numpy_nn.stack(model.stack, numpy_nn.embed(model.embedding, tokens), activation="gelu",
                     mask=_causal(), rotate=turn)
  got = call(model, tokens)
  assert got.dtype == jnp.float64
  _close(got, x @ number(model.embedding.table).T, 1e-6)


def test_rows_and_reference_agree(rng):
  tokens = _tokens(rng, 2, 8)
  outs = [call(build(nn.TransformerLM, V, D, 1, N, encoding=px.Alibi(N), implementation=name),
               tokens) for name in ("rows", "reference")]
  _close(outs[0], outs[1], 1e-5)


def test_initial_scales():
  """Embeddings enter with unit variance, logits leave with it, projections keep it."""
  model = build(nn.TransformerLM, 512, 64, 1, 4, tied=False)
  layer = model.stack.layers[0]
  for kernel, fan_in in ((layer.attention.query, 64), (layer.attention.value, 64),
                         (layer.attention.out, 64), (layer.feed_forward.up, 64),
                         (layer.feed_forward.down, 256), (model.head.kernel, 64)):
    assert abs(np.asarray(kernel[...]).std() * fan_in**0.5 - 1) < 0.05
  x = model.embedding(jnp.arange(512), 64)
  assert abs(np.asarray(x).std() - 1) < 0.02
