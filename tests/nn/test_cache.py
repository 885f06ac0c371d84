# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Decoding with a cache equals the full forward, for encodings of every kind in one model.

A model has one encoding a layer, so one compile serves many; should a test fail, leave layers out.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.encodings.biases.fire import Fire
from posenc_jax.encodings.content.cope import Cope
from posenc_jax.encodings.content.dape import Dape
from posenc_jax.encodings.content.fox import Fox
from posenc_jax.encodings.content.shaw import Shaw
from posenc_jax.encodings.positions.randomized import Randomized
from posenc_jax.encodings.rotations.m_rotary import MRotary
from posenc_jax.encodings.rotations.pope import Pope
from posenc_jax.encodings.rotations.vo_rotary import VORotary
from posenc_jax.encodings.softmax.temperature import LogNTemperature
from posenc_jax.nn.cache import PADDING_SEGMENT
from tests.support.nn_models import FAST, build, call

V, D, N, H, K = 13, 16, 4, 4, 2
B, T, ROOM = 2, 7, 9


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def _by_position():
  random = Randomized(ROOM, maximum=40)
  return [px.chain(px.Sinusoidal(D), px.Alibi(N)), None, px.chain(random, px.Rotary(H)),
          px.T5Bias(_normal(0, 8, N), False, 16), Shaw(_normal(1, 5, H), _normal(2, 5, H)),
          px.chain(VORotary(H), LogNTemperature(4.0))]


def _by_content():
  key = jax.random.key(0)
  return [px.chain(px.Rotary(H), Fox(_normal(3, D, N), _normal(4, N))),
          Cope(_normal(5, 4, H)), Pope(_normal(6, N, H)),
          Dape.init(key, N, px.Alibi(N), taps=3), Fire.init(key, N)]


@pytest.fixture(scope="module", params=[_by_position, _by_content], ids=["position", "content"])
def language_model(request):
  """A model, its compiled step, and its compiled full forward; each is compiled once a shape."""
  encodings = request.param()
  model = build(nn.TransformerLM, V, D, len(encodings), N, kv_heads=K, encoding=encodings)
  graphdef, state = nnx.split(model)
  keys = lambda: nnx.Rngs(positions=3)

  def step(tokens, cache, mask):
    return nnx.merge(graphdef, state)(tokens, cache=cache, mask=mask, rngs=keys())

  def full(tokens, mask, segments):
    return nnx.merge(graphdef, state)(tokens, mask=mask, segments=segments, rngs=keys())

  step, full = (jax.jit(f, compiler_options=FAST) for f in (step, full))
  real, one = jnp.ones((B, T), bool), jnp.zeros((B, T), jnp.int32)
  return model, step, lambda x, mask=real, segments=one: full(x, mask, segments)


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(np.random.default_rng(0).integers(0, V, (B, T)), jnp.int32)


def _decode(step, cache, tokens, mask):
  """Logits of a chunk of 3, another of 3 and one token, joined; then the cache."""
  out, start = [], 0
  for size in (3, 3, 1):
    part = slice(start, start + size)
    logits, cache = step(tokens[:, part], cache, mask[:, part])
    out.append(logits)
    start += size
  return jnp.concatenate(out, axis=1), cache


def _close(got, wanted, atol=2e-5):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


def test_prefill_and_steps_equal_the_full_forward(language_model, tokens):
  model, step, full = language_model
  got, cache = _decode(step, model.init_cache(B, ROOM), tokens, jnp.ones((B, T), bool))
  _close(got, full(tokens))
  assert int(cache[0].index) == T
  assert cache[0].keys.shape == (B, ROOM, K, H), "a cache holds the short form, grouped"


def test_left_padded_rows_equal_unpadded_rows(language_model, tokens):
  """Row 0 has two tokens of padding before it, in a full forward and in decoding."""
  model, step, full = language_model
  padding = jnp.full((1, 2), 5, jnp.int32)
  padded = jnp.concatenate([jnp.concatenate([padding, tokens[:1, :5]], 1), tokens[1:]])
  mask = jnp.array([[False] * 2 + [True] * 5, [True] * 7])
  once = full(padded, mask)
  stepped, _ = _decode(step, model.init_cache(B, ROOM), padded, mask)
  wanted = full(tokens)
  for got in (once, stepped):
    _close(got[0, 2:], wanted[0, :5])
    _close(got[1], wanted[1])
    assert np.isfinite(got).all()


def test_packed_documents_equal_separate_ones(language_model, tokens):
  _, _, full = language_model
  segments = jnp.array([[1] * 7, [1] * 3 + [2] * 4])
  got = full(tokens, segments=segments)
  moved = full(jnp.concatenate([tokens[:1], jnp.roll(tokens[1:], -3, axis=1)]), segments=segments)
  _close(got[0], full(tokens)[0])
  _close(got[1, :3], full(tokens)[1, :3])
  # The second document alone, at the start of row 1.
  alone = full(jnp.concatenate([tokens[:1], jnp.roll(tokens[1:], -3, axis=1)]))
  _close(got[1, 3:], alone[1, :4])
  assert abs(moved[1, 3:] - alone[1, 3:]).max() > 1e-3


