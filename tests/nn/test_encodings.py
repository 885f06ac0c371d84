# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings inside models: what is learned, what is shared, what runs once, what can be swept."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.encodings.content.dape import Dape
from posenc_jax.encodings.content.shaw import Shaw
from posenc_jax.encodings.positions.randomized import Randomized
from posenc_jax.encodings.rotations.pope import Pope
from posenc_jax.nn.linen_bridge import to_linen
from tests.support.nn_models import FAST, build, call

V, D, N, H, T = 13, 16, 4, 4, 6


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(np.random.default_rng(0).integers(0, V, (2, T)), jnp.int32)


def _kinds(held):
  """Names of the leaves that are learned, and of those that are not."""
  names = lambda kind: {"/".join(map(str, p)) for p, _ in nnx.to_flat_state(nnx.state(held, kind))}
  return names(nnx.Param), names(nn.Hyper)


WORDS = {"frequencies_whole", "frequencies_hi", "frequencies_lo"}


@pytest.mark.parametrize("encoding, learned, fixed", [
    (px.Rotary(H), set(), WORDS | {"attention_scaling"}),
    (px.Alibi(N), set(), {"slopes"}),
    (px.T5Bias(jnp.zeros((8, N)), True, 16), {"table"}, set()),
    (Pope(jnp.zeros((N, H))), {"delta"}, WORDS),
    (px.chain(px.Alibi(N), Shaw(jnp.zeros((3, H)))), {"members_1_key_table"},
     {"members_0_slopes"}),
    (Dape(px.Alibi(2), jnp.zeros((1, 4, 3)), jnp.zeros(3), jnp.zeros((1, 3, 2))),
     {"hidden_weight", "hidden_bias", "out_weight"}, {"inner_slopes"}),
])
def test_what_is_learned_by_default(encoding, learned, fixed):
  held = nn.HeldEncoding(encoding)
  assert _kinds(held) == (learned, fixed)
  same = jax.tree.map(lambda a, b: a.dtype == b.dtype and (a == b).all(), held.encoding, encoding)
  assert all(jax.tree.leaves(same))
  assert jax.tree.structure(held.encoding) == jax.tree.structure(encoding)


def test_what_is_learned_on_request():
  chained = px.chain(px.Rotary(H), px.Alibi(N))
  everything = {"members_0_attention_scaling", "members_1_slopes"}
  assert _kinds(nn.HeldEncoding(chained, learn=True))[0] == everything
  assert _kinds(nn.HeldEncoding(chained, learn=("slopes",)))[0] == {"members_1_slopes"}
  assert _kinds(nn.HeldEncoding(px.Learned(jnp.zeros((3, D))), learn=False)) == (set(), {"table"})
  for wrong in ("slope", "frequencies_hi"):
    with pytest.raises(ValueError, match="learn.*: got .* wanted float fields of Chain"):
      nn.HeldEncoding(chained, learn=(wrong,))


def test_only_the_named_fields_are_learned():
  """Names replace what the encoding says; they do not add to it."""
  both = px.chain(px.T5Bias(jnp.zeros((8, N)), True, 16), px.Alibi(N))
  assert _kinds(nn.HeldEncoding(both, learn="slopes"))[0] == {"members_1_slopes"}
  assert _kinds(nn.HeldEncoding(both, learn=("slopes", "table")))[1] == set()
  assert _kinds(nn.HeldEncoding(both, learn=()))[0] == set()
  assert _kinds(nn.HeldEncoding(both))[0] == {"members_0_table"}
  held = nn.HeldEncoding(both, learn="slopes").encoding
  assert px.is_parameter(held).members[1].slopes and not px.is_parameter(held).members[0].table


