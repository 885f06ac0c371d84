# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How each stack trains an encoding: tables move, what is no parameter stays, in one Adam step.

The functions ``plain``, ``equinox``, ``linen`` and ``flax_nnx`` are the recipes of the docs.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as linen_lib
from flax import nnx, serialization

import posenc_jax as px
from posenc_jax import nn

T, N, H = 5, 2, 4
D = N * H
LEARNED = [1.0, 0.1]


def _x():
  return jnp.asarray(np.random.default_rng(0).normal(size=(T, N, H)), jnp.float32)


def _target():
  return jnp.asarray(np.random.default_rng(1).normal(size=(T, N, H)), jnp.float32)


def _loss(weight, e):
  """Of attention with one learned weight besides the encoding."""
  x = _x()
  return jnp.mean((px.attend(x * weight, x, x, e, causal=True) - _target()) ** 2)


def _weight():
  return jnp.full((1, 1, H), 0.5, jnp.float32)


def _adam(parameters, gradients):
  """One step of Adam: every float moves by 0.01 unless its gradient is 0."""
  adam = optax.adam(1e-2)
  with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an int32 step count
    updates, _ = adam.update(gradients, adam.init(parameters), parameters)
  return optax.apply_updates(parameters, updates)


def plain(e):
  """Parameters in a dict: differentiate and optimize what ``partition`` calls parameters."""
  parameters, rest = px.partition({"weight": _weight(), "e": e})

  @jax.jit
  def step(parameters, rest):
    loss = lambda p: _loss(**px.combine(p, rest))
    return _adam(parameters, jax.grad(loss)(parameters))

  return px.combine(step(parameters, rest), rest)["e"]


def equinox(e):
  """A module with an encoding as a field: ``is_parameter`` is the filter."""
  class Attention(eqx.Module):
    weight: jax.Array
    e: px.Encoding

  model = Attention(_weight(), e)
  parameters, rest = eqx.partition(model, px.is_parameter(model))

  @eqx.filter_jit
  def step(parameters, rest):
    def loss(parameters):
      model = eqx.combine(parameters, rest)
      return _loss(model.weight, model.e)
    return _adam(parameters, eqx.filter_grad(loss)(parameters))

  return eqx.combine(step(parameters, rest), rest).e


def linen(e):
  """An encoding as a Linen parameter: the optimizer gets one part of ``params``."""
  class Attention(linen_lib.Module):
    @linen_lib.compact
    def __call__(self):
      weight = self.param("weight", lambda key: _weight())
      return _loss(weight, self.param("e", lambda key: e))

  module = Attention()
  variables = module.init(jax.random.key(0))
  parameters, rest = px.partition(variables["params"])

  @jax.jit
  def step(parameters, rest):
    loss = lambda p: module.apply({"params": px.combine(p, rest)})
    return _adam(parameters, jax.grad(loss)(parameters))

  return px.combine(step(parameters, rest), rest)["e"]


def flax_nnx(e):
  """A ``HeldEncoding`` in a module: parameters are ``nnx.Param``, the rest is ``Hyper``."""
  class Attention(nnx.Module):
    def __init__(self):
      self.weight = nnx.Param(_weight())
      self.held = nn.HeldEncoding(e)

    def __call__(self):
      return _loss(self.weight[...], self.held.encoding)

  graphdef, parameters, rest = nnx.split(Attention(), nnx.Param, ...)

  @jax.jit
  def step(parameters, rest):
    loss = lambda p: nnx.merge(graphdef, p, rest)()
    return _adam(parameters, jax.grad(loss)(parameters))

  return nnx.merge(graphdef, step(parameters, rest), rest).held.encoding


STACKS = [plain, equinox, linen, flax_nnx]


def _encoding(alibi):
  """A table, learned and exact rotary frequencies, and slopes."""
  return px.chain(px.T5Bias.init(jax.random.key(0), N), px.Rotary(H),
                  px.Rotary.from_frequencies(jnp.array(LEARNED, jnp.float32)), alibi)


def _moved(after, before):
  pairs = {name: (getattr(after, name), getattr(before, name)) for name in before._leaf_fields}
  return {name: not np.array_equal(*map(np.asarray, pair)) for name, pair in pairs.items()
          if hasattr(pair[1], "dtype")}


@pytest.mark.parametrize("stack", STACKS)
def test_one_step_moves_what_is_learned_and_nothing_else(stack):
  before = _encoding(px.Alibi(N))
  after = stack(before)
  t5, exact, learned, alibi = (_moved(a, b) for a, b in
                               zip(after.members, before.members, strict=True))
  assert t5 == {"table": True}
  assert exact == {"attention_scaling": False}
  assert learned == {"frequencies": True, "attention_scaling": False}
  assert alibi == {"slopes": False}
  old, new = (e.members[1].frequencies for e in (before, after))
  for word in ("whole", "hi", "lo"):
    assert getattr(new, word).dtype == np.uint32
    np.testing.assert_array_equal(getattr(new, word), getattr(old, word))


@pytest.mark.parametrize("stack", STACKS)
def test_learn_and_freeze_decide_in_every_stack(stack):
  before = _encoding(px.learn(px.Alibi(N), "slopes"))
  before = before.replace(members=(px.freeze(before.members[0]), *before.members[1:]))
  after = stack(before)
  assert _moved(after.members[3], before.members[3]) == {"slopes": True}
  assert _moved(after.members[0], before.members[0]) == {"table": False}


