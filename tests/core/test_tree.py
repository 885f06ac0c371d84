# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is trained: fields, partition, learn and freeze, in every library that holds encodings."""

import equinox
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import posenc_jax as px

KEY = jax.random.key(0)
# What each paper learns; every other field is a hyperparameter.
LEARNED = {
  "rotary": (px.Rotary(8), set()),
  "rotary-learned": (px.Rotary.from_frequencies(jnp.ones(4)), {"frequencies"}),
  "rotary-kept": (px.Rotary.from_frequencies(jnp.ones(4), learned=False), set()),
  "rotary-asked": (px.Rotary.from_frequencies([1.0, 0.3], learned=True), {"frequencies"}),
  "m-rotary": (px.MRotary((2, 1, 1)), set()),
  "vo-rotary": (px.VORotary(8), set()),
  "sinusoidal": (px.Sinusoidal(8), set()),
  "alibi": (px.Alibi(2), set()),
  "log-n": (px.LogNTemperature(8), set()),
  "pope": (px.Pope.init(KEY, 2, 4), {"delta"}),
  "learned": (px.Learned.init(KEY, 8, 4), {"table"}),
  "t5": (px.T5Bias.init(KEY, 2), {"table"}),
  "fire": (px.Fire.init(KEY, 2), {"w1", "b1", "w2", "c", "multiplier"}),
  "fire-b2": (px.Fire.init(KEY, 2).replace(b2=jnp.ones(2)),
              {"w1", "b1", "w2", "b2", "c", "multiplier"}),
  "shaw": (px.Shaw.init(KEY, 4), {"key_table", "value_table"}),
  "transformer-xl": (px.TransformerXL.init(KEY, 2, 4), {"u", "v", "w_r"}),
  "cope": (px.Cope.init(KEY, 8, 4), {"table"}),
  "fox": (px.Fox.init(KEY, 8, 2), {"gate_weight", "gate_bias"}),
  "ssmax": (px.SSMax.init(KEY, 2, offset=True), {"s", "offset"}),
  "dape": (px.Dape.init(KEY, 2, px.Alibi(2)), {"hidden_weight", "hidden_bias", "out_weight"}),
  "dape-t5": (px.Dape.init(KEY, 2, px.T5Bias.init(KEY, 2)),
              {"hidden_weight", "hidden_bias", "out_weight", "inner.table"}),
  "chain": (px.chain(px.Rotary(8), px.T5Bias.init(KEY, 2), px.Alibi(2)), {"members[1].table"}),
  "on-heads": (px.on_heads(slice(0, 2), px.T5Bias.init(KEY, 2)), {"inner.table"}),
}


def _paths(marks):
  return {jax.tree_util.keystr(path, simple=False).lstrip(".")
          for path, mark in jax.tree_util.tree_leaves_with_path(marks) if mark}


@pytest.mark.parametrize("name", LEARNED)
def test_what_each_encoding_learns(name):
  e, wanted = LEARNED[name]
  marks = px.is_parameter(e)
  assert _paths(marks) == wanted
  assert jax.tree.structure(marks) == jax.tree.structure(e)
  parameters, rest = px.partition(e)
  assert len(jax.tree.leaves(parameters)) == len(wanted)
  assert len(jax.tree.leaves(rest)) == len(jax.tree.leaves(e)) - len(wanted)
  again = px.combine(parameters, rest)
  assert jax.tree.structure(again) == jax.tree.structure(e)
  assert all(a is b for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(e), strict=True))


def test_learn_and_freeze_turn_fields_of_one_object():
  e = px.chain(px.Alibi(2), px.Dape.init(KEY, 2, px.T5Bias.init(KEY, 2)))
  assert _paths(px.is_parameter(px.learn(e, "slopes"))) == _paths(px.is_parameter(e)) | {
    "members[0].slopes"}
  assert _paths(px.is_parameter(px.freeze(e, "table"))) == {
    f"members[1].{n}" for n in ("hidden_weight", "hidden_bias", "out_weight")}
  assert _paths(px.is_parameter(px.freeze(e))) == set()
  assert _paths(px.is_parameter(px.freeze(px.learn(px.Alibi(2)), "slopes"))) == set()
  learned = px.learn(px.Alibi(2))
  for kept in (jax.tree.map(lambda x: x + 1, learned), learned.replace(slopes=jnp.ones(3)),
               jax.jit(lambda e: e)(learned)):
    assert _paths(px.is_parameter(kept)) == {"slopes"}
  assert repr(learned) == "Alibi(slopes=f32[2], learned: slopes)"
  with pytest.raises(ValueError, match=r"learn, freeze: got \['slope'\], wanted float fields of A"):
    px.learn(px.Alibi(2), "slope")
  with pytest.raises(ValueError, match="float fields of Rotary"):
    px.learn(px.Rotary(8), "frequencies")  # exact words have no gradient: from_frequencies
  with pytest.raises(TypeError, match="learn, freeze: got 'alibi', wanted an encoding"):
    px.learn("alibi")


