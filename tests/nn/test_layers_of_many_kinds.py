# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Prefix-LMs, mixtures of experts, layers in one loop, types of tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.nn.experts import routing
from tests.support.nn_models import build, call, number, randomize

V, D, N, T = 13, 16, 2, 7
TOKENS = (np.arange(2 * T).reshape(2, T) % V).astype(np.int32)
PREFIX = np.array([3, 5], np.int32)
KEY = jax.random.key(0)


def lm(layers=2, encoding=None, **settings):
  encoding = px.Rotary(8) if encoding is None else encoding
  return build(nn.TransformerLM, V, D, layers, N, encoding=encoding, **settings)


@pytest.mark.parametrize("window", [None, (2, 0)])
def test_a_prefix_is_a_mask(window):
  """One layer's attention equals that with the mask written out, by T x T comparisons."""
  attention = build(nn.MultiHeadAttention, D, N, causal=True, window=window)
  bare = build(nn.MultiHeadAttention, D, N)
  x = jnp.asarray(np.random.default_rng(0).normal(size=(2, T, D)), jnp.float32)
  seen = np.zeros((2, 1, T, T), bool)
  for b, m, n in np.ndindex(2, T, T):
    near = window is None or m - n <= window[0]
    seen[b, 0, m, n] = (n <= m and near) or n < PREFIX[b]
  np.testing.assert_allclose(attention(x, prefix=PREFIX), bare(x, mask=jnp.asarray(seen)),
                             atol=1e-6)


@pytest.mark.parametrize("window", [None, (2, 0)])
def test_prefixes_with_padding_and_caches(window):
  model = lm(window=window)
  full = call(model, TOKENS, prefix=PREFIX)
  assert abs(full - call(model, TOKENS)).max(axis=-1).min() > 1e-3
  for side in (((0, 0), (2, 0)), ((0, 0), (0, 2))):
    mask = np.pad(np.ones((2, T), bool), side)
    padded = call(model, np.pad(TOKENS, side), mask=mask, prefix=PREFIX)
    np.testing.assert_allclose(padded[mask].reshape(full.shape), full, atol=3e-6)
  cache, found = model.init_cache(2, 9), []
  for a, b in ((0, 5), (5, 6), (6, 7)):
    logits, cache = call(model, TOKENS[:, a:b], prefix=PREFIX, cache=cache)
    found.append(logits)
  np.testing.assert_allclose(np.concatenate(found, 1), full, atol=3e-6)


def test_generate_reads_prompts_as_prefixes():
  model = lm(layers=1)
  prompt = np.array([[1, 2, 3, 4], [5, 6, 0, 0]], np.int32)
  mask = prompt != 0
  written = np.asarray(nn.generate(model, prompt, 3, mask=mask, prefix=mask.sum(-1),
                                   temperature=0).tokens)
  for row in range(2):
    text = np.concatenate([prompt[row][mask[row]], written[row]])[None]
    read = int(mask[row].sum())
    likely = np.asarray(call(model, text, prefix=np.array([read])))[0].argmax(-1)
    assert likely[read - 1:-1].tolist() == written[row].tolist()
  plain = np.asarray(call(model, prompt, mask=mask))
  assert abs(plain - call(model, prompt, mask=mask, prefix=np.int32(2))).max() > 1e-3


@pytest.mark.parametrize("call_it, error, message", [
  (lambda m: m(TOKENS, prefix=1.5), TypeError, "prefix: got float64, wanted integers"),
  (lambda m: m(TOKENS, prefix=-1), ValueError, "prefix: got -1, wanted counts"),
  (lambda m: m(TOKENS, prefix=jnp.array([1, 2, 3])), ValueError, r"prefix: got shape \(3,\)"),
  (lambda m: m(TOKENS, prefix=2, segments=TOKENS * 0), ValueError, "prefix, segments: got both"),
  (lambda m: m(TOKENS[:, :2], prefix=3, cache=m.init_cache(2, 9)), ValueError,
   r"prefix: got \[3 3\] tokens, of which the cache has \[2 2\] .* Its tokens see each other"),
  (lambda m: nn.generate(m, TOKENS, 2, prefix=8, temperature=0), ValueError,
   "prefix: got .*, wanted at most the tokens of each prompt, 7"),
  (lambda m: build(nn.MultiHeadAttention, D, N)(jnp.ones((T, D)), jnp.ones((T, D)), prefix=1),
   ValueError, "prefix: got one with a memory, wanted None"),
  (lambda m: nn.with_encoding(m, px.T5Bias.init(KEY, N))(TOKENS, prefix=2), ValueError,
   "T5Bias for one direction, in layers that see both"),
])
def test_prefixes_that_do_not_fit(call_it, error, message):
  with pytest.raises(error, match=message):
    call_it(lm())


