# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What users get wrong is said at trace time: the argument, what came, what was wanted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from tests.support.nn_models import build

V, D, N, H, T = 13, 16, 4, 4, 6
TOKENS = np.zeros((2, T), np.int32)


@pytest.mark.parametrize("sizes, error, message", [
    (dict(num_heads=3), ValueError, "d_model, num_heads: got 16 and 3, .* Use d_model=15 or 18"),
    (dict(head_dim=5), ValueError, "d_model, head_dim: got 16 and 5, wanted a d_model that"),
    (dict(), ValueError, "num_heads, head_dim: got neither"),
    (dict(num_heads=4, kv_heads=3), ValueError, "kv_heads: got 3 for num_heads=4, wanted a"),
    (dict(num_heads=0), ValueError, "num_heads: got 0, wanted an int, at least 1"),
    (dict(num_heads=4.0), TypeError, "num_heads: got 4.0, wanted an int"),
    (dict(num_heads=4, d_ff=0), ValueError, "d_ff: got 0"),
    (dict(num_heads=4, norm="before"), ValueError, "norm: got 'before', wanted one of pre, post"),
    (dict(num_heads=4, activation="gely"), ValueError, "activation: got 'gely', .* 'gelu'"),
    (dict(num_heads=4, implementation="row"), ValueError, "implementation: got 'row', .* 'rows'"),
    (dict(num_heads=4, dropout=1.0), ValueError, r"dropout: got 1.0, wanted a rate in \[0, 1\)"),
    (dict(num_heads=4, dtype=jnp.int32), TypeError, "dtype: got int32, wanted a floating dtype"),
    (dict(num_heads=4, param_dtype=bool), TypeError, "param_dtype: got bool"),
    (dict(num_heads=4, norm_kind="rmsnorm"), ValueError, "norm_kind: got 'rmsnorm', .* 'rms'"),
    (dict(num_heads=4, activation="relu^2"), ValueError, "activation: got .* 'relu2'"),
    (dict(num_heads=4, branches="both"), ValueError, "branches: got 'both', wanted one of serial"),
    (dict(num_heads=4, branches="shared", norm="post"), ValueError, "branches: got 'shared' with"),
    (dict(num_heads=4, attention_bias=True), ValueError, "attention_bias: got True, wanted one of"),
    (dict(num_heads=4, qk_norm="heads"), ValueError, "qk_norm: got 'heads', .* 'head'"),
    (dict(num_heads=4, qk_norm_place="first"), ValueError, "qk_norm_place: got 'first'"),
    (dict(num_heads=4, gated=1), TypeError, "gated: got 1, wanted True or False"),
    (dict(num_heads=4, norm_epsilon=None), TypeError, "norm_epsilon: got None, wanted a positive"),
    (dict(num_heads=4, norm_epsilon=0.0), ValueError, "norm_epsilon: got 0.0, wanted a positive"),
    (dict(num_heads=4, soft_cap=-1.0), ValueError, "soft_cap: got -1.0, wanted a positive"),
    (dict(num_heads=4, logit_cap=np.inf), ValueError, "logit_cap: got inf, wanted a positive"),
    (dict(num_heads=4, embedding_scale="1"), TypeError, "embedding_scale: got '1'"),
    (dict(num_heads=4, attention_dropout=2), ValueError, "attention_dropout: got 2, wanted a rate"),
    (dict(num_heads=4, windows=[1, 2]), ValueError, "windows: got 2 entries, wanted a list"),
    (dict(num_heads=4, windows=3), ValueError, "windows: got 3, wanted a list with one entry"),
    (dict(num_heads=4, windows=[1], window=2), ValueError, "window, windows: got both, wanted one"),
    (dict(num_heads=4, num_head=4), TypeError, "argument 'num_head', .* Did you mean 'num_heads'"),
    (dict(num_heads=4, width=8), TypeError, "width: got a name of earlier .* wanted active_width"),
])
def test_wrong_settings(sizes, error, message):
  with pytest.raises(error, match=message):
    nn.TransformerLM(V, D, 1, rngs=nnx.Rngs(0), **sizes)


def test_heads_and_head_dim_need_not_fill_the_width():
  settings = nn.Settings(D, 1, num_heads=3, head_dim=8)
  assert (settings.num_heads, settings.head_dim, settings.kv_heads, settings.d_ff) == (3, 8, 3, 64)
  assert nn.Settings(D, 1, num_heads=2, window=[1, 0]).window == (1, 0)
  with pytest.raises(TypeError, match="num_layers: got True"):
    nn.Settings(D, True, num_heads=2)


@pytest.mark.parametrize("sizes, message", [
    (dict(vocabulary=0), "vocabulary: got 0"),
    (dict(vocabulary=V, target_vocabulary=0), "target_vocabulary: got 0"),
])
def test_wrong_vocabularies(sizes, message):
  with pytest.raises(ValueError, match=message):
    nn.Seq2SeqTransformer(d_model=D, num_layers=1, num_heads=N, rngs=nnx.Rngs(0), **sizes)


