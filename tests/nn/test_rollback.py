# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Caches that are cut, picked and repeated go on as if the rest had never been there."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.encodings.content.path_attention import PathAttention
from posenc_jax.encodings.rotations.driven.selective import SelectiveRotary
from posenc_jax.nn.cache import PADDING_SEGMENT
from tests.support.nn_models import FAST, build, call

V, D, N, H, K = 13, 16, 4, 4, 2
B, ROOM, BACK = 2, 12, 3


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def _stateless():
  key = jax.random.key(0)
  return [px.chain(px.Sinusoidal(D), px.Rotary(H)), px.Alibi(N), px.T5Bias(_normal(0, 8, N), False,
                                                                        16),
          px.Fire.init(key, N), px.Cope(_normal(5, 4, H)),
          px.Shaw(_normal(1, 5, H), _normal(2, 5, H)), px.Pope(_normal(6, N, H))]


def _carrying():
  fox = px.Fox(_normal(3, D, N), _normal(4, N))
  return [fox, px.chain(px.Rotary(H), fox), px.learn(SelectiveRotary.init(
      jax.random.key(1), D, H, num_heads=K)), px.Encoding()]


def _path():
  return [PathAttention.init(jax.random.key(2), D, N, H, groups=K, stddev=0.5)]


@pytest.fixture(scope="module", params=[
  pytest.param(_stateless, id="stateless"),
  pytest.param(_carrying, id="carrying", marks=pytest.mark.slow),
  pytest.param(_path, id="path", marks=pytest.mark.slow)])
def model(request):
  encodings = request.param()
  return build(nn.TransformerLM, V, D, len(encodings), N, kv_heads=K, encoding=encodings)


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(np.random.default_rng(0).integers(0, V, (B, 8)), jnp.int32)


def _step(model):
  graphdef, state = nnx.split(model)
  return jax.jit(lambda tokens, cache: nnx.merge(graphdef, state)(tokens, cache=cache),
                 compiler_options=FAST)


@jax.jit
def _crop(cache, n):
  return tuple(c.crop(n) for c in cache)


def _close(got, wanted):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5)


def test_rejected_tokens_are_as_if_never_read(model, tokens):
  """Speculative decoding: five tokens, three guesses of which one holds, and again; also by row."""
  step, wrong = _step(model), (tokens + 5) % V
  full = call(model, tokens)
  _, cache = step(tokens[:, :4], model.init_cache(B, ROOM, rollback=BACK))
  guess = jnp.concatenate([tokens[:, 4:5], wrong[:, 5:8]], 1)
  _, cache = step(guess, cache)
  cache = _crop(cache, jnp.int32(5))
  got, cache = step(tokens[:, 5:], cache)
  _close(got, full[:, 5:])
  cache = _crop(_crop(cache, jnp.int32(7)), jnp.int32(6))  # twice, inside what is kept
  got, cache = step(jnp.concatenate([wrong[:1, 6:8], tokens[1:, 6:8]]), cache)
  cache = _crop(cache, jnp.array([6, 8]))  # of row 0 both are rejected, of row 1 none
  assert int(cache[0].index) == 8
  more = jnp.concatenate([tokens[:1, 6:8], wrong[1:, :2]])
  got, cache = step(more, cache)
  _close(got[0], full[0, 6:])
  cache = _crop(cache, jnp.array([9, 8]))  # across the padding that the last cut has left
  got, _ = step(jnp.concatenate([tokens[:1, 7:8], wrong[1:, :1]]), cache)
  _close(got[0, 0], full[0, 7])
  longer = call(model, jnp.concatenate([tokens[1:], wrong[1:, :1]], 1))
  _close(got[1, 0], longer[0, 8])