def test_python_numbers_and_numpy_leaves_are_not_lost():
  """A field given as a Python float must not become static, and methods must stay reachable."""
  @px.encoding
  class Odd(px.Encoding):
    pop: float
    encoding: float

    def distance_bias(self, distance):
      return self.pop * abs(distance)[None]

  held = nn.HeldEncoding(Odd(2.0, 3.0))
  assert len(jax.tree.leaves(nnx.state(held))) == 2
  nnx.update(held, jax.tree.map(lambda x: x + 1, nnx.state(held)))
  assert float(held.encoding.pop) == 3.0 and float(held.encoding.encoding) == 4.0


def test_one_learned_encoding_is_shared_and_a_factory_makes_one_a_layer(tokens):
  t5 = lambda layer, key: px.T5Bias.init(key, N)
  shared = build(nn.TransformerLM, V, D, 3, N, encoding=px.T5Bias(jnp.zeros((8, N)), True, 16))
  apart = build(nn.TransformerLM, V, D, 3, N, encoding=t5)
  tables = lambda m: [h.table[...] for h in m.stack.encodings.held]
  assert len(tables(shared)) == 1 and len(tables(apart)) == 3
  assert abs(tables(apart)[0] - tables(apart)[1]).max() > 1e-3
  one, other = px.Alibi(N), px.Alibi(N)
  mixed = build(nn.TransformerLM, V, D, 4, N, encoding=[one, None, other, one])
  assert mixed.stack.encodings.layers == (0, None, 1, 0)
  # A shared table gets the sum of what each layer asks of it.
  zeros = jnp.zeros((8, N))
  same = build(nn.TransformerLM, V, D, 3, N,
               encoding=[px.T5Bias(zeros, True, 16) for _ in range(3)])
  gradient = lambda m: [h.table[...] for h in _gradient(m, tokens).stack.encodings.held]
  together, = gradient(shared)
  np.testing.assert_allclose(together, sum(gradient(same)), atol=1e-5)
  assert abs(together).max() > 1e-4


def test_a_held_encoding_is_copied_into_every_stack():
  held = nn.HeldEncoding(px.Alibi(N), learn=True)
  model = build(nn.Seq2SeqTransformer, V, D, 1, N, encoding=held)
  slopes = [s.encodings.held[0].slopes for s in (model.encoder, model.decoder)]
  assert all(isinstance(s, nnx.Param) for s in slopes)
  assert slopes[0] is not slopes[1] and slopes[0] is not held.slopes


def _gradient(model, tokens):
  graphdef, params, rest = nnx.split(model, nnx.Param, ...)
  loss = lambda p: jnp.mean(nnx.merge(graphdef, p, rest)(tokens) ** 2)
  return nnx.merge(graphdef, jax.jit(jax.grad(loss), compiler_options=FAST)(params), rest)


def test_layers_may_differ(tokens):
  """A model with one encoding a layer is not a model with either of them everywhere."""
  a, b = px.Rotary(H), px.Alibi(N)
  outs = [call(build(nn.TransformerLM, V, D, 2, N, encoding=e), tokens)
          for e in ([a, b], [b, a], a)]
  assert abs(outs[0] - outs[1]).max() > 1e-3 and abs(outs[0] - outs[2]).max() > 1e-3


def test_random_positions_are_drawn_once_for_all_layers(tokens):
  """Two layers with encodings of their own see the same ids."""
  random = Randomized(T, maximum=64)
  model = build(nn.TransformerLM, V, D, 2, N,
                encoding=[px.chain(random, px.Rotary(H)), px.chain(random, px.Alibi(N))])
  plain = build(nn.TransformerLM, V, D, 2, N, encoding=[px.Rotary(H), px.Alibi(N)])
  rngs = lambda: nnx.Rngs(positions=7)
  every_row = np.broadcast_to(np.arange(T, dtype=np.int32), (2, T))
  key = rngs().positions()
  ids = [e.positions(every_row, key=key) for e in model.stack.encodings.encodings()]
  np.testing.assert_array_equal(*ids)
  assert (ids[0][0] != ids[0][1]).any()  # Each sequence has a draw of its own.
  graphdef, state = nnx.split(model)
  got = jax.jit(lambda: nnx.merge(graphdef, state)(tokens, rngs=rngs()), compiler_options=FAST)()
  np.testing.assert_allclose(got, call(plain, tokens, ids[0]), atol=1e-5)
  with pytest.raises(ValueError, match="key"):
    model(tokens)