def test_a_prefix_that_is_not_written_whole_is_nan_under_a_trace():
  model = lm(layers=1)
  logits, _ = call(model, TOKENS[:, :4], prefix=PREFIX, cache=model.init_cache(2, 9))
  assert np.isfinite(logits[0]).all() and np.isnan(logits[1]).all()


def test_experts_are_weighted_feed_forwards():
  """float64 loops over tokens and experts; the others count nothing."""
  module = lm(layers=1, experts=3, experts_per_token=2, gated=True, activation="silu", d_ff=5,
              gate_clip=0.5).stack.layers[0].feed_forward
  randomize(module, np.random.default_rng(0))
  x = np.random.default_rng(1).normal(size=(4, D)).astype(np.float32)
  names = ("router", "router_bias", "gate", "gate_bias", "up", "up_bias", "down", "down_bias")
  router, router_bias, gate, gate_bias, up, up_bias, down, down_bias = (
    number(getattr(module, name)) for name in names)
  wanted = np.zeros((4, D))
  for t, row in enumerate(x.astype(np.float64)):
    logits = row @ router + router_bias
    best = np.argsort(-logits)[:2]
    weights = np.exp(logits[best]) / np.exp(logits[best]).sum()
    for w, e in zip(weights, best, strict=True):
      g = np.minimum(row @ gate[e] + gate_bias[e], 0.5)
      u = np.clip(row @ up[e] + up_bias[e], -0.5, 0.5)
      wanted[t] += w * (g / (1 + np.exp(-g)) * (u + 1) @ down[e] + down_bias[e])
  np.testing.assert_allclose(module(jnp.asarray(x)), wanted, atol=1e-5)
  assert (np.asarray(routing(jnp.arange(8.0), 3)) > 0).sum() == 3


def test_layers_in_one_loop_are_the_same_layers():
  """Logits, gradients and caches; with a bias of positions and with remat."""
  for e in (px.Rotary(8), px.T5Bias.init(KEY, N, stddev=1.0)):
    loop, plain = (lm(3, e, scan=scan, remat=scan) for scan in (True, False))
    np.testing.assert_allclose(call(loop, TOKENS), call(plain, TOKENS), atol=5e-6)
  slope = nnx.jit(nnx.grad(lambda m: (m(TOKENS) ** 2).sum()))
  grads = [nnx.to_pure_dict(slope(m)) for m in (loop, plain)]
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3), *grads)
  cache, found = loop.init_cache(2, T), []
  for a, b in ((0, 4), (4, 5), (5, 7)):
    logits, cache = call(loop, TOKENS[:, a:b], cache=cache)
    found.append(logits)
  np.testing.assert_allclose(np.concatenate(found, 1), call(plain, TOKENS), atol=5e-6)
  with pytest.raises(ValueError, match="cache: got 7 slots of which 7 are filled, wanted room for"):
    loop(TOKENS[:, :1], cache=cache)


def test_a_loop_is_one_layer_of_program():
  size = lambda scan, layers: len(str(jax.make_jaxpr(lm(layers, scan=scan))(TOKENS)))
  assert size(True, 8) - size(True, 2) < 0.3 * (size(False, 8) - size(False, 2))


def test_layers_in_one_loop_draw_dropout_of_their_own():
  model = lm(2, scan=True, dropout=0.5)
  drop = lambda seed: call(model, TOKENS, deterministic=False, rngs=nnx.Rngs(dropout=seed))
  assert abs(drop(0) - drop(1)).max() > 1e-3
  np.testing.assert_array_equal(drop(0), drop(0))
  two = nn.Seq2SeqTransformer(V, D, 2, N, scan=True, rngs=nnx.Rngs(0))
  same = nn.Seq2SeqTransformer(V, D, 2, N, rngs=nnx.Rngs(0))
  np.testing.assert_allclose(call(two, TOKENS, TOKENS), call(same, TOKENS, TOKENS), atol=5e-6)


