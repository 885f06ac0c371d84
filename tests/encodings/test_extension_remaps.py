# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context extension by other positions on read, and lists of encodings by layer."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from posenc_jax import nn
from tests import oracles
from tests.goldens import load
from tests.oracles import (
  dual_chunk,
  local_chunks,
  local_window,
  rerope,
  rope_scaling,
  self_extend,
  shifted,
  streaming,
)
from tests.oracles.on_read import remapped_attention
from tests.support import jitted as jx
from tests.support.nn_models import call

T = 14
AT = range(T)
REMAPS = {
  "self-extend": (functools.partial(px.SelfExtend, window=6, group=3),
                  functools.partial(self_extend.relative, window=6, group=3)),
  "rerope": (functools.partial(px.ReRope, window=4), functools.partial(rerope.relative, window=4)),
  "leaky": (functools.partial(px.ReRope, window=4, slope=0.25),
            functools.partial(rerope.relative, window=4, k=4)),
  "dual-chunk": (functools.partial(px.DualChunk, chunk=5, local=2),
                 functools.partial(dual_chunk.relative, chunk=5, local=2)),
  "dual-chunk-released": (
    functools.partial(px.DualChunk, chunk=5, local=2, compat="released-code"),
    functools.partial(dual_chunk.relative, chunk=5, local=2, compat="released-code")),
  "shifted": (functools.partial(px.ShiftedRotary, offset=5, local=2),
              functools.partial(shifted.relative, offset=5, local=2)),
}


def _qkv(rng, t=T):
  return [rng.standard_normal((t, n, 8)) for n in (4, 2, 2)]


def _run(e, *qkv, **options):
  return jx.attend(*(jnp.asarray(x, jnp.float32) for x in qkv), e, **options)


@pytest.mark.parametrize("name", REMAPS)
@pytest.mark.parametrize("options", [
  {}, {"pairing": "interleaved", "attention_scaling": 1.2}], ids=["half", "interleaved"])
def test_attention_is_rope_at_other_distances(name, options, rng):
  make, relative = REMAPS[name]
  q, k, v = _qkv(rng)
  wanted = remapped_attention(
    q, k, v, AT, AT, rope_scaling.plain(6, 100.0), relative,
    mask=oracles.visible(AT, AT, causal=True), pairing=options.get("pairing", "half"),
    scaling=options.get("attention_scaling", 1.0))
  e = make(6, base=100.0, **options)
  np.testing.assert_allclose(_run(e, q, k, v, causal=True), wanted, atol=4e-6)
  plain = _run(px.Rotary(6, base=100.0, **options), q, k, v, causal=True)
  assert np.abs(np.asarray(plain) - wanted).max() > 1e-3


@pytest.mark.parametrize("name", REMAPS)
def test_far_from_the_origin(name, rng):
  """Positions past float32's whole numbers: phases stay exact, 3e-6 of a score."""
  make, relative = REMAPS[name]
  at = 2**30 + 15 * 7 + np.arange(T)
  q, k, v = _qkv(rng)
  wanted = remapped_attention(q, k, v, at, at, rope_scaling.plain(8, 100.0), relative,
                              mask=oracles.visible(AT, AT, causal=True))
  got = _run(make(8, base=100.0), q, k, v, causal=True, q_positions=jnp.asarray(at, jnp.int32),
             k_positions=jnp.asarray(at, jnp.int32))
  np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("name, e", [
  ("self_extend", lambda: px.SelfExtend(16, window=8, group=4)),
  ("rerope", lambda: px.ReRope(16, window=8)),
  ("leaky_rerope", lambda: px.ReRope(16, window=8, slope=0.25)),
  ("shifted", lambda: px.ShiftedRotary(16, offset=16, local=5)),
  ("dual_chunk", lambda: px.DualChunk(16, chunk=12, local=3, compat="released-code")),
])
def test_scores_of_published_code(name, e):
  """Passes at other positions, turned by transformers and merged; its angles are float32."""
  golden, e, at = load("extension"), e(), jnp.arange(40)
  q, k = e.expand(jnp.asarray(golden["q"]), jnp.asarray(golden["k"]), at, at)
  scores = jnp.einsum("tnh,snh->nts", q, k) + e.bias(px.Tile(q, k, at, at, scale=1.0))
  np.testing.assert_allclose(np.tril(scores), golden[name], atol=4e-5)