def test_inputs_act_once_or_not_at_all():
  with pytest.raises(ValueError, match="encoding: got 2 encodings that act on the embeddings"):
    nn.TransformerLM(V, D, 2, N, encoding=[px.Sinusoidal(D), px.Sinusoidal(D)], rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match="cross_encoding: got Sinusoidal, which answers inputs"):
    nn.Seq2SeqTransformer(V, D, 1, N, cross_encoding=px.Sinusoidal(D), rngs=nnx.Rngs(0))
  calls = []

  @px.encoding
  class Counting(px.Encoding):
    size: float = 1.0

    def inputs(self, x, positions):
      calls.append(positions.shape)
      return x + self.size

  one = Counting()
  jax.eval_shape(nn.TransformerLM(V, D, 3, N, encoding=one, rngs=nnx.Rngs(0)), jnp.zeros(T, int))
  jax.eval_shape(nn.TransformerLM(V, D, 3, N, encoding=[None, one, one], rngs=nnx.Rngs(0)),
                 jnp.zeros(T, int))
  assert calls == [(T,)] * 2


def test_hyperparameters_and_seeds_are_swept_by_vmap(tokens):
  """3 slopes by 2 seeds in one program, each as alone; one trace however the values change."""
  seeds = jax.random.split(jax.random.key(0), 2)
  scales = jnp.array([0.0, 1.0, 3.0])
  traces = []

  def make(key):
    return nnx.split(nn.TransformerLM(V, D, 1, N, encoding=px.Alibi(N), rngs=nnx.Rngs(key)),
                     nnx.Param, nn.Hyper)

  graphdef, params, hyper = jax.jit(jax.vmap(make), compiler_options=FAST)(seeds)

  def run(params, hyper, scale):
    traces.append(0)
    hyper = jax.tree.map(lambda x: x * scale, hyper)
    return nnx.merge(graphdef, params, hyper)(tokens)

  over_seeds = jax.vmap(run, in_axes=(0, 0, None))
  grid = jax.jit(jax.vmap(over_seeds, in_axes=(None, None, 0)), compiler_options=FAST)
  got = grid(params, hyper, scales)
  assert got.shape == (3, 2, 2, T, V)
  grid(params, hyper, scales + 1)
  assert len(traces) == 1
  for i, scale in enumerate(scales):
    slopes = jnp.asarray(px.alibi_slopes(N)) * scale
    alone = nn.TransformerLM(V, D, 1, N, encoding=px.Alibi(slopes=slopes), rngs=nnx.Rngs(seeds[1]))
    np.testing.assert_allclose(got[i, 1], call(alone, tokens), atol=1e-5)


def test_a_swept_base_is_a_leaf_of_the_model(tokens):
  bases = np.array([100.0, 10_000.0])

  def run(rotary):
    model = nn.TransformerLM(V, D, 1, N, encoding=rotary, rngs=nnx.Rngs(0))
    return model(tokens)

  stacked = jax.tree.map(lambda *x: jnp.stack(x), *(px.Rotary(H, base=b) for b in bases))
  got = jax.jit(jax.vmap(run), compiler_options=FAST)(stacked)
  for out, base in zip(got, bases, strict=True):
    alone = build(nn.TransformerLM, V, D, 1, N, seed=0, encoding=px.Rotary(H, base=base))
    np.testing.assert_allclose(out, call(alone, tokens), atol=1e-5)