def test_beams_are_repeated_and_reordered(model, tokens):
  step = _step(model)
  _, cache = step(tokens[:, :4], model.init_cache(B, ROOM, rollback=BACK))
  beams = tuple(c.repeat(2) for c in cache)
  after = (jnp.repeat(tokens[:, 4:6], 2, 0) + jnp.arange(4)[:, None]) % V
  _, beams = step(after, beams)
  parents = jnp.array([1, 1, 3, 2])
  beams = jax.jit(lambda cache: tuple(c.take(parents) for c in cache))(beams)
  got, _ = step(tokens[jnp.array([0, 0, 1, 1]), 6:7], beams)
  text = jnp.concatenate([jnp.repeat(tokens[:, :4], 2, 0), after], 1)[parents]
  text = jnp.concatenate([text, tokens[jnp.array([0, 0, 1, 1]), 6:7]], 1)
  _close(got[:, 0], call(model, text)[:, -1])


def test_a_window_counts_real_tokens(tokens):
  """Prompts padded on the right are continued: the gap takes no place in the window."""
  model = build(nn.TransformerLM, V, D, 2, N, window=(2, 0), encoding=px.Rotary(H))
  mask = jnp.array([[True] * 3 + [False] * 2, [True] * 5])
  _, cache = call(model, tokens[:, :5], mask=mask, cache=model.init_cache(B, ROOM))
  for more in (slice(5, 6), slice(6, 8)):
    got, cache = call(model, tokens[:, more], cache=cache)
    text = jnp.concatenate([tokens[:1, :3], tokens[:1, 5:more.stop]], 1)
    _close(got[0], call(model, text)[0, -got.shape[1]:])
    _close(got[1], call(model, tokens[1:, :more.stop])[0, -got.shape[1]:])
  eager, _ = model(tokens[:, :1], cache=cache)  # here the gap is seen on the host
  _close(eager, call(model, tokens[:, :1], cache=cache)[0])


def test_an_index_set_by_hand_counts_what_is_below_it(tokens):
  model = build(nn.TransformerLM, V, D, 1, N, encoding=px.Rotary(H))
  _, cache = call(model, tokens, cache=model.init_cache(B, ROOM))
  cut = tuple(dataclasses.replace(c, index=c.index - 3) for c in cache)
  _, cut = call(model, tokens[:, 5:6], cache=cut)
  assert cut[0].positions[:, 5].tolist() == [5, 5]


def test_a_target_is_cut_and_repeated_with_its_source(tokens):
  model = build(nn.Seq2SeqTransformer, V, D, 1, N, encoding=px.Alibi(N),
                cross_encoding=px.Rotary(H))
  mask = jnp.arange(8)[None] < jnp.array([[8], [5]])
  memory = call(model, tokens, mask=mask, method="encode")
  cache = call(model, memory, ROOM, method="init_cache").repeat(2)
  text = jnp.repeat(tokens, 2, 0)
  _, cache = call(model, text[:, :4], cache=cache, method="decode")
  got, _ = call(model, text[:2, 2:3], cache=cache.crop(2).take([3, 0]), method="decode")
  rows = jnp.array([1, 0])
  memory = call(model, tokens[rows], mask=mask[rows], method="encode")
  whole = jnp.concatenate([tokens[rows, :2], text[:2, 2:3]], 1)
  _close(got[:, 0], call(model, whole, memory, method="decode")[:, -1])
  with pytest.raises(ValueError, match=r"cache: got batch \(4,\), wanted the tokens' batch \(1,\)"):
    model.decode(tokens[:1], cache=cache)


@pytest.fixture(scope="module")
def filled():
  """Caches of one layer with four tokens in six slots: (stateless, FoX with a rollback of 2)."""
  x = _normal(7, B, 4, D)
  fox = build(nn.MultiHeadAttention, D, N, causal=True,
              encoding=px.Fox(_normal(3, D, N), _normal(4, N)))
  rotary = build(nn.MultiHeadAttention, D, N, causal=True, encoding=px.Rotary(H))
  return [call(m, x, cache=m.init_cache(B, 6, rollback=r))[1]
          for m, r in ((rotary, 0), (fox, 2), (fox, 0))]