def test_distances_by_hand():
  """Every remap keeps near distances and none leaves a hole or passes what was trained."""
  d = np.arange(3000)
  assert int(f.shifted_distance(d, offset=1000, local=128).max()) == 2127
  assert f.rerope_distance(d, window=512).max() == 512.0
  at = jnp.arange(3000)
  q, k, far = f.self_extend_positions(at, at, window=64, group=8)
  assert not far[63, 0] and far[64, 0] and int(q[64] - k[0]) == 64
  reached = np.where(far[-1], q[-1] - k, at[-1] - at)
  assert reached.max() == 2999 // 8 + 64 - 8 and set(np.diff(reached).tolist()) <= {0, -1}
  for compat, largest in (("paper", 95), ("released-code", 96)):
    k, before, earlier, behind = map(np.asarray, f.dual_chunk_positions(
      at, at, chunk=96, local=16, compat=compat))
    rel = np.select([behind == 0, behind == 1],
                    [np.arange(3000)[:, None] % 80 - k, before[:, None] - k], earlier[:, None] - k)
    seen = np.tril(np.ones_like(rel, bool))
    assert rel[seen].min() >= 0 and rel[seen].max() == largest
    true = np.subtract.outer(np.arange(3000), np.arange(3000))
    assert (rel == true)[seen & (true <= 16)].all()


