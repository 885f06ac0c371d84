# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A wide model at a narrower active width is the narrow model: drawn, run and trained alike."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.encodings.content.cope import Cope
from posenc_jax.encodings.content.dape import Dape
from posenc_jax.encodings.content.fox import Fox
from posenc_jax.nn.width import draw, keep, pick_encoding, stack_encodings
from tests.support.nn_models import FAST

V, WIDE, H = 11, 64, 16
WIDTHS = (32, 64)


def test_a_narrow_draw_begins_a_wide_one():
  key = jax.random.key(3)
  wide, narrow = draw(key, (40, 4, 16)), draw(key, (24, 3, 16))
  np.testing.assert_array_equal(wide[:24, :3], narrow)
  out_wide, out_narrow = draw(key, (4, 16, 40), rows=2), draw(key, (3, 16, 25), rows=2)
  np.testing.assert_array_equal(out_wide[:3, :, :25], out_narrow)
  flat = np.asarray(wide).reshape(-1)
  assert abs(flat.mean()) < 0.06 and abs(flat.std() - 1) < 0.05
  assert len(np.unique(flat)) > 0.99 * flat.size
  assert draw(key, (2, 2), dtype=jnp.bfloat16).dtype == jnp.bfloat16


def test_surplus_is_zero_for_known_and_traced_counts():
  x = jnp.ones((3, 4), jnp.bfloat16)
  wanted = np.zeros((3, 4)) + (np.arange(3) < 2)[:, None] * (np.arange(4) < 1)
  for got in (keep(x, (2, 1)), jax.jit(lambda a, b: keep(x, (a, b)))(2, 1)):
    np.testing.assert_array_equal(got.astype(np.float32), wanted)
    assert got.dtype == jnp.bfloat16
  assert keep(x, None) is x and keep(x, (None, 4)) is x


def _encoding(width):
  """Sinusoids, slopes and a learned table, all of which depend on the width."""
  heads = width // H
  return px.chain(px.Sinusoidal(width), px.Alibi(heads),
                  px.T5Bias.init(jax.random.key(1), heads, num_buckets=8, max_distance=16))


def _trainer(steps=20):
  """train(model) -> (losses, final state), the model's first draws included."""
  data = jnp.asarray(np.random.default_rng(0).integers(0, V, (steps, 2, 9)), jnp.int32)
  optimizer = optax.adam(3e-3)

  def train(model):
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)

    def loss(params, tokens):
      logits = nnx.merge(graphdef, params, rest)(tokens[:, :-1])
      return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()

    def step(carry, tokens):
      params, state = carry
      value, grads = jax.value_and_grad(loss)(params, tokens)
      with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(grads, state, params)
      return (optax.apply_updates(params, updates), state), value

    (trained, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), data)
    return losses, nnx.to_pure_dict(params), nnx.to_pure_dict(trained)

  return train


def _model(d_model, encoding, width=None):
  return nn.TransformerLM(V, d_model, 1, head_dim=H, kv_heads=d_model // (2 * H), d_ff=2 * d_model,
                          encoding=encoding, active_width=width, rngs=nnx.Rngs(0))


def _split_surplus(wide, narrow):
  """The wide array's block of the narrow one's shape, and a copy without it."""
  block = tuple(slice(0, n) for n in narrow.shape)
  rest = np.array(wide)
  rest[block] = 0
  return wide[block], rest


def test_training_two_widths_in_one_vmap_equals_training_each_alone():
  train = _trainer()
  stacked = stack_encodings({w: _encoding(w) for w in WIDTHS})

  def padded(width):
    return train(_model(WIDE, pick_encoding(stacked, WIDTHS, width), width))

  losses, first, last = jax.jit(jax.vmap(padded), compiler_options=FAST)(
      jnp.asarray(WIDTHS, jnp.int32))
  assert (losses[:, -1] < losses[:, 0]).all()
  for lane, width in enumerate(WIDTHS):
    native = lambda w=width: train(_model(w, _encoding(w)))
    alone = jax.jit(native, compiler_options=FAST)()
    np.testing.assert_allclose(losses[lane], alone[0], rtol=0, atol=1e-5)
    for ours, theirs, atol in ((first, alone[1], 1e-6), (last, alone[2], 1e-4)):
      for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        active, surplus = _split_surplus(np.asarray(a[lane]), np.asarray(b))
        np.testing.assert_allclose(active, b, rtol=0, atol=atol)
        assert not surplus.any(), "surplus parameters stay exactly zero"