@pytest.fixture(scope="module")
def model():
  return build(nn.TransformerLM, V, D, 1, N, encoding=px.chain(
      px.Learned(jnp.zeros((T, D))), px.Rotary(H)), dropout=0.1)


@pytest.mark.parametrize("tokens, options, error, message", [
    (np.full((2, T), V), {}, ValueError, r"tokens: got ids 13 to 13, wanted ids in \[0, 13\)"),
    (np.full((2, T), -1), {}, ValueError, "tokens: got ids -1 to -1"),
    (np.zeros((2, T), np.float32), {}, TypeError, "tokens: got float32, wanted integers"),
    (np.int32(1), {}, ValueError, r"tokens: got int32\[\], wanted an array"),
    ([[1, 2]], {}, ValueError, "tokens: got list"),
    (TOKENS, dict(positions=np.arange(T + 1)), ValueError,
     r"positions: got shape \(7,\), wanted \[..., T\] with T = 6"),
    (TOKENS, dict(positions=np.zeros((1, 2, T), int)), ValueError, "positions: got shape"),
    (TOKENS, dict(positions=jnp.zeros(T, jnp.bfloat16)), TypeError, "positions: got bfloat16"),
    (TOKENS, dict(positions=np.arange(T) + 1), ValueError, "positions: got row 6, wanted rows 0"),
    (np.zeros((2, T + 1), int), {}, ValueError, "positions: got row 6"),
    (TOKENS, dict(mask=np.ones((2, T), np.float32)), TypeError, "mask: got float32, wanted bool"),
    (TOKENS, dict(mask=np.ones((2, T + 1), bool)), ValueError, r"mask: got shape \(2, 7\)"),
    (TOKENS, dict(mask=np.ones((3, T), bool)), ValueError, r"mask: got shape \(3, 6\)"),
    (TOKENS, dict(segments=np.ones((2, T), np.float32)), TypeError,
     "segments: got float32, wanted integers"),
    (TOKENS, dict(segments=np.ones((2, 1, T), int)), ValueError, "segments: got shape"),
    (TOKENS, dict(deterministic=False), ValueError, "rngs: got None, wanted keys for dropout"),
])
def test_wrong_calls(model, tokens, options, error, message):
  with pytest.raises(error, match=message):
    jax.eval_shape(lambda: model(tokens, **options))


def test_unknown_ids_and_positions_inside_a_trace_are_nan_never_another_row(model):
  """-1 would wrap to the last row, and ids beyond the table would be clamped to it."""
  graphdef, state = nnx.split(model)
  run = jax.jit(lambda t, p: nnx.merge(graphdef, state)(t, p))
  tokens, at = jnp.asarray(TOKENS), jnp.arange(T, dtype=jnp.int32)
  assert np.isfinite(run(tokens, at)).all()
  for wrong in (run(tokens.at[0, 4].set(-1), at), run(tokens.at[0, 4].set(V), at)):
    assert np.isfinite(wrong[1]).all() and np.isnan(wrong[0, 4]).all()
  assert np.isnan(run(tokens, at.at[5].set(T))[:, 5]).all()


def test_attention_wants_the_width_it_was_built_for():
  module = build(nn.MultiHeadAttention, D, N)
  x = jnp.zeros((2, T, D))
  with pytest.raises(ValueError, match=r"x: got shape \(2, 6, 8\), wanted \[..., T, 16\]"):
    module(x[..., :8])
  with pytest.raises(ValueError, match="memory: got shape"):
    module(x, x[..., :8])
  ids = jnp.zeros((2, T), jnp.int32)
  with pytest.raises(ValueError, match="segments: got one array, wanted a pair"):
    module(x, x, segments=ids)
  with pytest.raises(ValueError, match="segments: got ids of the queries alone"):
    module(x, module.remember(x), segments=ids)
  encoder = build(nn.TransformerEncoder, None, D, 1, N)
  with pytest.raises(ValueError, match=r"tokens: got shape \(2, 6\), wanted embeddings"):
    encoder(ids)


def test_encoder_decoder_names_the_side(model):
  del model
  both = build(nn.Seq2SeqTransformer, V, D, 1, N)
  with pytest.raises(TypeError, match="source_mask: got float32"):
    both(TOKENS, TOKENS, source_mask=np.ones((2, T), np.float32))
  with pytest.raises(ValueError, match="target_segments: got none, wanted segments of both"):
    jax.eval_shape(lambda: both(TOKENS, TOKENS, source_segments=TOKENS))
  with pytest.raises(ValueError, match="source: got list"):
    both([1], TOKENS)