@pytest.mark.parametrize("graph_mode", [True, False])
def test_training_in_both_modes_of_nnx(graph_mode, tokens):
  """Adam lowers the loss, moves what is learned and leaves the rest."""
  modes = getattr(nnx, "set_graph_mode", None)
  if modes is None and not graph_mode:
    pytest.skip("this flax has one mode only")
  with modes(graph_mode) if modes else contextlib.nullcontext():
    encoding = px.chain(px.Learned.init(jax.random.key(1), T, D), px.Alibi(N))
    model = build(nn.TransformerLM, V, D, 1, N, encoding=encoding, dropout=0.1)
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))

    def loss(params, rest, key):
      model = nnx.merge(graphdef, params, rest)
      logits = model(tokens[:, :-1], deterministic=False, rngs=nnx.Rngs(dropout=key))
      return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()

    def step(carry, key):
      params, state = carry
      value, grads = jax.value_and_grad(loss)(params, rest, key)
      with jax.numpy_dtype_promotion("standard"):  # Optax raises a float to the step's int32.
        updates, state = optimizer.update(grads, state, params)
      return (optax.apply_updates(params, updates), state), value

    @jax.jit
    def train(params, rest):
      keys = jax.random.split(jax.random.key(2), 30)
      return jax.lax.scan(step, (params, optimizer.init(params)), keys)

    (trained, _), losses = train(params, rest)
  assert losses[-1] < 0.5 * losses[0]
  after = nnx.merge(graphdef, trained, rest).stack.encodings.encodings()[0]
  assert abs(after.members[0].table - encoding.members[0].table).max() > 1e-2
  np.testing.assert_array_equal(after.members[1].slopes, encoding.members[1].slopes)


def test_linen_bridge(tokens):
  """The same numbers, parameters by name, and dropout keys that arrive."""
  options = dict(encoding=px.chain(px.Sinusoidal(D), px.Alibi(N)), dropout=0.5)
  linen = to_linen(nn.TransformerLM, V, D, 1, N, **options)
  variables = jax.jit(linen.init, compiler_options=FAST)(jax.random.key(0), tokens)
  assert set(variables) == {"params", "Hyper"}
  assert variables["params"]["stack"]["layers"][0]["attention"]["query"].shape == (D, N, H)
  model = build(nn.TransformerLM, V, D, 1, N, **options)
  nnx.update(model, variables["params"])
  np.testing.assert_allclose(linen.apply(variables, tokens), call(model, tokens), atol=1e-5)
  drop = jax.jit(lambda key: linen.apply(variables, tokens, deterministic=False,
                                         rngs={"dropout": key}), compiler_options=FAST)
  a, b = drop(jax.random.key(0)), drop(jax.random.key(1))
  assert abs(a - b).max() > 1e-2
  cache = linen.apply(variables, 2, 8, nnx_method=lambda m, *args: m.init_cache(*args))
  assert cache[0].keys.shape == (2, 8, N, H)


@pytest.mark.parametrize("encoding, error, message", [
    ("rotary", TypeError, "encoding: got 'rotary', wanted an encoding, None, a list"),
    (3.0, TypeError, "encoding: got 3.0"),
    ([px.Alibi(N)], ValueError, "encoding: got a list of 1, wanted one entry for each of the 2"),
    ([px.Alibi(N), "none"], TypeError, "encoding: got 'none'"),
    (lambda layer, key: "rotary", TypeError, "encoding: got 'rotary'"),
])
def test_wrong_encodings(encoding, error, message):
  with pytest.raises(error, match=message):
    nn.TransformerLM(V, D, 2, N, encoding=encoding, rngs=nnx.Rngs(0))


def test_wrong_encodings_of_one_layer():
  with pytest.raises(TypeError, match="encoding: got 'rotary', wanted an encoding"):
    nn.MultiHeadAttention(D, N, encoding="rotary", rngs=nnx.Rngs(0))
  with pytest.raises(TypeError, match="encoding: got class Rotary"):
    nn.HeldEncoding(px.Rotary)