@px.encoding
class Fading(px.Encoding):
  """The README's own encoding."""

  strength: jax.Array = px.parameter()

  def distance_bias(self, distance):
    return -self.strength[:, None, None] * jnp.sqrt(abs(distance).astype(jnp.float32))[None]


@pytest.mark.parametrize("stack", STACKS)
def test_an_encoding_of_ones_own_is_trained(stack):
  before = Fading(np.ones(N, np.float32))
  assert _moved(stack(before), before) == {"strength": True}


def test_an_encoding_of_ones_own_is_a_parameter_of_a_model():
  """A method called init plays no part: a class without one was never trained."""
  model = nn.TransformerLM(11, D, 1, N, encoding=Fading(np.ones(N, np.float32)),
                           rngs=nnx.Rngs(0))
  held, = nnx.state(model, nnx.Param)["stack"]["encodings"]["held"].values()
  assert list(held) == ["strength"]


def test_linen_draws_an_encoding_by_its_init():
  class Attention(linen_lib.Module):
    @linen_lib.compact
    def __call__(self):
      return _loss(_weight(), self.param("e", px.T5Bias.init, N))

  variables = Attention().init(jax.random.key(0))
  assert variables["params"]["e"].table.shape == (32, N)
  parameters, rest = px.partition(variables["params"])
  assert jax.tree.leaves(rest) == [] and len(jax.tree.leaves(parameters)) == 1


def test_optax_by_label():
  """One optimizer for the whole tree, where every leaf is a float."""
  params = {"weight": _weight(), "e": px.chain(px.Alibi(N), px.T5Bias.init(jax.random.key(0), N))}
  optimizer = optax.multi_transform({True: optax.adam(1e-2), False: optax.set_to_zero()},
                                    px.is_parameter)
  with jax.numpy_dtype_promotion("standard"):
    gradients = jax.grad(lambda p: _loss(**p))(params)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
  after = optax.apply_updates(params, updates)["e"]
  assert abs(gradients["e"].members[0].slopes).max() > 0
  assert _moved(after.members[0], params["e"].members[0]) == {"slopes": False}
  assert _moved(after.members[1], params["e"].members[1]) == {"table": True}


@pytest.mark.parametrize("change", [
    lambda x, y: 0.999 * x + 0.001 * y,                              # a moving average
    lambda x, y: x.astype(jnp.bfloat16),                             # mixed precision
    lambda x, y: jnp.mean(jnp.stack([x, y]), axis=0),                # a mean over replicas
], ids=["average", "bfloat16", "mean"])
def test_arithmetic_on_all_leaves_is_for_parameters(change):
  """On parameters it works; over the words of exact frequencies it says what to do."""
  tree = {"weight": _weight(), "e": _encoding(px.Alibi(N))}
  parameters, rest = px.partition(tree)
  good = px.combine(jax.tree.map(change, parameters, parameters), rest)
  assert np.isfinite(_loss(good["weight"].astype(jnp.float32), good["e"]))
  with jax.numpy_dtype_promotion("standard"):
    bad = jax.tree.map(change, tree, tree)
  with pytest.raises((TypeError, ValueError), match="partition"):
    _loss(_weight(), bad["e"])


def test_the_whole_state_of_a_model_is_no_tree_for_arithmetic():
  """``nnx.Param`` is; the others hold integer words."""
  model = nn.TransformerLM(11, D, 1, N, encoding=px.Rotary(H), rngs=nnx.Rngs(0))
  tokens = jnp.zeros((1, 3), jnp.int32)
  graphdef, parameters, rest = nnx.split(model, nnx.Param, ...)
  halve = functools.partial(jax.tree.map, lambda x: x / jnp.asarray(2, x.dtype))
  assert np.isfinite(nnx.merge(graphdef, halve(parameters), rest)(tokens)).all()
  with pytest.raises((TypeError, ValueError), match="partition"):
    nnx.merge(graphdef, parameters, halve(rest))(tokens)


def test_flax_serialization_of_parameters_that_hold_encodings():
  params = {"weight": _weight(), "e": _encoding(px.learn(px.Alibi(N), "slopes"))}
  stored = serialization.to_bytes(params)
  zeros = jax.tree.map(jnp.zeros_like, params)
  again = serialization.from_bytes(zeros, stored)
  assert jax.tree.structure(again) == jax.tree.structure(params)
  for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(params), strict=True):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
  with pytest.raises(ValueError, match="state: got fields .*slopes.* wanted those of T5Bias"):
    serialization.from_bytes({"e": px.T5Bias.init(jax.random.key(0), N)},
                             serialization.to_bytes({"e": px.Alibi(N)}))


def test_flax_serialization_of_an_optimizers_state():
  """Moments have the shape of the parameters, with None in place of the rest."""
  parameters, _ = px.partition({"e": _encoding(px.Alibi(N))})
  state = optax.adam(1e-2).init(parameters)
  again = serialization.from_bytes(state, serialization.to_bytes(state))
  assert jax.tree.structure(again) == jax.tree.structure(state)


def test_flax_serialization_of_a_class_defined_after_the_import():
  @px.encoding
  class Later(px.Encoding):
    slope: jax.Array
    sign: int = px.static(default=-1)

    def distance_bias(self, distance):
      return self.sign * self.slope * abs(distance)[None]

  stored = serialization.to_bytes(Later(2.0))
  again = serialization.from_bytes(Later(0.0, sign=1), stored)
  assert again.slope == 2.0 and again.sign == 1
