# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Choices of ``Settings`` that released decoders make; test_load.py has them in whole models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.nn.sharding import axis_names
from tests import oracles
from tests.support.nn_models import build, call, number, randomize

V, D, N, H, T = 13, 16, 4, 4, 6
TOKENS = jnp.asarray(np.random.default_rng(0).integers(0, V, (2, T)), jnp.int32)
CAUSAL = oracles.visible(range(T), range(T), causal=True)


def _close(got, wanted, atol=3e-5):
  np.testing.assert_allclose(np.asarray(got, np.float64), wanted, rtol=0, atol=atol)


def _heads(module, x):
  return [np.einsum("td,dnh->tnh", x, number(w)) + number(b) for w, b in
          ((module.query, module.query_bias), (module.key, module.key_bias),
           (module.value, module.value_bias))]


def _rms(x, gain, epsilon):
  return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * gain


@pytest.mark.parametrize("kind", ["head", "width"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_norms_of_queries_and_keys_equal_numpy(rng, kind, place):
  """With biases everywhere and the norm on either side of the rotation."""
  module = randomize(build(nn.MultiHeadAttention, D, N, encoding=px.Rotary(H), causal=True,
                           bias="all", qk_norm=kind, qk_norm_place=place, norm_epsilon=0.1), rng)
  x = rng.normal(size=(T, D))
  q, k, v = _heads(module, x)
  flat = lambda y: y.reshape(T, -1) if kind == "width" else y
  norms = [lambda y, m=m: _rms(flat(y), number(m.scale), 0.1).reshape(y.shape)
           for m in (module.qk_norm.query, module.qk_norm.key)]
  turn = lambda y: oracles.rotate(y, range(T), oracles.rotary_frequencies(H))
  q, k = (turn(n(y)) if place == "before" else n(turn(y)) for n, y in zip(norms, (q, k),
                                                                          strict=True))
  out = oracles.attention(q, k, v, mask=CAUSAL)
  wanted = np.einsum("tnh,nhd->td", out, number(module.out)) + number(module.out_bias)
  x = jnp.asarray(x, jnp.float32)
  _close(call(module, x), wanted)
  cache = module.init_cache((), T)
  first, cache = call(module, x[:2], cache=cache)
  last, _ = call(module, x[2:], cache=cache)
  _close(jnp.concatenate([first, last]), wanted)
  rows = call(module, x, method="weights").sum(-1)
  _close(rows, np.ones((N, T)))


@pytest.mark.parametrize("place, relative", [("before", True), ("after", False)])
def test_a_gain_after_the_rotation_is_not_relative(rng, place, relative):
  module = randomize(build(nn.MultiHeadAttention, D, N, encoding=px.Rotary(H), qk_norm="head",
                           qk_norm_place=place), rng)
  x = jnp.asarray(rng.normal(size=(T, D)), jnp.float32)
  at = jnp.arange(T, dtype=jnp.int32)
  moved = abs(call(module, x, positions=at + 9) - call(module, x, positions=at)).max()
  assert (moved < 1e-5) == relative


def test_caps_and_sinks_equal_numpy(rng):
  """Sinks take weight away, after scores are capped; the encoding's bias is inside the cap."""
  module = randomize(build(nn.MultiHeadAttention, D, N, encoding=px.Alibi(N), causal=True,
                           bias="qkv", soft_cap=0.5, sinks=True), rng)
  x = rng.normal(size=(T, D))
  q, k, v = _heads(module, x)
  scores = np.einsum("tnh,snh->nts", q, k) / 2
  scores += oracles.alibi_bias(range(T), range(T), oracles.alibi_slopes(N))
  e = np.where(CAUSAL, np.exp(0.5 * np.tanh(scores / 0.5)), 0)
  weights = e / (e.sum(-1, keepdims=True) + np.exp(number(module.sinks))[:, None, None])
  wanted = np.einsum("nts,snh,nhd->td", weights, v, number(module.out))
  _close(call(module, jnp.asarray(x, jnp.float32)), wanted)


def test_windows_hold_layer_by_layer():
  """The second layer alone sees one token back: what is two back reaches it through the first."""
  build_one = lambda **options: build(nn.TransformerLM, V, D, 2, N, encoding=px.Alibi(N), **options)
  same = call(build_one(windows=[(1, 0), 1]), TOKENS)
  _close(same, call(build_one(window=(1, 0)), TOKENS))
  some, other = (call(build_one(windows=w), TOKENS) for w in ([None, 1], [1, None]))
  assert abs(some - same).max() > 1e-3 < abs(some - other).max()


def test_attention_dropout_has_the_expectation_of_none(rng):
  model = build(nn.MultiHeadAttention, D, N, encoding=px.Rotary(H), causal=True, dropout=0.5)
  x = jnp.asarray(rng.normal(size=(T, D)), jnp.float32)
  run = lambda key: model(x, deterministic=False, rngs=nnx.Rngs(dropout=key))
  many = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(0), 2000))
  assert abs(many[0] - many[1]).max() > 0.1
  _close(many.mean(0), call(model, x), 0.1)
  cached = model(x, cache=model.init_cache((), T), deterministic=False,
                 rngs=nnx.Rngs(dropout=jax.random.key(3)))[0]
  _close(cached, run(jax.random.key(3)), 1e-5)
  with pytest.raises(ValueError, match="rngs: got None, wanted keys for dropout"):
    model(x, deterministic=False)
  whole = build(nn.TransformerLM, V, D, 1, N, attention_dropout=0.5)
  drawn = whole(TOKENS, deterministic=False, rngs=nnx.Rngs(dropout=0))
  assert abs(drawn - whole(TOKENS)).max() > 1e-2


