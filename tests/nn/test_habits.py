# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What users of NNX expect: train and eval, names of axes, Linen; and swaps of the encoding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.nn.sharding import NAMES
from tests.support.nn_models import build, call

V, D, N, H, T = 13, 16, 4, 4, 6
TOKENS = np.arange(2 * T).reshape(2, T).astype(np.int32) % V
KEY = jax.random.key(0)


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("cls, args", [
  (nn.TransformerLM, (TOKENS,)), (nn.TransformerEncoder, (TOKENS,)),
  (nn.Seq2SeqTransformer, (TOKENS, TOKENS))], ids=["lm", "encoder", "seq2seq"])
def test_train_and_eval_govern_dropout_and_a_call_has_the_last_word(cls, args):
  model = build(cls, V, D, 1, N, dropout=0.5)
  plain = call(model, *args)
  keys = lambda: nnx.Rngs(dropout=1)
  model.train()
  dropped = call(model, *args, rngs=keys())
  assert abs(dropped - plain).max() > 1e-2
  with pytest.raises(ValueError, match="rngs: got None, .* deterministic=False or after train()"):
    model(*args)
  np.testing.assert_array_equal(call(model, *args, deterministic=True), plain)
  model.eval()
  np.testing.assert_array_equal(call(model, *args, rngs=keys()), plain)
  np.testing.assert_array_equal(call(model, *args, deterministic=False, rngs=keys()), dropped)


def test_one_direction_in_layers_that_see_both_is_refused():
  one, both = (px.T5Bias.init(KEY, N, bidirectional=b) for b in (False, True))
  message = "encoding: got T5Bias for one direction, in layers that see both, .* bidirectional=True"
  for wrong in (one, px.chain(px.Rotary(H), one), [both, one], nn.HeldEncoding(one),
                px.on_heads(slice(0, 2), px.T5Bias.init(KEY, 2))):
    with pytest.raises(ValueError, match=message):
      nn.TransformerEncoder(V, D, 2, N, encoding=wrong, rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match=message):
    nn.Seq2SeqTransformer(V, D, 1, N, encoding=one, rngs=nnx.Rngs(0))
  nn.Seq2SeqTransformer(V, D, 1, N, encoding=both, decoder_encoding=one, rngs=nnx.Rngs(0))
  nn.TransformerLM(V, D, 1, N, encoding=one, rngs=nnx.Rngs(0))


def test_every_parameter_has_names_of_its_sizes():
  model = nn.Seq2SeqTransformer(V, D, 2, 2, kv_heads=1, head_dim=6, d_ff=20, tied=False,
                                encoding=px.Alibi(2), rngs=nnx.Rngs(0))
  sizes = dict(vocabulary=V, d_model=D, num_heads=2, kv_heads=1, head_dim=6, d_ff=20)
  assert set(sizes) | {"experts"} == set(NAMES)
  names = nnx.traversals.flatten_mapping(nn.axis_names(model))
  held = 0
  for path, variable in nnx.to_flat_state(nnx.state(model)):
    if "held" in path:
      assert names[path] == (None,) * variable[...].ndim
      held += 1
    else:
      assert variable[...].shape == tuple(sizes[n] for n in names[path]), path
  assert held == 2 and len(names) > 20


def test_a_mesh_holds_a_model_as_the_rules_say():
  model = build(nn.TransformerLM, V, D, 1, N, encoding=px.Alibi(N))
  specs = nn.partition_specs(model, {"num_heads": "model", "kv_heads": "model", "d_ff": ("model",)})
  layer = nnx.to_pure_dict(specs)["stack"]["layers"][0]
  assert layer["attention"]["query"] == jax.P(None, "model", None)
  assert layer["attention"]["out"] == jax.P("model", None, None)
  assert layer["feed_forward"]["down"] == jax.P(("model",), None)
  assert jax.tree.structure(specs) == jax.tree.structure(nnx.state(model))
  for rules, message in (({"heads": "model"}, "rules: got 'heads', wanted one of vocabulary"),
                         ({"d_model": "x", "d_ff": "x"}, "rules: got .* wanted each axis of the")):
    with pytest.raises(ValueError, match=message):
      nn.partition_specs(model, rules)
  with pytest.raises(TypeError, match="model: got .*, wanted a module of NNX"):
    nn.axis_names(nnx.state(model))


