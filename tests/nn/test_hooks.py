# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hooks inside the modules: refusals, a layer's input that changes, whole rows in a cache."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from tests.support.nn_models import build, call, number

V, D, N, H, K = 13, 16, 4, 4, 2
B, T, ROOM = 2, 7, 9


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(np.random.default_rng(0).integers(0, V, (B, T)), jnp.int32)


def _close(got, wanted, atol=2e-5):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


@px.encoding
class Convolution(px.Encoding):
  """x_t + w_1 x_(t-1) + w_2 x_(t-2) within a document; the carry holds the last two tokens."""

  taps: jax.Array = px.parameter()

  position_axes = None

  def layer(self, x, positions, *, carry=None, segments=None):
    t = x.shape[-2]
    ids = jnp.zeros(x.shape[:-1], jnp.int32) if segments is None else jnp.broadcast_to(
        segments, x.shape[:-1])
    rows = jnp.zeros((*x.shape[:-2], 2, x.shape[-1]), x.dtype)
    old = jnp.zeros((*x.shape[:-2], 2), jnp.int32)  # an id plus 1: 0 is the start
    if carry is not None:
      rows, old = carry
    rows, ids = jnp.concatenate([rows, x], axis=-2), jnp.concatenate([old, ids + 1], axis=-1)
    out = x
    for back in (1, 2):
      same = ids[..., 2 - back:2 - back + t] == ids[..., 2:]
      before = jnp.where(same[..., None], rows[..., 2 - back:2 - back + t, :], 0)
      out = out + before * self.taps[back - 1].reshape((1,) * (x.ndim - 1) + (-1,))
    return out, positions, (rows[..., -2:, :], ids[..., -2:])


@px.encoding
class Sink(px.Encoding):
  """Weights exp(s) / (exp(sink) + sum exp(s)): attention to nothing."""

  sink: jax.Array = px.parameter()

  position_axes = None

  def weights(self, scores, tile):
    scores = jnp.where(tile.mask, scores, -jnp.inf) if tile.mask is not None else scores
    sink = jnp.broadcast_to(self.sink[:, None, None], (*scores.shape[:-1], 1))
    return jax.nn.softmax(jnp.concatenate([scores, sink], axis=-1), axis=-1)[..., :-1]