def test_combine_refuses_a_leaf_that_both_hold():
  with pytest.raises(ValueError, match="parameters, rest: got a leaf that both hold"):
    px.combine(px.Alibi(2), px.Alibi(2))


def _loss(e):
  """Attention whose value depends on every encoding given."""
  q, k, v = (jax.random.normal(jax.random.key(i), (6, 2, 8)) for i in range(3))
  return jnp.sum(px.attend(q, k, v, e, causal=True, implementation="reference") ** 2)


def _tree():
  """A tree of parameters as users have it: own weights, a rotary, a bias."""
  return {"w": jnp.ones(3), "enc": px.chain(px.Rotary(8), px.T5Bias.init(KEY, 2), px.Alibi(2))}


def test_combine_refuses_trees_of_two_structures():
  for parameters, rest in (({"a": None}, {"b": 1.0}), ((1.0,), (None, 2.0))):
    with pytest.raises(ValueError, match="parameters, rest: got two structures"):
      px.combine(parameters, rest)


def test_learn_wants_names_one_after_the_other():
  with pytest.raises(TypeError, match=r"learn, freeze: got list, .*px.learn\(e, 'a', 'b'\)"):
    px.learn(px.Alibi(2), ["slopes"])


def test_plain_jax_and_optax():
  parameters, rest = px.partition(_tree())
  optimiser = optax.adam(1e-2)

  @jax.jit
  def step(parameters, state):
    loss = lambda p: _loss(px.combine(p, rest)["enc"]) + jnp.sum(p["w"] ** 2)
    updates, state = optimiser.update(jax.grad(loss)(parameters), state)
    return optax.apply_updates(parameters, updates), state

  with jax.numpy_dtype_promotion("standard"):  # optax promotes its step count
    trained, _ = step(parameters, optimiser.init(parameters))
  trained, before = px.combine(trained, rest), _tree()
  moved = jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != np.asarray(b))), trained, before)
  assert _paths(moved) == {"['w']", "['enc'].members[1].table"}
  assert float(_loss(trained["enc"])) < float(_loss(before["enc"]))


def test_optax_masked_takes_the_marks():
  e = px.chain(px.T5Bias.init(KEY, 2), px.Alibi(2))
  optimiser = optax.chain(optax.masked(optax.sgd(0.1), px.is_parameter(e)),
                          optax.masked(optax.set_to_zero(), jax.tree.map(lambda m: not m,
                                                                         px.is_parameter(e))))
  updates, _ = optimiser.update(jax.grad(_loss)(e), optimiser.init(e))
  assert np.any(np.asarray(updates.members[0].table)) and not np.any(
    np.asarray(updates.members[1].slopes))


class _Block(equinox.Module):
  weight: jax.Array
  encoding: px.Encoding


def test_equinox():
  model = _Block(jnp.ones(2), px.chain(px.Rotary(8), px.T5Bias.init(KEY, 2), px.Alibi(2)))
  parameters, rest = equinox.partition(model, px.is_parameter(model))
  assert len(jax.tree.leaves(parameters)) == 2
  grads = equinox.filter_grad(lambda p: _loss(equinox.combine(p, rest).encoding)
                              + p.weight.sum())(parameters)
  assert np.any(np.asarray(grads.encoding.members[1].table))
  ours, others = px.partition(model)
  assert jax.tree.structure(ours) == jax.tree.structure(parameters)
  assert px.combine(ours, others).encoding.members[2].slopes is model.encoding.members[2].slopes