ODD = dict(norm="sandwich", norm_kind="rms", activation="relu2", gated=True, attention_bias="all",
           qk_norm="width", soft_cap=5.0, sinks=True, embedding_norm=True, branches="parallel",
           logit_scale=0.5, logit_cap=4.0, feed_forward_bias=False)


@pytest.mark.parametrize("options", [
    ODD, ODD | dict(norm="branch", norm_kind="rms_one", branches="shared", qk_norm="head"),
    dict(norm="post", norm_bias=False, gated=True)], ids=["rms", "rms_one", "post"])
def test_a_narrow_model_in_a_wide_one(options):
  """Every choice keeps surplus columns out: values, and gradients of surplus parameters."""
  wide = build(nn.TransformerLM, V, 2 * D, 1, head_dim=H, active_width=D, **options)
  narrow = build(nn.TransformerLM, V, D, 1, head_dim=H, **options)
  _close(call(wide, TOKENS), call(narrow, TOKENS))
  graphdef, params, rest = nnx.split(wide, nnx.Param, ...)
  loss = lambda p: jnp.sum(nnx.merge(graphdef, p, rest)(TOKENS) ** 2)
  found = jax.jit(jax.grad(loss))(params)
  own, start, rest = nnx.split(narrow, nnx.Param, ...)
  wanted = jax.jit(jax.grad(lambda p: jnp.sum(nnx.merge(own, p, rest)(TOKENS) ** 2)))(start)
  for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
    block = tuple(slice(0, n) for n in theirs.shape)
    scale = 1 + abs(np.asarray(theirs)).max()
    _close(ours[block] / scale, theirs / scale, 1e-5)
    assert not np.asarray(ours.at[block].set(0)).any()


def test_every_choice_runs_in_low_precision_and_in_an_encoder_decoder():
  low = build(nn.TransformerLM, V, D, 1, N, dtype=jnp.bfloat16, encoding=px.Rotary(H), **ODD)
  assert call(low, TOKENS).dtype == jnp.float32 and np.isfinite(call(low, TOKENS)).all()
  both = build(nn.Seq2SeqTransformer, V, D, 1, N, **ODD | dict(branches="serial"))
  assert np.isfinite(call(both, TOKENS, TOKENS)).all()
  with pytest.raises(ValueError, match="branches: got 'parallel', wanted 'serial' in layers that"):
    build(nn.Seq2SeqTransformer, V, D, 1, N, branches="parallel")


def test_layers_computed_again_give_the_same_gradients():
  """With dropout, whose keys must be those of the forward pass, and with a cache."""
  found = []
  for remat in (False, True):
    model = build(nn.TransformerLM, V, D, 2, N, remat=remat, dropout=0.3, encoding=px.Rotary(H))
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)

    def loss(p, graphdef=graphdef, rest=rest):
      model = nnx.merge(graphdef, p, rest)
      return jnp.sum(model(TOKENS, deterministic=False, rngs=nnx.Rngs(dropout=1)) ** 2)

    text = str(jax.make_jaxpr(jax.grad(loss))(params))
    assert (("checkpoint" in text) or ("remat" in text)) == remat
    found.append(jax.tree.leaves(jax.jit(jax.value_and_grad(loss))(params)))
    logits, _ = call(model, TOKENS, cache=model.init_cache(2, T))
    _close(logits, call(model, TOKENS))
  for a, b in zip(*found, strict=True):
    _close(a / (1 + abs(b).max()), b / (1 + abs(b).max()), 1e-5)


def test_a_causal_stack_of_embeddings_and_a_deeper_encoder(rng):
  stack = build(nn.TransformerEncoder, None, D, 1, N, encoding=px.Rotary(H), causal=True)
  x = jnp.asarray(rng.normal(size=(T, D)), jnp.float32)
  _close(call(stack, x[:3]), call(stack, x)[:3])
  both = build(nn.Seq2SeqTransformer, V, D, 2, N, decoder_layers=1)
  assert len(both.encoder.layers) == 2 and len(both.decoder.layers) == 1
  cache = both.init_cache(both.encode(TOKENS), T)
  _close(both.decode(TOKENS, cache=cache)[0], call(both, TOKENS, TOKENS))
  with pytest.raises(TypeError, match="causal: got 1, wanted True or False"):
    build(nn.TransformerEncoder, None, D, 1, N, causal=1)
  with pytest.raises(ValueError, match="decoder_layers: got 0, wanted an int"):
    build(nn.Seq2SeqTransformer, V, D, 2, N, decoder_layers=0)