def test_what_cannot_be_cut_is_refused(filled):
  rotary, fox, plain = filled
  for cache, n, error, message in (
      (rotary, 5, ValueError, "n: got 5, wanted how many of the 4 slots stay. crop.cache.ind"),
      (rotary, -1, ValueError, "n: got -1"),
      (rotary, 1.0, TypeError, "n: got float64, wanted integers"),
      (rotary, [1, 2, 3], ValueError, r"n: got shape \(3,\), wanted an int or the batch \(2,\)"),
      (fox, 1, ValueError, "n: got 1, wanted at least 2, as .* a rollback of more than 2"),
      (plain, 3, ValueError, "crop: got a cache without the states .* rollback=8"),
      (dataclasses.replace(rotary, index=jnp.int32(7)), 2, ValueError, "crop: got an index of 7"),
      (dataclasses.replace(rotary, segments=None), 2, ValueError, "crop: got a memory")):
    with pytest.raises(error, match=message):
      cache.crop(n)
  assert (rotary.crop(0).segments == PADDING_SEGMENT).all()
  module = build(nn.MultiHeadAttention, D, N)
  for wrong, error in ((-1, ValueError), (1.0, TypeError)):
    with pytest.raises(error, match="rollback: got"):
      module.init_cache(B, 4, rollback=wrong)


def test_rows_that_are_not_there_are_refused(filled):
  cache = filled[0]
  for rows, error, message in (
      ([0, 2], ValueError, r"rows: got rows 0 to 2, wanted rows in \[0, 2\)"),
      ([-1], ValueError, "rows: got rows -1 to -1"), ([0.5], TypeError, "rows: got float64"),
      (0, ValueError, r"rows: got shape \(\), wanted \[B'\]")):
    with pytest.raises(error, match=message):
      cache.take(rows)
  for n, error in ((0, ValueError), (1.5, TypeError)):
    with pytest.raises(error, match=f"repeat: n: got {n}, wanted an int, at least 1"):
      cache.repeat(n)
  alone = nn.MultiHeadAttention(D, N, rngs=nnx.Rngs(0)).init_cache((), 4)
  with pytest.raises(ValueError, match="repeat: got a cache without a batch axis"):
    alone.repeat(2)


def test_a_traced_cut_that_cannot_be_is_nan_for_good(filled):
  """Beyond the tokens, before the kept states, rows that are not there: no number comes out."""
  module = build(nn.MultiHeadAttention, D, N, causal=True,
                 encoding=px.Fox(_normal(3, D, N), _normal(4, N)))
  graphdef, state = nnx.split(module)

  def out(change, n):
    cache = filled[1].take(n[None]).repeat(2) if change else filled[1].crop(n).crop(2)
    return nnx.merge(graphdef, state)(jnp.ones((B, 1, D)), cache=cache)[0]

  run = jax.jit(out, static_argnums=0)
  for change, n, fine in ((False, 3, True), (False, 5, False), (False, 1, False), (True, 1, True),
                          (True, 2, False), (True, -1, False)):
    got = run(change, jnp.int32(n))
    assert (np.isfinite(got) if fine else np.isnan(got)).all(), (change, n)


def test_tokens_of_another_batch_are_one_error_whatever_the_encoding():
  for encoding in (px.Rotary(H), px.Alibi(N), px.Sinusoidal(D), px.Learned(_normal(0, 9, D)), None):
    model = nn.TransformerLM(V, D, 1, N, encoding=encoding, rngs=nnx.Rngs(0))
    cache = model.init_cache(2, 4)
    for at in (None, jnp.arange(3)):
      with pytest.raises(ValueError, match=r"cache: got batch \(2,\), wanted the tokens' .*\(1,\)"):
        model(jnp.zeros((1, 3), jnp.int32), at, cache=cache)