@pytest.mark.slow
def test_encoder_decoder_at_half_width_equals_a_narrow_one():
  """Post-norm, an output table of its own, a learned table of positions, gates driven by x."""
  rng = np.random.default_rng(2)
  source, target = (jnp.asarray(rng.integers(0, V, (2, n)), jnp.int32) for n in (5, 4))
  mask = jnp.arange(5)[None] < jnp.array([[5], [3]])

  def encoding(width):
    return px.chain(px.Learned.init(jax.random.key(1), 8, width),
                    Fox.init(jax.random.key(2), width, width // H))

  def run(d_model, encoding, width=None):
    model = nn.Seq2SeqTransformer(V, d_model, 1, head_dim=H, norm="post", tied=False,
                                  active_width=width, encoding=[None],
                                  decoder_encoding=encoding, rngs=nnx.Rngs(0))
    return model(source, target, source_mask=mask)

  def padded(width):
    stacked = stack_encodings({w: encoding(w) for w in WIDTHS}, head_dim=H)  # In the trace.
    return run(WIDE, pick_encoding(stacked, WIDTHS, width), width)

  got = jax.jit(padded, compiler_options=FAST)(jnp.int32(32))
  wanted = jax.jit(lambda: run(32, encoding(32)), compiler_options=FAST)()
  np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5)


def test_a_known_width_gives_the_same_as_a_traced_one():
  x = jnp.asarray(np.random.default_rng(3).normal(size=(4, WIDE)), jnp.float32)
  run = lambda width: nn.MultiHeadAttention(WIDE, head_dim=H, active_width=width,
                                            rngs=nnx.Rngs(0))(x)
  known, traced = run(32), jax.jit(run)(jnp.int32(32))
  np.testing.assert_allclose(known, traced, rtol=0, atol=1e-5)
  assert (known[:, :32] != 0).any() and not known[:, 32:].any()
  narrow = nn.MultiHeadAttention(32, head_dim=H, rngs=nnx.Rngs(0))(x[:, :32])
  np.testing.assert_allclose(known[:, :32], narrow, rtol=0, atol=1e-5)


def test_encodings_leave_surplus_columns_at_zero():
  """A sinusoid's cosine columns would be 1 there, which post-norm layers would read."""
  model = nn.TransformerEncoder(V, WIDE, 1, head_dim=H, active_width=32, rngs=nnx.Rngs(0),
                                encoding=px.Sinusoidal(WIDE))
  x, _ = model.stack.enter(jnp.zeros((3, WIDE)), np.arange(3))
  assert (x[1, :32] != 0).all() and not x[:, 32:].any()


@pytest.mark.parametrize("width, message", [
    (24, "active_width: got 24, wanted whole num_heads .* Use a multiple of 16"),
    (80, r"active_width: got 80, wanted an int in \[1, 64\]"),
    (0, "active_width: got 0"),
    (32.0, "active_width: got 32.0, wanted an int"),
])
def test_wrong_widths(width, message):
  with pytest.raises(ValueError, match=message):
    nn.TransformerLM(V, WIDE, 1, head_dim=H, active_width=width, rngs=nnx.Rngs(0))


def test_picking_encodings():
  stacked = stack_encodings({64: px.Rotary(H, base=99.0), 32: px.Rotary(H)})
  picked = jax.jit(lambda w: pick_encoding(stacked, (64, 32), w))(jnp.int32(32))
  np.testing.assert_array_equal(picked.frequencies.hi, px.Rotary(H).frequencies.hi)
  assert picked.attention_scaling == 1.0
  assert pick_encoding(stack_encodings({32: None, 64: None}), WIDTHS, 32) is None
  lists = stack_encodings({w: [None, px.Alibi(w // H)] for w in WIDTHS})
  several = pick_encoding(lists, WIDTHS, 32)
  assert several[0] is None and several[1].slopes.tolist() == [0.0625, 0.00390625, 0.0, 0.0]
  lost = jax.jit(lambda w: pick_encoding(stacked, WIDTHS, w))(jnp.int32(48))
  assert np.isnan(lost.attention_scaling)
  with pytest.raises(ValueError, match=r"active_width: got 48, wanted one of \[32, 64\]"):
    pick_encoding(stacked, WIDTHS, 48)


def _dape(width, inner):
  heads = width // H
  return Dape.init(jax.random.key(0), heads, px.Alibi(heads) if inner else None, hidden=4)


def test_encodings_that_depend_on_what_follows_are_refused():
  """Each would run and be wrong: sines in other columns, a network over other channels."""
  for make in (lambda w: px.Sinusoidal(w, layout="halves"), lambda w: _dape(w, inner=True)):
    for trace in (lambda f: f(), jax.eval_shape):  # Also where leaves are known in a trace alone.
      with pytest.raises(ValueError, match=r"encodings\[32\].*columns or heads change"):
        trace(lambda make=make: stack_encodings({w: make(w) for w in WIDTHS}, head_dim=H))
  stack_encodings({w: _dape(w, inner=False) for w in WIDTHS}, head_dim=H)
  cope = stack_encodings({w: Cope.init(jax.random.key(0), 4, H) for w in WIDTHS}, head_dim=H)
  assert cope.table.shape == (2, 4, H)
  with pytest.raises(ValueError, match="head_dim: got None"):
    stack_encodings({w: _dape(w, inner=False) for w in WIDTHS})


def test_encodings_of_different_kinds_are_refused():
  with pytest.raises(ValueError, match=r"encodings\[32\]: got Alibi, wanted the kind .* Rotary"):
    stack_encodings({32: px.Alibi(2), 64: px.Rotary(H)})
  with pytest.raises(ValueError, match=r"encodings\[32\]: got Alibi"):
    stack_encodings({32: px.Alibi(8), 64: px.Alibi(4)})
  with pytest.raises(ValueError, match="encodings: got none"):
    stack_encodings({})


@px.encoding
class _Half(px.Encoding):
  """The first half of the heads sees its own token alone, so it depends on their number."""

  position_axes = None

  def visible(self, tile):
    n, t, s = tile.q.shape[-2], tile.q.shape[-3], tile.k.shape[-3]
    free = jnp.arange(n) >= n // 2
    return free[:, None, None] | jnp.eye(t, s, dtype=bool)[None]


@px.encoding
class _Averaging(px.Encoding):
  """Weights that are the mean over all heads."""

  position_axes = None

  def weights(self, scores, tile):
    weights = super().weights(scores, tile)
    return jnp.broadcast_to(jnp.mean(weights, axis=-3, keepdims=True), weights.shape)


@px.encoding
class _Centred(px.Encoding):
  """A layer's input less the mean of its columns, which depends on how many columns there are."""

  position_axes = None

  def layer(self, x, positions, *, carry=None, segments=None):
    return x - jnp.mean(x, axis=-1, keepdims=True), positions, carry


@px.encoding
class _Shift(px.Encoding):
  """Adds 1 to every column of a layer's input, those beyond the active width included."""

  size: float = 1.0
  position_axes = None

  def layer(self, x, positions, *, carry=None, segments=None):
    return x + self.size, positions, carry


@pytest.mark.parametrize("make", [_Half, _Averaging, _Centred])
def test_hooks_that_see_all_columns_or_heads_are_probed(make):
  with pytest.raises(ValueError, match=rf"encodings\[32\]: got {make.__name__}, whose columns or"):
    stack_encodings({w: make() for w in WIDTHS}, head_dim=H)
  if make is not _Centred:
    with pytest.raises(ValueError, match="head_dim: got None"):
      stack_encodings({w: make() for w in WIDTHS})


def test_encodings_of_any_position_axes_are_stacked():
  several = lambda w: px.chain(px.MRotary((2, 2, 4)), px.SSMax.init(jax.random.key(0), w // H))
  none = lambda w: px.chain(px.SSMax.init(jax.random.key(0), w // H), _Shift())
  for make in (several, none, lambda w: px.Shaw.init(jax.random.key(0), H)):
    stacked = stack_encodings({w: make(w) for w in WIDTHS}, head_dim=H)
    assert {x.shape[0] for x in jax.tree.leaves(stacked)} == {2}


def test_a_changed_input_leaves_surplus_parameters_without_gradients():
  def gradient(active_width):
    module = nn.MultiHeadAttention(WIDE, head_dim=H, encoding=_Shift(), rngs=nnx.Rngs(0),
                                   active_width=active_width)
    graphdef, params, rest = nnx.split(module, nnx.Param, ...)
    x = keep(jnp.asarray(np.random.default_rng(4).normal(size=(3, WIDE)), jnp.float32), (None, 32))
    return jax.grad(lambda p: jnp.sum(nnx.merge(graphdef, p, rest)(x) ** 2))(params)

  for found in (gradient(32), jax.jit(gradient)(jnp.int32(32))):
    for name in ("query", "key", "value"):
      g = found[name][...]
      assert (g[:32, :2] != 0).any() and not g[32:].any() and not g[:, 2:].any()


def test_the_former_name_of_the_active_width_is_told():
  for make in (nn.TransformerLM, nn.TransformerEncoder):
    with pytest.raises(TypeError, match="width: got a name of earlier versions, wanted active_wid"):
      make(V, WIDE, 1, head_dim=H, width=32, rngs=nnx.Rngs(0))
  with pytest.raises(TypeError, match="Seq2SeqTransformer: width: .* wanted active_width"):
    nn.Seq2SeqTransformer(V, WIDE, 1, head_dim=H, width=32, rngs=nnx.Rngs(0))
