# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is generated is what full forwards say, for encodings of every kind and prompts padded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.encodings.content.path_attention import PathAttention
from posenc_jax.encodings.rotations.m_rotary import MRotary
from posenc_jax.nn.generate import _run
from tests.support.nn_models import build, call

V, D, N, H, T = 13, 16, 4, 4, 5


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def _encodings():
  key = jax.random.key(0)
  fox = px.Fox(_normal(3, D, N), _normal(4, N))
  return [px.chain(px.Learned(_normal(9, 12, D)), px.Rotary(H), fox), px.Cope(_normal(5, 4, H)),
          px.T5Bias(_normal(0, 8, N), False, 16), px.Shaw(_normal(1, 5, H), _normal(2, 5, H)),
          px.Pope(_normal(6, N, H)), px.Fire.init(key, N), None]


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(np.random.default_rng(1).integers(1, V, (2, T)), jnp.int32)


@pytest.fixture(scope="module")
def model():
  return build(nn.TransformerLM, V, D, 1, N, encoding=px.Rotary(H), dropout=0.5)


def _greedy(model, row, steps):
  """The likeliest token after a whole forward of all so far, one row and step at a time."""
  row = np.asarray(row)
  length = len(row) + steps
  graphdef, state = nnx.split(model)
  full = jax.jit(lambda t, m: nnx.merge(graphdef, state)(t, mask=m))  # padded: one shape
  for i in range(len(row), length):
    padded = np.pad(row, (0, length - i))
    logits = full(padded, np.arange(length) < i)
    row = np.append(row, np.argmax(logits[i - 1]))
  return row[-steps:].tolist()


@pytest.mark.parametrize("encodings", [
  _encodings, lambda: [PathAttention.init(jax.random.key(2), D, N, H, groups=N, stddev=0.5)]],
  ids=["many", "path"])
def test_the_likeliest_tokens_are_those_of_full_forwards(encodings, tokens):
  """Three rows of different lengths; one padded on the left, one on the right."""
  encodings = encodings()
  model = build(nn.TransformerLM, V, D, len(encodings), N, encoding=encodings)
  prompt = jnp.stack([tokens[0], jnp.pad(tokens[1, :3], (2, 0)), jnp.pad(tokens[0, 1:3], (0, 3))])
  got = nn.generate(model, prompt, 5, mask=prompt != 0, temperature=0)
  wanted = [_greedy(model, row, 5) for row in (tokens[0], tokens[1, :3], tokens[0, 1:3])]
  assert got.tokens.tolist() == wanted
  assert got.lengths.tolist() == [5, 5, 5] and got.tokens.dtype == jnp.int32


def test_a_window_and_no_batch_axis(tokens):
  model = build(nn.TransformerLM, V, D, 1, N, window=(2, 0), encoding=px.Alibi(N))
  got = nn.generate(model, tokens[0], 4, temperature=0)
  assert got.tokens.shape == (4,) and got.lengths.shape == ()
  assert got.tokens.tolist() == _greedy(model, tokens[0], 4)


def test_dropout_is_off_and_the_model_stays(model, tokens):
  model.train()
  again = nn.generate(model, tokens, 3, temperature=0)
  model.eval()
  assert (again.tokens == nn.generate(model, tokens, 3, temperature=0).tokens).all()


def test_rows_end_at_their_stop_token_and_the_loop_when_all_have(model, tokens):
  free = np.asarray(nn.generate(model, tokens, 6, temperature=0).tokens)
  ends = [int(free[0, 1]), int(free[1, 3])]
  seen = []
  got = nn.generate(model, tokens, 6, temperature=0, stop=ends, padding=0, callback=seen.append)
  jax.effects_barrier()
  lengths = [min(row.tolist().index(e) for e in ends if e in row) + 1 for row in free]
  assert got.lengths.tolist() == lengths
  for row, wanted, length in zip(np.asarray(got.tokens), free, lengths, strict=True):
    assert row[:length].tolist() == wanted[:length].tolist() and not row[length:].any()
  assert len(seen) == max(lengths) and all(isinstance(s, np.ndarray) for s in seen)
  np.testing.assert_array_equal(np.stack(seen, 1), got.tokens[:, :max(lengths)])