def test_shifted_released_counts_one_key_twice(rng):
  """As the released prefill: distance S is in both passes, so its key stands there twice."""
  q, k, v = _qkv(rng)
  frequencies, scaling = rope_scaling.plain(8, 10_000.0), 1.0693
  again = [n for n in AT for _ in range(2)]
  mask = np.zeros((T, 2 * T), bool)
  for m in AT:
    for s, n in enumerate(again):
      mask[m, s] = n <= m and (s % 2 == (m - n >= 5) or m - n == 5)

  doubled = [np.repeat(x, 2, axis=0) for x in (k, v)]
  # Even slots are the near pass, odd ones the shifted pass.
  wanted = remapped_attention(
    q, *doubled, AT, range(2 * T), frequencies,
    lambda m, s: m - s // 2 - 3 * (s % 2), mask=mask, scaling=scaling)
  e = px.ShiftedRotary(8, offset=5, local=2, compat="released-code", attention_scaling=scaling)
  np.testing.assert_allclose(_run(e, q, k, v, causal=True), wanted, atol=4e-6)


def test_streaming_is_a_rolling_cache(rng):
  q, k, v = _qkv(rng)
  relative = functools.partial(streaming.relative, sinks=2, window=4)
  mask = np.array([[n <= m and relative(m, n) is not None for n in AT] for m in AT])
  wanted = remapped_attention(q, k, v, AT, AT, rope_scaling.plain(8, 100.0),
                              lambda m, n: (relative(m, n) or 0) if n <= m else 0, mask=mask)
  e = px.StreamingRotary(8, base=100.0, sinks=2, window=4)
  np.testing.assert_allclose(_run(e, q, k, v, causal=True), wanted, atol=4e-6)
  # The same from a cache that does evict: raw keys, the slots as positions.
  on_read = px.RotaryOnRead(8, base=100.0)
  for m in (9, T - 1):
    held = np.array(streaming.cache(m, sinks=2, window=4))
    slots = jnp.arange(len(held))
    got = _run(on_read, q[m:m + 1], k[held], v[held], q_positions=slots[-1:], k_positions=slots)
    np.testing.assert_allclose(got[0], wanted[m], atol=4e-6)


def test_visible_layers():
  at = jnp.arange(7)
  tile = px.Tile(q_positions=at, k_positions=at)
  for e, sees in ((px.LocalWindow(3), functools.partial(local_window.sees, window=3)),
                  (px.LocalChunks(3), functools.partial(local_chunks.sees, chunk=3))):
    wanted = [[sees(m, n) for n in range(7)] for m in range(7)]
    np.testing.assert_array_equal(e.visible(tile)[0], wanted)


def test_frequencies_of_released_models_stay_exact():
  """YaRN and a remap together, through ``from_frequencies``, for ReRoPE's second list too."""
  theta = f.yarn_frequencies(8, factor=4.0, original=64)
  for cls, settings in ((px.ReRope, {"window": 4, "slope": 0.5}), (px.DualChunk, {"chunk": 12})):
    settings = settings | ({"local": 2} if cls is px.DualChunk else {})
    e = cls.from_frequencies(theta, attention_scaling=1.1, **settings)
    np.testing.assert_allclose(e.frequencies.radians, theta, rtol=1e-12)
    assert all(getattr(e, name) == x for name, x in settings.items())
  slower = px.ReRope.from_frequencies(theta, window=4, slope=0.5).slower.radians
  np.testing.assert_allclose(np.exp(1j * slower), np.exp(-0.5j * theta), rtol=1e-12)
  learned = px.SelfExtend.from_frequencies(jnp.asarray(theta, jnp.float32), window=4, group=2)
  assert px.is_parameter(learned).frequencies and learned.window == 4


def test_rerope_temperature_is_a_chain(rng):
  q, k, v = _qkv(rng)
  e = px.chain(px.ReRope(8, window=4), px.LogNTemperature(4))
  hot = q * np.maximum(1, np.log(np.arange(T) + 1) / np.log(4))[:, None, None]
  np.testing.assert_allclose(_run(e, q, k, v, causal=True),
                             _run(px.ReRope(8, window=4), hot, k, v, causal=True), atol=4e-6)


def test_lists_by_layer():
  e = px.Rotary(8)
  assert [x is None for x in f.nope_layers(9, e)] == [i % 4 == 3 for i in range(9)]
  swa = f.rnope_swa_layers(8, e, window=4)
  assert swa[3] is swa[7] is None and swa[0].members[1].window == 4
  heat = px.LogNTemperature(8)
  irope = f.irope_layers(8, e, chunk=4, temperature=heat)
  assert irope[3] is irope[7] is heat and irope[4].members[1].chunk == 4
  gemma = f.two_base_layers(7, 8, window=3)
  assert isinstance(gemma[5], px.Rotary) and gemma[6].members[1].window == 3
  np.testing.assert_allclose(gemma[5].frequencies.radians,
                             np.array(rope_scaling.plain(8, 1e6)) / 8, rtol=1e-12)
  assert f.layer_pattern(3, [e, None]) == [e, None, e]


def test_a_model_of_a_list_decodes():
  from flax import nnx

  layers = f.irope_layers(2, px.Rotary(8), chunk=3, every=2)
  model = nn.TransformerLM(11, 16, 2, 2, encoding=layers, rngs=nnx.Rngs(0))
  tokens = jnp.array([[1, 2, 3, 4, 5, 6, 7]])
  cache = model.init_cache(1, 7)
  _, cache = call(model, tokens[:, :5], cache=cache)
  last, _ = call(model, tokens[:, 5:], cache=cache)
  np.testing.assert_allclose(last, call(model, tokens)[:, 5:], atol=1e-5)


@pytest.mark.parametrize("call, error, message", [
  (lambda: px.SelfExtend(8, window=10, group=4), ValueError,
   r"window: got 10, wanted a multiple of group=4. Take 8"),
  (lambda: px.SelfExtend(8, window=10, group=0), ValueError, r"group: got 0"),
  (lambda: px.ReRope(8, window=0), ValueError, r"window: got 0"),
  (lambda: px.ReRope(8, window=4, slope=16), ValueError,
   r"slope: got 16, wanted a number in \[0, 1\]. ReRoPE has 0"),
  (lambda: px.ReRope.from_frequencies(jnp.ones(4), window=2), TypeError,
   r"frequencies: got learned ones"),
  (lambda: px.DualChunk(8, chunk=4, local=4), ValueError, r"local: got 4, wanted less than chunk"),
  (lambda: px.DualChunk(8, compat="released"), ValueError,
   r"compat: .*Did you mean 'released-code'"),
  (lambda: px.ShiftedRotary(8, offset=4, local=5), ValueError, r"local: got 5, wanted at most off"),
  (lambda: px.ShiftedRotary(8, compat=True), ValueError, r"compat: got True"),
  (lambda: px.StreamingRotary(8, window=0), ValueError, r"window: got 0"),
  (lambda: px.StreamingRotary(8, sink=4), TypeError, r"StreamingRotary: got .*'sink'.*'sinks'"),
  (lambda: px.LocalWindow(0), ValueError, r"window: got 0"),
  (lambda: px.LocalChunks(2.5), TypeError, r"chunk: got 2.5"),
  (lambda: px.RotaryOnRead(7), ValueError, r"dim: got 7"),
  (lambda: _run(px.RotaryOnRead(16), *np.ones((3, 2, 1, 8))), ValueError,
   r"dim: got 16 dims that turn"),
  (lambda: f.nope_layers(4, px.Rotary(8), every=1), ValueError, r"every: got 1"),
  (lambda: f.layer_pattern(4, []), ValueError, r"pattern: got no entries"),
  (lambda: f.layer_pattern(4, [px.Rotary]), TypeError, r"pattern\[0\]: got class Rotary"),
])
def test_errors(call, error, message):
  with pytest.raises(error, match=message):
    call()