def test_a_scan_carries_the_cache(tokens):
  """One compiled step for all tokens, the cache in the carry, no batch axis."""
  model = build(nn.TransformerLM, V, D, 2, N, kv_heads=K,
                encoding=[px.Rotary(H), Fox(_normal(3, D, N), _normal(4, N))])
  graphdef, state = nnx.split(model)

  @jax.jit
  def run(tokens):
    def step(cache, token):
      logits, cache = nnx.merge(graphdef, state)(token[None], cache=cache)
      return cache, logits[0]
    return jax.lax.scan(step, nnx.merge(graphdef, state).init_cache((), T), tokens)[1]

  _close(run(tokens[0]), call(model, tokens[0]))


def test_padding_anywhere_between_chunks(tokens):
  """Prompts of different lengths, padded on the right, are continued: gaps are as if not there."""
  model = build(nn.TransformerLM, V, D, 1, N, encoding=px.chain(
      px.Learned(_normal(10, T, D)), px.Rotary(H), Fox(_normal(3, D, N), _normal(4, N))))
  mask = jnp.array([[True, True, False, True, False, True, True], [True] * T])
  real = np.flatnonzero(mask[0])
  first, cache = call(model, tokens[:, :3], cache=model.init_cache(B, ROOM), mask=mask[:, :3])
  rest, _ = call(model, tokens[:, 3:], cache=cache, mask=mask[:, 3:])
  got = jnp.concatenate([first, rest], 1)
  _close(got[1], call(model, tokens[1]))
  _close(got[0, real], call(model, tokens[0, real]))


def test_several_position_axes_and_explicit_positions(tokens):
  """M-RoPE: positions [..., T, 3] are cached, order comes from the index."""
  model = build(nn.TransformerLM, V, D, 1, N, encoding=MRotary((1, 1, 0 + 1), base=100.0),
                head_dim=6)
  at = jnp.asarray(np.random.default_rng(1).integers(0, 5, (B, T, 3)), jnp.int32)
  full = call(model, tokens, at)
  with pytest.raises(ValueError, match=r"positions: got shape \(7,\), wanted \[..., T, 3\]"):
    model(tokens)
  cache = model.init_cache(B, ROOM, positions=np.zeros((1, 3), np.int32))
  assert cache[0].positions.shape == (B, ROOM, 3)
  first, cache = call(model, tokens[:, :4], at[:, :4], cache=cache)
  rest, _ = call(model, tokens[:, 4:], at[:, 4:], cache=cache)
  _close(jnp.concatenate([first, rest], 1), full)


def test_a_window_hides_old_slots(tokens):
  model = build(nn.TransformerLM, V, D, 1, N, window=2, encoding=px.Alibi(N))
  first, cache = call(model, tokens[:, :4], cache=model.init_cache(B, T))
  rest, _ = call(model, tokens[:, 4:], cache=cache)
  _close(jnp.concatenate([first, rest], 1), call(model, tokens))


def test_half_precision_cache(tokens):
  model = build(nn.TransformerLM, V, D, 1, N, encoding=px.Rotary(H))
  cache = model.init_cache(B, T, jnp.bfloat16)
  assert cache[0].keys.dtype == jnp.bfloat16 and cache[0].positions.dtype == jnp.int32
  got, cache = call(model, tokens, cache=cache)
  assert got.dtype == jnp.float32 and cache[0].values.dtype == jnp.bfloat16
  error = abs(got - call(model, tokens)).max()
  assert 1e-5 < error < 0.1, error


def test_encoder_decoder_steps_equal_the_full_forward(tokens):
  """The source's keys are made once; padding of the source stays hidden at every step."""
  model = build(nn.Seq2SeqTransformer, V, D, 2, N, kv_heads=K, cross_encoding=px.Rotary(H),
                encoding=px.chain(px.Sinusoidal(D), px.Alibi(N)))
  source, mask = tokens, jnp.arange(T)[None] < jnp.array([[7], [4]])
  target = (tokens[:, :5] + 1) % V
  wanted = call(model, source, target, source_mask=mask)
  memory = call(model, source, mask=mask, method="encode")
  cache = call(model, memory, ROOM, method="init_cache")
  assert [c.index.shape for c in cache.memories] == [()] * 2
  first, cache = call(model, target[:, :3], cache=cache, method="decode")
  rest, cache = call(model, target[:, 3:], cache=cache, method="decode")
  _close(jnp.concatenate([first, rest], 1), wanted)
  assert int(cache.layers[1].index) == 5