def test_draws_follow_the_key(model, tokens):
  draw = lambda seed, **options: nn.generate(model, tokens, 6, key=jax.random.key(seed), **options)
  likeliest = nn.generate(model, tokens, 6, temperature=0).tokens
  assert (draw(0).tokens == draw(0).tokens).all() and (draw(0).tokens != draw(1).tokens).any()
  assert (draw(0, top_k=1).tokens == likeliest).all()
  assert (draw(0, top_p=1e-6).tokens == likeliest).all()
  assert (draw(0, temperature=1e-4).tokens == likeliest).all()
  before = _run._cache_size()
  draw(2), draw(3, temperature=0.7)
  assert _run._cache_size() == before, "another key or temperature is the same program"


def test_shares_of_the_draws():
  """Against probabilities by hand, with the cuts in the order top_k, top_p."""
  p = np.array([0.4, 0.3, 0.2, 0.1])
  keys = jax.random.split(jax.random.key(0), 4000)
  for options, wanted in (
      ({}, p), (dict(top_k=2), [4 / 7, 3 / 7, 0, 0]), (dict(top_p=0.75), [4 / 9, 3 / 9, 2 / 9, 0]),
      (dict(top_k=3, top_p=0.5), [4 / 7, 3 / 7, 0, 0]),
      (dict(temperature=0.5), p**2 / (p**2).sum())):
    logits = jnp.log(jnp.asarray(p, jnp.float32))
    got = jax.vmap(lambda k, o=options, x=logits: nn.sample(x, key=k, **o))(keys)
    share = np.bincount(got, minlength=4) / len(keys)
    np.testing.assert_allclose(share, wanted, atol=0.03)
    assert ((share > 0) == (np.asarray(wanted) > 0)).all()
  assert nn.sample(jnp.array([[1.0, jnp.nan], [1.0, 2.0]]), temperature=0).tolist() == [-1, 1]


def test_positions_of_several_axes_go_on_from_the_largest(tokens):
  """M-RoPE: a picture of 2 x 2 patches, then text."""
  model = build(nn.TransformerLM, V, 24, 1, N, encoding=MRotary((1, 1, 1), base=100.0), head_dim=6)
  at = jnp.array([[0, 0, 0], [1, 1, 1], [1, 1, 2], [1, 2, 1], [1, 2, 2]])
  got = nn.generate(model, tokens, 3, positions=at, temperature=0).tokens
  text, more = tokens, jnp.array([[3, 3, 3], [4, 4, 4], [5, 5, 5]])
  for i in range(3):
    where = jnp.broadcast_to(jnp.concatenate([at, more[:i]]), (2, T + i, 3))
    text = jnp.concatenate([text, jnp.argmax(call(model, text, where)[:, -1:], -1)], 1)
  assert (got == text[:, T:]).all()
  padded = jnp.pad(tokens, ((0, 0), (0, 2)))
  again = nn.generate(model, padded, 3, positions=jnp.pad(at, ((0, 2), (0, 0)), constant_values=9),
                      mask=padded != 0, temperature=0).tokens
  assert (again == got).all()


def test_drawn_positions_are_the_same_at_every_step(tokens):
  model = build(nn.TransformerLM, V, D, 1, N,
                encoding=px.chain(px.Randomized(9, maximum=40), px.Rotary(H)))
  key = jax.random.key(7)
  got = nn.generate(model, tokens, 3, key=key, top_k=1).tokens
  text, at = tokens, jax.random.fold_in(key, 0)
  for _ in range(3):
    logits = call(model, text, rngs=nnx.Rngs(positions=at))
    text = jnp.concatenate([text, jnp.argmax(logits[:, -1:], -1).astype(jnp.int32)], 1)
  assert (got == text[:, T:]).all()
  with pytest.raises(ValueError, match="key: got None, wanted a PRNG key: randomized positions"):
    nn.generate(model, tokens, 3, temperature=0)


