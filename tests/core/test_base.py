# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The abstraction itself: what is a leaf, what a class may be called, how objects are shown."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.methods import METHODS

KEY = jax.random.key(0)


@px.encoding
class _Scale(px.Encoding):
  """Multiplies queries; checks its value where it is built."""

  factor: jax.Array
  twice: bool = px.static(default=False)

  def __post_init__(self):
    if isinstance(self.factor, float) and self.factor <= 0:
      raise ValueError("factor: not positive")

  def qk(self, q, k, q_positions, k_positions):
    return q * self.factor * (2 if self.twice else 1), k


def test_leaves_and_static_fields():
  e = _Scale(3.0, twice=True)
  leaf, = jax.tree.leaves(e)
  assert leaf.dtype == np.float32 and leaf == 3
  assert jax.tree.structure(e) != jax.tree.structure(_Scale(3.0))
  with pytest.raises(AttributeError):
    e.factor = 1


def test_constructor_checks_do_not_run_on_what_jax_puts_into_leaves():
  with pytest.raises(ValueError, match="not positive"):
    _Scale(-1.0)
  e = jax.tree.map(lambda x: -1.0, _Scale(1.0))  # a placeholder, not a user's value
  assert e.factor == -1.0
  assert jax.tree.map(lambda x: None, e).factor is None


def test_has_is_a_fact_of_the_type():
  assert px.Alibi(2).has("bias") and px.Alibi(2).has("distance_bias")
  assert not px.Rotary(4).has("bias") and px.Rotary(4).has("qk")
  assert not any(px.Encoding().has(h) for h in px.base.HOOKS + px.base.CLAIMS)
  with pytest.raises(ValueError, match=r"hook: got 'biass', wanted one of .*Did you mean 'bias'"):
    px.Alibi(2).has("biass")


def test_position_axes():
  """A class that says nothing reads positions [..., T]; what reads none composes with anything."""
  axes = {e: e.position_axes for e in (
    _Scale(1.0), px.Alibi(2), px.Rotary(8), px.MRotary((1, 1)), px.MRotary((1, 1, 1)),
    px.Encoding(), px.Cope.init(KEY, 4, 8), px.SSMax.init(KEY, 2), px.Fox.init(KEY, 8, 2),
    px.Dape.init(KEY, 2, None), px.Dape.init(KEY, 2, px.Alibi(2)))}
  assert list(axes.values()) == [0, 0, 0, 2, 3, None, None, None, None, None, 0]
  assert px.Fox.init(KEY, 8, 2).layer_axes == 2 and px.Rotary(8).layer_axes is None


def _define(base=px.Encoding, decorate=True, annotations=None, **body):
  """A class made by the decorator, from methods and fields given by name."""
  cls = type("Mine", (base,), {"__annotations__": annotations or {}, **body})
  return px.encoding(cls) if decorate else cls


def _bias(self, tile):
  return None


@pytest.mark.parametrize("make, message", [
  (lambda: _define(), r"class Mine: got no hook, wanted at least one of positions, inputs"),
  (lambda: _define(biass=_bias), r"got a method 'biass', wanted the hook 'bias'"),
  (lambda: _define(visibel=_bias), r"got a method 'visibel', wanted the hook 'visible'"),
  (lambda: _define(bias_column=lambda self, a, b: None, bias=_bias),
   r"got a method 'bias_column', wanted the hook 'bias_columns'"),
  (lambda: _define(drive=_bias), r"got 'drive', wanted 'layer'.*CHANGELOG"),
  (lambda: _define(mix=_bias), r"got 'mix', wanted 'value_bias'"),
  (lambda: _define(low_rank=_bias), r"got 'low_rank', wanted 'bias_columns'"),
  (lambda: _define(trailing=1, bias=_bias), r"got 'trailing', wanted 'position_axes'"),
  (lambda: _define(bias=lambda self, q, k, q_positions, k_positions: None),
   r"got bias\(self, q, k, q_positions, k_positions\), wanted bias\(self, tile\)"),
  (lambda: _define(positions=lambda self, positions: positions),
   r"got positions without \['key'\], wanted positions\(self, positions, key\)"),
  (lambda: _define(annotations={"values": jax.Array}, bias=_bias),
   r"got a field 'values', wanted fields that are not named like hooks.*values_table"),
  (lambda: _define(decorate=False, bias=_bias)(),
   r"class Mine: got no decorator, wanted @posenc_jax.encoding"),
])
def test_classes_whose_hooks_nobody_would_call_are_refused(make, message):
  with pytest.raises(TypeError, match=message):
    make()


def test_helpers_that_are_no_misspelling_are_allowed():
  assert _define(bias=_bias, slope_of=lambda self: 1, _bias=lambda self: 1)().slope_of() == 1


@pytest.mark.parametrize("cls", [getattr(px, m.cls) for m in METHODS if m.cls])
def test_constructors_name_the_near_miss(cls):
  taken = max(inspect.signature(cls).parameters, key=len, default="")
  if len(taken) > 2:  # Of shorter names no misspelling is nearer than any other word.
    near = f"{cls.__name__}: got an argument .*Did you mean '{taken}'"
    with pytest.raises(TypeError, match=near):
      cls(**{taken + "x": 1})
  with pytest.raises(TypeError, match=f"{cls.__name__}: got an argument 'quite_other', wanted "):
    cls(quite_other=1)