def test_attention_refuses_what_it_would_not_read():
  """Positions and segments of a memory that has its own, and an empty cache in its place."""
  mha = nn.MultiHeadAttention(D, N, encoding=px.Rotary(H), rngs=nnx.Rngs(0))
  x, other = jnp.ones((2, T, D)), jnp.ones((2, 5, D))
  ids, own = jnp.zeros((2, T), jnp.int32), jnp.zeros((2, 5), jnp.int32)
  memory = mha.remember(other, segments=own)
  assert mha(x, memory, segments=ids).shape == x.shape
  for arguments, keywords, message in (
      ((x,), dict(memory_positions=jnp.arange(5)), "memory_positions: .* and no memory"),
      ((x, memory), dict(memory_positions=jnp.arange(5)), "memory_positions: .* has its own"),
      ((x, memory), dict(segments=(ids, own + 1)), "segments: got a pair, for a memory"),
      ((x, mha.init_cache(2, 8)), {}, "memory: got a cache of which 0 of 8 slots .* cache=cache"),
      ((x,), dict(cache=3), "cache: got 3, wanted a Cache"),
      ((x,), dict(applied=True), "applied: got True, wanted names of hooks"),
      ((x,), dict(applied=None), "applied: got None"),
      (([1.0],), {}, "x: got list, wanted floats"),
      ((x, [1.0]), {}, "memory: got list, wanted floats")):
    with pytest.raises((TypeError, ValueError), match=message):
      mha(*arguments, **keywords)


def test_models_refuse_caches_and_embeddings_of_another_kind():
  model = nn.TransformerLM(V, D, 1, N, encoding=px.Rotary(H), rngs=nnx.Rngs(0))
  cache = model.init_cache(2, 8)
  for bad, message in ((3, "cache: got 3"), (cache[0], "cache: got Cache"),
                       (cache * 2, "cache: got 2 caches, wanted one cache for each of the 1 lay")):
    with pytest.raises(ValueError, match=message):
      model(TOKENS, cache=bad)
  encoder = nn.TransformerEncoder(None, D, 1, N, rngs=nnx.Rngs(0))
  for bad in (np.zeros((2, D), np.int32), [1.0]):  # tokens of a row of D are no embeddings
    with pytest.raises(TypeError, match="tokens: got .* wanted embeddings, floats"):
      encoder(bad)
  with pytest.raises(TypeError, match=r"x: got int32\[2, 16\], wanted floats"):
    nn.MultiHeadAttention(D, N, rngs=nnx.Rngs(0))(jnp.zeros((2, D), jnp.int32))
  with pytest.raises(TypeError, match="learn: got 3, wanted None, a bool or names of fields"):
    nn.HeldEncoding(px.Alibi(N), learn=3)


def test_what_nn_does_not_train_is_no_parameter_of_its_state():
  """`px.partition` of a model's state keeps ALiBi's slopes, as the optimizer of NNX does."""
  model = nn.TransformerLM(V, D, 1, N, encoding=px.Alibi(N), rngs=nnx.Rngs(0))
  state = nnx.state(model)
  trained, rest = px.partition(state)
  shapes = lambda tree: sorted(x.shape for x in jax.tree.leaves(tree))
  assert shapes(trained) == shapes(nnx.state(model, nnx.Param))
  assert shapes(rest) == [(N,)]
  assert shapes(px.combine(trained, rest)) == shapes(state)
  learned = nn.TransformerLM(V, D, 1, N, encoding=px.learn(px.Alibi(N)), rngs=nnx.Rngs(0))
  assert shapes(px.partition(nnx.state(learned))[1]) == []


def test_an_implementation_that_there_is_not_is_refused_where_it_is_named():
  with pytest.raises(ValueError, match="implementation: got 'flash', wanted one of auto"):
    nn.MultiHeadAttention(16, 4, implementation="flash", rngs=nnx.Rngs(0))


@pytest.mark.parametrize("rngs, kind, message", [
  (3, TypeError, r"rngs: got 3, wanted flax.nnx.Rngs. Make one: nnx.Rngs\(3\), or nnx.Rngs"),
  (jax.random.key(0), TypeError, r"rngs: got key<fry>\[\], wanted flax.nnx.Rngs"),
  (None, TypeError, "rngs: got None, wanted flax.nnx.Rngs"),
  (nnx.Rngs(dropout=0), ValueError, r"rngs: got streams \['dropout'\], wanted one named 'params'"),
  (nnx.Rngs(jax.random.split(jax.random.key(0), 2)), ValueError,
   "rngs: got a stream 'params' that gives no key .*, wanted one PRNG key a stream"),
], ids=["seed", "key", "None", "stream", "keys"])
def test_rngs_of_parameters(rngs, kind, message):
  with pytest.raises(kind, match=message):
    nn.TransformerLM(V, D, 1, N, encoding=px.Rotary(H), rngs=rngs)


@pytest.mark.parametrize("call", [
  lambda key: nn.sample(jnp.zeros((2, 5)), key=key),
  lambda key: nn.sample(jnp.zeros((2, 5)), key=key, temperature=0.0),
  lambda key: nn.layers.dropout(jnp.ones(3), 0.5, key),
], ids=["sample", "greedy", "dropout"])
def test_keys(call):
  with pytest.raises(TypeError, match="key: got 3, wanted a PRNG key"):
    call(3)
  with pytest.raises(ValueError, match=r"key: got an array of keys, shape \(2,\), wanted one PRNG"):
    call(jax.random.split(jax.random.key(0), 2))