def test_heads_read_real_tokens(rng):
  """Pools of hidden states, wherever the padding is; regression is one output."""
  tokens = np.asarray(TOKENS[:1])
  padded, mask = np.pad(tokens, ((0, 0), (2, 1))), np.pad(np.ones((1, T), bool), ((0, 0), (2, 1)))
  for pool in ("mean", "first", "last"):
    model = build(nn.Classifier, 1, V, D, 1, N, pool=pool, encoding=px.Alibi(N),
                  causal=pool == "last")
    randomize(model, rng)
    states = np.asarray(call(model.encoder, tokens), np.float64)[0]
    state = dict(mean=states.mean(0), first=states[0], last=states[-1])[pool]
    wanted = state @ number(model.out.kernel) + number(model.out.bias)
    _close(call(model, tokens)[0], wanted)
    _close(call(model, padded, mask=mask)[0], wanted)
  nothing = call(model, tokens, mask=np.zeros((1, T), bool))
  assert np.isfinite(nothing).all()
  with pytest.raises(ValueError, match="pool: got 'max', wanted one of mean, first, last"):
    build(nn.Classifier, 1, V, D, 1, N, pool="max")
  with pytest.raises(ValueError, match="outputs: got 0, wanted an int"):
    build(nn.Classifier, 0, V, D, 1, N)
  with pytest.raises(TypeError, match="Classifier: .* 'num_head', .* Did you mean 'num_heads'"):
    build(nn.Classifier, 1, V, D, 1, N, num_head=3)


@pytest.mark.parametrize("make", [nn.MaskedLM, lambda *a, **k: nn.Classifier(3, *a, **k)],
                         ids=["masked", "classes"])
def test_narrow_heads_in_wide_ones(make):
  wide = build(make, V, 2 * D, 1, head_dim=H, active_width=D)
  narrow = build(make, V, D, 1, head_dim=H)
  _close(call(wide, TOKENS), call(narrow, TOKENS))


def test_axes_of_the_new_parameters_have_names_and_modes_govern_dropout(rng):
  model = build(nn.TransformerLM, V, D, 1, N, **ODD)
  block = axis_names(model)["stack"]["layers"][0]
  named = block["attention"] | block["feed_forward"]
  assert named["gate"] == ("d_model", "d_ff") and named["sinks"] == ("num_heads",)
  assert named["value_bias"] == ("kv_heads", "head_dim") and named["out_bias"] == ("d_model",)
  assert named["qk_norm"]["query"]["scale"] == (None,)
  assert block["attention_after"]["scale"] == ("d_model",)
  module = build(nn.MultiHeadAttention, D, N, dropout=0.5)
  x = jnp.asarray(rng.normal(size=(T, D)), jnp.float32)
  plain = module(x)
  module.train()
  assert abs(module(x, rngs=nnx.Rngs(0)) - plain).max() > 0.01
  _close(module(x, deterministic=True), plain)


def test_memories_and_values_of_another_width(rng):
  """The width of a memory is its own, and so is that of the values of each head."""
  module = randomize(build(nn.MultiHeadAttention, D, N, memory_dim=6, value_dim=3, bias="all",
                           kv_heads=2, encoding=px.Alibi(N)), rng)
  x, memory = rng.normal(size=(T, D)), rng.normal(size=(5, 6))
  q = np.einsum("td,dnh->tnh", x, number(module.query)) + number(module.query_bias)
  k, v = (np.einsum("sd,dnh->snh", memory, number(w)) + number(b) for w, b in
          ((module.key, module.key_bias), (module.value, module.value_bias)))
  assert v.shape == (5, 2, 3)
  bias = oracles.alibi_bias(range(T), range(5), oracles.alibi_slopes(N), symmetric=True)
  out = oracles.attention(q, k, v, bias=bias)
  wanted = np.einsum("tnh,nhd->td", out, number(module.out)) + number(module.out_bias)
  x, memory = jnp.asarray(x, jnp.float32), jnp.asarray(memory, jnp.float32)
  _close(call(module, x, memory), wanted)
  _close(call(module, x, module.remember(memory)), wanted)
  with pytest.raises(ValueError, match=r"memory: got shape \(6, 16\), .* built with memory_dim=6"):
    module(x, x)
  with pytest.raises(ValueError, match=r"memory: got None, wanted \[..., S, 6\]"):
    module(x)
  own = build(nn.MultiHeadAttention, D, N, value_dim=3, causal=True, encoding=px.Rotary(H))
  cache = own.init_cache((), T)
  assert cache.values.shape[-1] == 3
  first, cache = call(own, x[:2], cache=cache)
  _close(jnp.concatenate([first, call(own, x[2:], cache=cache)[0]]), call(own, x))
  for name in ("memory_dim", "value_dim"):
    with pytest.raises(ValueError, match=f"{name}: got 0, wanted an int"):
      build(nn.MultiHeadAttention, D, N, **{name: 0})