def test_a_traced_prompt_that_makes_no_sense_writes_no_token(model, tokens):
  write = jax.jit(lambda p, m: nn.generate(model, p, 2, mask=m, temperature=0).tokens)
  got = write(tokens.at[0, 4].set(V), tokens > 0)
  assert got[0].tolist() == [-1, -1] and (got[1] >= 0).all()
  assert write(tokens, jnp.array([[True], [False]]) & (tokens > 0))[1].tolist() == [-1, -1]


KEY = jax.random.key(0)


@pytest.mark.parametrize("arguments, options, error, message", [
  ((3, 0), dict(), ValueError, "steps: got 0, wanted an int, at least 1"),
  ((3, 2.0), dict(), TypeError, "steps: got 2.0"),
  ((3, 2), dict(), ValueError, "key: got None, wanted a PRNG key, .* temperature=0"),
  ((3, 2), dict(key=KEY, temperature=-1), ValueError, "temperature: got -1"),
  ((3, 2), dict(key=KEY, temperature=float("nan")), ValueError, "temperature: got nan"),
  ((3, 2), dict(key=KEY, temperature="hot"), TypeError, "temperature: got 'hot', wanted a number"),
  ((3, 2), dict(key=KEY, top_k=0), ValueError, "top_k: got 0"),
  ((3, 2), dict(key=KEY, top_k=99), ValueError, "top_k: got 99, wanted at most the 13 tokens"),
  ((3, 2), dict(key=KEY, top_p=0.0), ValueError, r"top_p: got 0.0, wanted a share in \(0, 1\]"),
  ((3, 2), dict(temperature=0, top_k=2), ValueError, "top_k: got 2 at temperature 0, wanted None"),
  ((3, 2), dict(temperature=0, top_p=0.5), ValueError, "top_p: got 0.5 at temperature 0"),
  ((3, 2), dict(temperature=0, stop=V), ValueError, r"stop: got 13, wanted ids in \[0, 13\)"),
  ((3, 2), dict(temperature=0, stop="ab"), TypeError, "stop: got 'a', wanted ids"),
  ((3, 2), dict(temperature=0, padding=-1), ValueError, "padding: got -1"),
  ((3, 2), dict(temperature=0, callback=3), TypeError, "callback: got 3, wanted a function"),
  ((0, 2), dict(temperature=0), ValueError, r"prompt: got shape \(2, 0\), wanted at least one"),
  ((3, 2), dict(temperature=0, mask=np.array([[True] * 3, [False] * 3])), ValueError,
   "mask: got a row without a real token"),
  ((3, 2), dict(temperature=0, mask=np.ones((2, 3))), TypeError, "mask: got float64, wanted bool"),
])
def test_what_cannot_be_generated_is_refused(model, arguments, options, error, message):
  length, steps = arguments
  with pytest.raises(error, match=message):
    nn.generate(model, np.ones((2, length), np.int32), steps, **options)


def test_what_is_no_prompt_or_no_language_model_is_refused(model):
  for prompt, error, message in (
      ([[1, 2]], ValueError, "prompt: got list, wanted an array"),
      (np.ones(3), TypeError, r"prompt: got float64\[3\], wanted ids"),
      (np.full(3, V), ValueError, r"prompt: got ids 13 to 13, wanted ids in \[0, 13\)")):
    with pytest.raises(error, match=message):
      nn.generate(model, prompt, 2, temperature=0)
  blind = nn.TransformerLM(V, D, 1, N, rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match="positions: got positions, wanted None, as no encoding"):
    nn.generate(blind, np.ones(3, np.int32), 2, positions=np.arange(3), temperature=0)
  encoder = nn.TransformerEncoder(V, D, 1, N, rngs=nnx.Rngs(0))
  with pytest.raises(TypeError, match="model: got TransformerEncoder, wanted a TransformerLM"):
    nn.generate(encoder, np.ones(3, np.int32), 2, temperature=0)
  for logits in (np.ones(3, int), [1.0], np.float32(1)):
    with pytest.raises(TypeError, match="logits: got .*, wanted floats"):
      nn.sample(logits, temperature=0)