def test_old_names_of_arguments_name_the_new_one():
  with pytest.raises(TypeError, match="Sinusoidal: dim: got a name of earlier .*, wanted d_model"):
    px.Sinusoidal(dim=8)


def test_frequencies_are_a_tree_and_no_encoding():
  f = px.rotary_frequencies(8)
  assert isinstance(f, px.Frequencies) and not isinstance(f, px.Encoding)
  with pytest.raises(TypeError, match="chain argument 0: got Frequencies, wanted an encoding"):
    px.chain(f)
  x = jnp.ones((3, 2, 8))
  with pytest.raises(TypeError, match="got Frequencies, wanted an encoding or None"):
    px.attend(x, x, x, f)


@pytest.mark.parametrize("encoding, shown", [
  (lambda: px.Rotary(64), "Rotary(dim=64, base=10000.0)"),
  (lambda: px.Rotary(8, base=5e5, attention_scaling=1.25, pairing="interleaved"),
   "Rotary(dim=8, base=500000.0, attention_scaling=1.25, pairing='interleaved')"),
  (lambda: px.Rotary(64, base=82684.63), "Rotary(dim=64, base=82684.63)"),
  (lambda: px.Rotary.from_frequencies(px.rotary_frequencies(64).radians / 4),
   "Rotary(frequencies=Frequencies([0.25, 0.187474, .., 3.3338e-05], n=32))"),
  (lambda: px.Rotary.from_frequencies(jnp.ones(4)), "Rotary(frequencies=f32[4], learned: freq"),
  (lambda: px.Rotary(8, base=np.array([10.0, 20.0])), "Rotary(frequencies=Frequencies(shape=(2, "),
  (lambda: px.MRotary(), "MRotary(sections=(16, 24, 24), base=10000.0)"),
  (lambda: px.MRotary((3, 1, 1), interleaved=True, base=1e6),
   "MRotary(sections=(3, 1, 1), base=1000000.0, interleaved=True)"),
  (lambda: px.VORotary(6, base=100.0), "VORotary(dim=6, base=100.0)"),
  (lambda: px.Pope.init(KEY, 2, 4, clamp=True), "Pope(delta=f32[2,4], base=10000.0, clamp=True)"),
  (lambda: px.Sinusoidal(8), "Sinusoidal(d_model=8, base=10000.0)"),
  (lambda: px.Sinusoidal(7, divisor="last", layout="halves", scale=0.5),
   "Sinusoidal(d_model=7, base=10000.0, divisor='last', scale=0.5, layout='halves')"),
  (lambda: px.T5Bias.init(KEY, 8), "T5Bias(table=f32[32,8])"),
  (lambda: px.T5Bias.init(KEY, 8, bidirectional=True), "T5Bias(table=f32[32,8], bidirectional=Tru"),
  (lambda: px.TransformerXL.init(KEY, 2, 4),
   "TransformerXL(u=f32[2,4], v=f32[2,4], w_r=f32[8,2,4], base=10000.0)"),
  (lambda: px.LogNTemperature(512), "LogNTemperature(train_length=512)"),
  (lambda: px.Randomized(8), "Randomized(length=8)"),
  (lambda: px.Dape.init(KEY, 2, px.Alibi(2)), "Dape(inner=Alibi(slopes=f32[2]), hidden_w"),
  (lambda: px.chain(px.Rotary(8), px.Alibi(2)),
   "Chain(Rotary(dim=8, base=10000.0), Alibi(slopes=f32[2]))"),
  (lambda: jax.tree.map(lambda x: None, px.Rotary(8)), "Rotary("),
  (lambda: jax.eval_shape(lambda: px.Rotary(8)), "Rotary("),
  (lambda: px.is_parameter(px.Sinusoidal(8)), "Sinusoidal(d_model=8"),
])
def test_reprs_are_short(encoding, shown):
  text = repr(encoding())
  assert text.startswith(shown) and len(text) < 200


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.uint32, np.int64, np.uint64])
def test_tile_distance_of_any_integers(dtype):
  tile = px.Tile(q_positions=np.array([0, 5], dtype), k_positions=np.array([1, 7], dtype))
  assert tile.distance().tolist() == [[-1, -7], [4, -2]]
  assert px.Tile(q_positions=[5], k_positions=range(3)).distance().tolist() == [[5, 4, 3]]
  pairs = px.Tile(q_positions=np.array([[0, 5]], dtype), k_positions=np.array([[1, 7]], dtype))
  assert pairs.distance(2).tolist() == [[[-1, -2]]]


@pytest.mark.parametrize("positions, error, message", [
  (jnp.ones(3, jnp.bfloat16), TypeError, r"q_positions: got bfloat16.*above 256"),
  (jnp.ones(3, jnp.float16), TypeError, r"q_positions: got float16.*above 2048"),
  (jnp.ones(3, bool), TypeError, r"q_positions: got bool, wanted int32"),
  (jnp.arange(4), ValueError, r"q_positions: got shape \(4,\), wanted .* with T = 3"),
  (jnp.ones((1, 1, 3), jnp.int32), ValueError, r"q_positions: got shape \(1, 1, 3\)"),
  (jnp.int32(3), ValueError, r"q_positions: got shape \(\).*A length is no position"),
])
def test_positions_that_do_not_fit(positions, error, message):
  q = jnp.ones((2, 3, 1, 4))
  with pytest.raises(error, match=message):
    px.attend(q, q, q, px.Rotary(4), q_positions=positions, k_positions=positions)