@px.encoding
class SameChunk(px.Encoding):
  """Only keys of the query's own pair of positions are visible."""

  size: int = px.static(default=2)

  def visible(self, tile):
    q, k = (at // self.size for at in (tile.q_positions, tile.k_positions))
    return (q[..., :, None] == k[..., None, :])[..., None, :, :]


@px.encoding
class ValueTable(px.Encoding):
  """Adds sum_n w_mn table[m - n], cut at the ends: Shaw's values for every head."""

  table: jax.Array = px.parameter()

  def value_bias(self, weights, tile):
    rows = jnp.clip(tile.distance(), 0, self.table.shape[0] - 1)
    at = jnp.broadcast_to(self.table[rows], (*weights.shape[:-3], *weights.shape[-2:], H))
    return jnp.einsum("...nts,...tsh->...tnh", weights, at)


def _layers():
  mixed = Convolution(_normal(3, 2, D)), Sink(_normal(4, N)), ValueTable(_normal(5, 3, H))
  return [px.chain(px.Rotary(H), Convolution(_normal(0, 2, D))), Sink(_normal(1, N)), SameChunk(),
          ValueTable(_normal(2, 3, H)), px.chain(*mixed)]


@pytest.fixture(scope="module")
def model():
  encodings = _layers()
  return build(nn.TransformerLM, V, D, len(encodings), N, kv_heads=K, encoding=encodings)


def test_decoding_equals_the_full_forward(model, tokens):
  cache = model.init_cache(B, ROOM)
  first, cache = call(model, tokens[:, :3], cache=cache)
  rest, cache = call(model, tokens[:, 3:], cache=cache)
  _close(jnp.concatenate([first, rest], 1), call(model, tokens))
  read = [jax.tree.leaves(c.positions) for c in cache]
  assert [len(r) for r in read] == [1, 0, 1, 1, 1], "no positions are kept for who reads none"


def test_left_padding_in_a_full_forward_and_in_decoding(model, tokens):
  padded = jnp.concatenate([jnp.full((B, 2), 5, jnp.int32), tokens[:, :5]], axis=1)
  mask = jnp.broadcast_to(jnp.arange(T) >= 2, (B, T))
  once = call(model, padded, mask=mask)
  first, cache = call(model, padded[:, :4], cache=model.init_cache(B, ROOM), mask=mask[:, :4])
  rest, _ = call(model, padded[:, 4:], cache=cache, mask=mask[:, 4:])
  wanted = call(model, tokens[:, :5])
  _close(once[:, 2:], wanted)
  _close(jnp.concatenate([first, rest], 1)[:, 2:], wanted)


def test_packed_documents(model, tokens):
  segments = jnp.broadcast_to(jnp.array([1] * 3 + [2] * 4), (B, T))
  got = call(model, tokens, segments=segments)
  _close(got[:, :3], call(model, tokens[:, :3]))
  _close(got[:, 3:], call(model, tokens[:, 3:]))


def _by_loops(module, x, sink, table):
  """Causal attention with a sink and a table for values, float64."""
  q, k, v = (np.einsum("td,dnh->tnh", x, number(w)) for w in
             (module.query, module.key, module.value))
  k, v = (np.repeat(y, N // K, axis=1) for y in (k, v))
  out = np.zeros((T, N, H))
  for n in range(N):
    for t in range(T):
      e = [np.exp(q[t, n] @ k[s, n] / np.sqrt(H)) for s in range(t + 1)]
      total = sum(e) + np.exp(sink[n])
      for s in range(t + 1):
        out[t, n] += e[s] / total * (v[s, n] + table[min(t - s, len(table) - 1)])
  return np.einsum("tnh,nhd->td", out, number(module.out))


def test_a_layer_equals_loops():
  """The input of the layer changes for queries, keys and values; weights and values by loops."""
  taps, sink, table = (np.asarray(y, np.float64) for y in
                       (_normal(3, 2, D), _normal(4, N), _normal(5, 3, H)))
  e = px.chain(*(f(jnp.asarray(y, jnp.float32)) for f, y in
                 ((Convolution, taps), (Sink, sink), (ValueTable, table))))
  module = build(nn.MultiHeadAttention, D, N, kv_heads=K, encoding=e, causal=True)
  x = np.random.default_rng(6).normal(size=(T, D))
  before = np.concatenate([np.zeros((2, D)), x])
  mixed = x + taps[0] * before[1:-1] + taps[1] * before[:-2]
  _close(call(module, jnp.asarray(x, jnp.float32)), _by_loops(module, mixed, sink, table))


_ABSOLUTE = [
    (px.Sinusoidal(D), "inputs", "Sinusoidal, which answers inputs"),
    (px.Learned(_normal(0, T, D)), "inputs", "Learned, which answers inputs"),
    (px.chain(px.Rotary(H), px.Sinusoidal(D)), "inputs", "Sinusoidal, which answers inputs"),
    (px.chain(px.Randomized(T, maximum=64), px.Rotary(H)), "positions",
     "Randomized, which answers positions"),
]


@pytest.mark.parametrize("e, hook, message", _ABSOLUTE)
def test_attention_alone_refuses_what_only_a_model_runs(e, hook, message):
  """It would be attention without that encoding, under its name."""
  x = _normal(0, B, T, D)
  for module, options in ((build(nn.MultiHeadAttention, D, N, encoding=e), {}),
                          (build(nn.MultiHeadAttention, D, N), {"encoding": e})):
    for run in (lambda m, o: m(x, **o), lambda m, o: m(x, x, **o),
                lambda m, o: m.remember(x, **o),
                lambda m, o: m(x, cache=m.init_cache(B, T, **o), **o)):
      with pytest.raises(ValueError, match=f"encoding: got {message}"):
        run(module, options)
  module = build(nn.MultiHeadAttention, D, N, encoding=e)
  assert jax.eval_shape(lambda: module(x, applied=(hook,))).shape == x.shape


def test_applied_names_hooks_of_a_model_alone():
  module = build(nn.MultiHeadAttention, D, N, encoding=px.Sinusoidal(D))
  x = _normal(0, B, T, D)
  for wrong in ("layer", "qk", "input"):
    with pytest.raises(ValueError, match=f"applied: got '{wrong}', wanted one of positions, in"):
      module(x, applied=(wrong,))
  _close(call(module, x, applied="inputs"), call(build(nn.MultiHeadAttention, D, N), x))


def test_attention_to_a_memory_refuses_what_acts_on_one_sequence():
  """Queries would restart the carry in every chunk, and gates of two sequences do not compare."""
  x = _normal(0, B, T, D)
  for e in (px.Fox.init(jax.random.key(0), D, N), Convolution(_normal(1, 2, D))):
    module = build(nn.MultiHeadAttention, D, N, encoding=e)
    for run in (lambda m: m(x, x), lambda m: m.remember(x),
                lambda m: m(x, m.remember(x, encoding=px.Rotary(H)))):
      with pytest.raises(ValueError, match=f"encoding: got {type(e).__name__}, .* answers layer"):
        run(module)
    with pytest.raises(ValueError, match="cross_encoding: got .*, which answers layer"):
      nn.Seq2SeqTransformer(V, D, 1, N, cross_encoding=e, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("length", [4, 64])
@pytest.mark.parametrize("heads", [1, 2, 8])
def test_heads_that_do_not_match_are_refused(heads, length):
  x = jnp.zeros((B, length, D))
  for e in (px.Alibi(heads), px.T5Bias.init(jax.random.key(0), heads)):
    module = build(nn.MultiHeadAttention, D, N, encoding=e)
    with pytest.raises(ValueError, match=f"{heads} heads in .*, wanted the N = {N} query"):
      jax.eval_shape(lambda: module(x))  # noqa: B023
    model = nn.TransformerLM(V, D, 1, N, encoding=e, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=f"{heads} heads in .*, wanted the N = {N} query"):
      jax.eval_shape(lambda: model(jnp.zeros((B, length), jnp.int32)))  # noqa: B023
  shared = build(nn.MultiHeadAttention, D, N, encoding=px.share_heads(px.Alibi(1)))
  assert jax.eval_shape(lambda: shared(x)).shape == x.shape


def test_a_mask_whose_axes_are_in_doubt_is_refused():
  """[N, T, T] is one mask a head or, for as many examples, one an example."""
  module = build(nn.MultiHeadAttention, D, N)
  x, mask = _normal(0, N, T, D), jnp.tril(jnp.ones((N, T, T), bool))
  with pytest.raises(ValueError, match="mask: got shape .* where batch and heads are both 4"):
    module(x, mask=mask)
  _close(call(module, x, mask=mask[:, None]), call(module, x, mask=mask[None]))
  cache = module.init_cache(N, T)
  with pytest.raises(ValueError, match="mask: got shape"):
    module(x, cache=cache, mask=mask)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.uint32, np.int64, list, range])
def test_positions_and_segments_of_any_integers(dtype, tokens):
  ids = [0, 0, 0, 1, 1, 1, 1]
  make = {list: list, range: lambda x: range(len(x))}.get(dtype, lambda x: np.asarray(x, dtype))
  model = build(nn.TransformerLM, V, D, 1, N, window=3, encoding=px.Alibi(N))
  plain = lambda **options: model(tokens, **{
      name: jnp.asarray(np.asarray(x, np.int32)) for name, x in options.items()})
  at = make(range(T))
  _close(model(tokens, at), plain(positions=at))
  if dtype is not range:
    _close(model(tokens, segments=make(ids)), plain(segments=ids))
    with pytest.raises((ValueError, TypeError), match="segments: got"):
      model(tokens, segments=make([-1] * T) if dtype in (np.int8, np.int64, list) else "ids")


def test_one_mistake_about_the_batch_has_one_message(tokens):
  for e in (None, px.Rotary(H), px.Alibi(N), px.Sinusoidal(D)):
    model = build(nn.TransformerLM, V, D, 1, N, encoding=e)
    for cache in (model.init_cache(1, ROOM), model.init_cache(3, ROOM), model.init_cache((), ROOM)):
      with pytest.raises(ValueError, match="cache: got batch .*, wanted the tokens' batch .2,."):
        model(tokens, cache=cache)