@pytest.mark.parametrize("settings, message", [
  (dict(scan=True, windows=[None, (2, 0)]), r"scan: got True with windows \(None, \(2, 0\)\)"),
  (dict(scan=1), "scan: got 1, wanted True or False"),
  (dict(experts=4), "experts, experts_per_token: got 4 and None, wanted both or neither"),
  (dict(experts=4, experts_per_token=5), "experts_per_token: got 5, wanted at most the 4 experts"),
  (dict(experts=0, experts_per_token=1), "experts: got 0, wanted an int, at least 1"),
  (dict(gate_clip=2.0), "gate_clip: got 2.0, wanted None, as there is no gate"),
  (dict(gate_clip=-1.0, gated=True), "gate_clip: got -1.0"),
  (dict(experts=2, experts_per_token=1, active_width=8), "active_width: got one with experts"),
])
def test_settings_that_do_not_fit(settings, message):
  with pytest.raises((ValueError, TypeError), match=message):
    lm(**settings)


def test_maps_of_loops_and_prefixes():
  loop, plain = (lm(2, scan=scan, remat=scan) for scan in (True, False))
  for a, b in zip(nn.attention_maps(loop, TOKENS, prefix=3), nn.attention_maps(
      plain, TOKENS, prefix=3), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert np.asarray(a)[:, :, 0, 1:3].min() > 0 and not np.asarray(a)[:, :, 0, 3:].any()


def test_models_with_heads_take_another_encoding():
  for model in (build(nn.MaskedLM, V, D, 1, N, token_types=2),
                build(nn.Classifier, 3, V, D, 1, N)):
    other = nn.with_encoding(model, px.Alibi(N))
    assert abs(call(model, TOKENS) - call(other, TOKENS)).max() > 1e-4


def test_a_loop_has_one_encoding():
  model = build(nn.TransformerLM, V, D, 2, N, encoding=[px.Rotary(8), None], scan=True)
  with pytest.raises(ValueError, match="scan: got encodings that differ by layer, wanted one"):
    model(TOKENS)


def test_norms_of_each_head():
  """Queries of a LayerNorm without bias, a gain for each head; by float64."""
  attention = build(nn.MultiHeadAttention, D, N, kv_heads=1, qk_norm="layer")
  randomize(attention, np.random.default_rng(0))
  q = np.random.default_rng(1).normal(size=(3, N, 8))
  wanted = (q - q.mean(-1, keepdims=True)) / np.sqrt(q.var(-1, keepdims=True) + 1e-6)
  gain = number(attention.qk_norm.query.scale)
  assert gain.shape == (N, 8) and number(attention.qk_norm.key.scale).shape == (1, 8)
  np.testing.assert_allclose(attention.qk_norm.of_queries(jnp.asarray(q, jnp.float32)),
                             wanted * gain, atol=1e-5)


def test_types_of_tokens():
  model = build(nn.TransformerEncoder, V, D, 1, N, token_types=2)
  types = (TOKENS % 2).astype(np.int32)
  plain = call(model, TOKENS)
  np.testing.assert_array_equal(plain, call(model, TOKENS, token_types=types * 0))
  assert abs(plain - call(model, TOKENS, token_types=types)).max() > 1e-3
  for given, error, message in (
      (types + 1, ValueError, r"token_types: got 1 to 2, wanted types in \[0, 2\)"),
      (types[:, :2], ValueError, r"token_types: got shape \(2, 2\), wanted \(2, 7\)"),
      (types * 1.0, TypeError, "token_types: got float64, wanted integers")):
    with pytest.raises(error, match=message):
      model(TOKENS, token_types=given)
  with pytest.raises(ValueError, match="token_types: got some, wanted None, as the model has one"):
    build(nn.TransformerEncoder, V, D, 1, N)(TOKENS, token_types=types)
  assert np.isnan(call(model, TOKENS, token_types=types + 1)).any()


def test_parameters_of_experts_and_types_have_names_of_their_sizes():
  decoder = build(nn.TransformerLM, V, D, 1, N, experts=3, experts_per_token=2, gated=True, d_ff=5)
  masked = build(nn.MaskedLM, V, D, 1, N, token_types=4, qk_norm="layer")
  sizes = {"vocabulary": V, "d_model": D, "num_heads": N, "kv_heads": N, "head_dim": 8,
           "experts": 3}
  for model, d_ff in ((decoder, 5), (masked, 4 * D)):
    names = nnx.traversals.flatten_mapping(nn.axis_names(model))
    for path, variable in nnx.to_flat_state(nnx.state(model)):
      shape = variable[...].shape
      given = names[path]
      assert len(given) == len(shape) and any(given) or shape == (D,), path
      assert all(n is None or (sizes | {"d_ff": d_ff})[n] == s
                 for n, s in zip(given, shape, strict=True)), path