def test_to_linen_is_public():
  model = nn.to_linen(nn.TransformerLM, V, D, 1, N, encoding=px.Rotary(H))
  variables = model.init(KEY, TOKENS)
  assert model.apply(variables, TOKENS).shape == (2, T, V)


def test_the_same_weights_under_another_encoding():
  model = build(nn.TransformerLM, V, D, 2, N, encoding=px.Rotary(H))
  for encoding in (px.Alibi(N), [None, px.T5Bias.init(KEY, N)], None, px.Sinusoidal(D),
                   px.chain(px.Randomized(T, maximum=20), px.Rotary(H))):
    wanted = build(nn.TransformerLM, V, D, 2, N, encoding=encoding)  # the seed is the same
    got = nn.with_encoding(model, encoding)
    keys = nnx.Rngs(positions=0)
    np.testing.assert_array_equal(call(got, TOKENS, rngs=keys), call(wanted, TOKENS, rngs=keys))
  assert isinstance(model.stack.encodings.encodings()[0], px.Rotary)
  grown = nn.with_encoding(model, lambda layer, key: px.T5Bias.init(key, N), rngs=nnx.Rngs(1))
  assert len(grown.stack.encodings.encodings()) == 2


def test_swaps_in_layers_and_in_both_halves():
  x = _normal(1, 2, T, D)
  layer = build(nn.MultiHeadAttention, D, N, encoding=px.Rotary(H), causal=True)
  for encoding in (px.Alibi(N), None):
    wanted = build(nn.MultiHeadAttention, D, N, encoding=encoding, causal=True)
    np.testing.assert_array_equal(nn.with_encoding(layer, encoding)(x), wanted(x))
  options = dict(encoding=px.Alibi(N), decoder_encoding=px.Rotary(H))
  model = build(nn.Seq2SeqTransformer, V, D, 1, N)
  wanted = call(build(nn.Seq2SeqTransformer, V, D, 1, N, **options), TOKENS, TOKENS)
  np.testing.assert_array_equal(call(nn.with_encoding(model, **options), TOKENS, TOKENS), wanted)
  with pytest.raises(ValueError, match="encoding: got T5Bias for one direction"):
    nn.with_encoding(model, px.T5Bias.init(KEY, N))


@pytest.mark.parametrize("encoding, options, error, message", [
  (px.Alibi(3), {}, ValueError, "bias: got 3 heads .* wanted the N = 4 query heads"),
  (px.Sinusoidal(8), {}, ValueError, "x: got width 16, wanted the width 8"),
  (px.Shaw.init(KEY, 8), {}, ValueError, "key_table: got shape .* H = 4"),
  ([None], {}, ValueError, "encoding: got a list of 1, wanted one entry for each of the 2 layers"),
  ([None, px.Alibi(3)], {}, ValueError, "bias: got 3 heads"),
  (3, {}, TypeError, "encoding: got 3, wanted an encoding"),
  (lambda layer, key: None, {}, ValueError, "rngs: got None, wanted keys for the factory"),
  (None, dict(decoder_encoding=px.Alibi(N)), ValueError, "decoder_encoding: got one for Transfor"),
])
def test_an_encoding_that_does_not_fit_is_refused(encoding, options, error, message):
  model = nn.TransformerLM(V, D, 2, N, encoding=px.Rotary(H), rngs=nnx.Rngs(0))
  with pytest.raises(error, match=message):
    nn.with_encoding(model, encoding, **options)


def test_a_swap_wants_a_model_of_this_package():
  with pytest.raises(TypeError, match="model: got Linear, wanted a model, a Stack"):
    nn.with_encoding(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), None)