def test_linen():
  class Block(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x):
      e = self.param("enc", lambda key: px.chain(px.Rotary(8), px.T5Bias.init(key, 2)))
      return px.attend(x, x, x, e, causal=True)

  x = jax.random.normal(KEY, (6, 2, 8))
  params = Block().init(KEY, x)
  parameters, rest = px.partition(params)
  assert [leaf.shape for leaf in jax.tree.leaves(parameters)] == [(32, 2)]
  loss = lambda p: jnp.sum(Block().apply(px.combine(p, rest), x) ** 2)
  assert np.any(np.asarray(jax.tree.leaves(jax.grad(loss)(parameters))[0]))


# What is done to all leaves of a tree of parameters, by people who do not know of integer words.
SPOILS = {
  "ema": lambda t: jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, t, t),
  "bfloat16": lambda t: jax.tree.map(lambda a: jnp.asarray(a).astype(jnp.bfloat16), t),
  "mean of replicas": lambda t: jax.tree.map(
    lambda a: jnp.mean(jnp.stack([jnp.asarray(a).astype(jnp.float32)] * 2), 0), t),
}


@pytest.mark.parametrize("name", SPOILS)
@pytest.mark.parametrize("use", ["qk", "attend", "radians"])
def test_arithmetic_on_exact_words_is_refused_where_they_are_used(name, use):
  e = SPOILS[name]({"e": px.Rotary(8)})["e"]
  x, at = jnp.ones((3, 2, 8)), jnp.arange(3)
  call = {"qk": lambda: e.qk(x, x, at, at), "radians": lambda: e.frequencies.radians,
          "attend": lambda: px.attend(x, x, x, px.chain(e, px.Alibi(2)), causal=True)}[use]
  with pytest.raises(TypeError, match=r"frequencies: got words of \w+, wanted the uint32 words.*"
                     r"px\.partition\(tree\), then px\.combine"):
    call()
  repr(e)  # even then


@pytest.mark.parametrize("name", SPOILS)
def test_arithmetic_on_the_parameters_alone_works(name):
  parameters, rest = px.partition(_tree())
  e = px.combine(SPOILS[name](parameters), rest)["enc"]
  np.testing.assert_allclose(_loss(e), _loss(_tree()["enc"]), rtol=1e-2)


def test_gradients_of_a_whole_tree_say_what_jax_says_and_allow_int_works():
  e = px.chain(px.Rotary(8), px.Alibi(2))
  with pytest.raises(TypeError, match="grad requires real- or complex-valued inputs.*uint32"):
    jax.grad(_loss)(e)
  slopes = jax.grad(_loss, allow_int=True)(e).members[1].slopes
  np.testing.assert_allclose(slopes, jax.grad(lambda s: _loss(
    px.chain(px.Rotary(8), px.Alibi(slopes=s))))(e.members[1].slopes), rtol=1e-5)


def test_learned_frequencies_get_gradients_and_exact_ones_do_not_appear():
  e = px.Rotary.from_frequencies(jnp.array([1.0, 0.1, 0.01, 0.001]))
  parameters, rest = px.partition(e)
  grad = jax.grad(lambda p: _loss(px.combine(p, rest)))(parameters)
  assert np.abs(np.asarray(grad.frequencies)).min() > 0 and grad.attention_scaling is None


def test_replace_and_static_fields():
  with pytest.raises(ValueError, match=r"replace: got \['slope'\], wanted fields of Alibi: slopes"):
    px.Alibi(2).replace(slope=1)
  assert jax.tree.structure(px.T5Bias(jnp.ones((8, 2)), True)) != jax.tree.structure(
    px.T5Bias(jnp.ones((8, 2)), False))


def test_numbers_in_leaf_fields_become_arrays():
  assert px.Alibi(slopes=[0.5, 0.25]).slopes.dtype == np.float32
  leaf, = jax.tree.leaves(px.LogNTemperature(8))
  assert leaf.dtype == np.float32 and leaf.shape == ()


def test_learning_exact_frequencies_names_the_way():
  with pytest.raises(ValueError, match=r"\['frequencies'\], wanted float fields of Rotary. It has "
                     r"\['attention_scaling'\]; exact .*from_frequencies\(.., learned=True"):
    px.learn(px.Rotary(8), "frequencies")