def test_packed_pairs_decode_with_their_segments(tokens):
  model = build(nn.Seq2SeqTransformer, V, D, 1, N, encoding=px.Rotary(H))
  s_ids, t_ids = jnp.array([[1] * 3 + [2] * 4] * B), jnp.array([[1] * 2 + [2] * 5] * B)
  wanted = call(model, tokens, tokens, source_segments=s_ids, target_segments=t_ids)
  memory = call(model, tokens, segments=s_ids, method="encode")
  cache = call(model, memory, T, method="init_cache")
  first, cache = call(model, tokens[:, :4], cache=cache, segments=t_ids[:, :4], method="decode")
  rest, _ = call(model, tokens[:, 4:], cache=cache, segments=t_ids[:, 4:], method="decode")
  _close(jnp.concatenate([first, rest], 1), wanted)
  with pytest.raises(ValueError, match="target_segments: got none, wanted segments of both sides"):
    model.decode(tokens, memory)
  with pytest.raises(ValueError, match="target_segments: got some"):
    model.decode(tokens, model.encode(tokens), segments=t_ids)
  with pytest.raises(ValueError, match="memory, cache: got neither"):
    model.decode(tokens)
  with pytest.raises(ValueError, match="memory, cache: got both"):
    model.decode(tokens, memory, cache=cache)


@pytest.fixture(scope="module")
def attention():
  return build(nn.MultiHeadAttention, D, N, encoding=px.Rotary(H), causal=True)


def test_one_layer_alone(attention):
  """Positions default to the index; a mask counts the slots; a memory can be remembered."""
  x = _normal(7, B, T, D)
  first, cache = call(attention, x[:, :4], cache=attention.init_cache(B, ROOM))
  rest, cache = call(attention, x[:, 4:], cache=cache)
  _close(jnp.concatenate([first, rest], 1), call(attention, x))
  np.testing.assert_array_equal(cache.positions[0], [0, 1, 2, 3, 4, 5, 6, 0, 0])
  assert cache.length == ROOM and (cache.segments[:, T:] == PADDING_SEGMENT).all()
  seen = jnp.ones((1, 4, ROOM), bool).at[:, 1:, 0].set(False)
  hidden, _ = call(attention, x[:, :4], cache=attention.init_cache(B, ROOM), mask=seen)
  _close(hidden, call(attention, x[:, :4], mask=seen[..., :4]))
  assert abs(hidden - first).max() > 1e-3


def test_a_full_cache_is_an_error_or_nan_never_wrong(attention):
  x = _normal(8, B, 3, D)
  cache = attention.init_cache(B, 4)
  _, cache = call(attention, x, cache=cache)
  with pytest.raises(ValueError, match="cache: got 4 slots of which 3 are filled, wanted room"):
    attention(x, cache=cache)
  out, _ = call(attention, x, cache=cache)
  assert np.isnan(out).all()
  with pytest.raises(ValueError, match="cache: got 2 slots, wanted room for 3"):
    jax.eval_shape(lambda: attention(x, cache=attention.init_cache(B, 2)))


def test_wrong_caches(attention):
  x = _normal(9, B, 2, D)
  shapes = lambda *args, **kwargs: jax.eval_shape(lambda: attention(*args, **kwargs))
  with pytest.raises(ValueError, match=r"cache: got batch \(3,\), wanted the tokens' batch \(2,\)"):
    shapes(x, cache=attention.init_cache(3, 4))
  with pytest.raises(TypeError, match="positions: got float32 for a cache of int32"):
    shapes(x, positions=jnp.zeros(2), cache=attention.init_cache(B, 4))
  cache = attention.init_cache(B, 4, positions=np.zeros(1, np.float32))
  assert shapes(x, positions=jnp.zeros(2), cache=cache)[1].positions.dtype == jnp.float32
  with pytest.raises(ValueError, match="cache: got a cache and a memory"):
    attention(x, x, cache=cache)
  with pytest.raises(ValueError, match="length: got 0"):
    attention.init_cache(B, 0)
  with pytest.raises(TypeError, match="batch: got 2.0, wanted ints"):
    attention.init_cache(2.0, 4)
  assert attention.init_cache(np.int64(B), np.int32(4)).keys.shape == (B, 4, N, H)
  fox = Fox(_normal(3, D, N), _normal(4, N))
  for made_for, used in ((None, px.Cope(_normal(5, 4, H))), (None, fox), (fox, None)):
    with pytest.raises(ValueError, match="cache: got .* of another encoding, wanted a cache of th"):
      shapes(x, cache=attention.init_cache(B, 4, encoding=made_for), encoding=used)


def test_one_token_more_than_there_are_slots_is_nan(attention):
  """A decode loop that goes on too long overflows by one: exactly full is finite."""
  graphdef, state = nnx.split(attention)

  @jax.jit
  def step(x, cache):
    return nnx.merge(graphdef, state)(x, cache=cache)

  cache = attention.init_cache(B, 3)
  finite = []
  for i in range(5):
    out, cache = step(_normal(i, B, 1, D), cache)
    finite.append(bool(np.isfinite(out).all()))
    assert finite[-1] or np.isnan(out).all()
  assert finite == [True, True, True, False, False]
