# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The abstraction itself: what is a leaf, what is static, how encodings compose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px


@px.encoding
class _Scale(px.Encoding):
  """Multiplies queries; checks its value where it is built."""

  factor: jax.Array
  twice: bool = px.static(False)

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
  both = px.chain(px.Rotary(4), px.Alibi(2))
  assert both.has("bias") and both.has("qk") and both.has("distance_bias")
  assert not any(px.Encoding().has(h) for h in ("qk", "bias", "scores", "distance_bias"))


def test_chain_runs_in_order_and_adds_biases():
  q = jnp.ones((1, 2, 2, 4))
  a, b = px.Alibi(2), px.Alibi(slopes=np.array([1.0, 2.0], np.float32))
  at = jnp.arange(2)[None]
  both = px.chain(_Scale(2.0), a, _Scale(3.0, twice=True), b)
  np.testing.assert_array_equal(both.qk(q, q, at, at)[0], 12 * q)
  np.testing.assert_allclose(both.bias(q, q, at, at),
                             a.bias(q, q, at, at) + b.bias(q, q, at, at))
  assert px.chain(a) is a
  assert not px.chain(px.Sinusoidal(4), a).relative
  with pytest.raises(TypeError, match="chain argument 1: got NoneType"):
    px.chain(a, None)


def test_replace_names_unknown_fields():
  assert px.Alibi(2).replace(slopes=1).slopes == 1
  with pytest.raises(ValueError, match=r"replace: got \['slope'\], wanted fields of Alibi"):
    px.Alibi(2).replace(slope=1)


@px.encoding
class _Shared(px.Encoding):
  """Counts how far apart keys are; its positions are whatever it is given."""

  trailing = 1

  def bias(self, q, k, q_positions, k_positions):
    return (q_positions[..., :, None, 0] - k_positions[..., None, :, 0])[..., None, :, :].astype(
      jnp.float32)


def test_a_chain_can_take_positions_for_each_member():
  q = k = v = jnp.ones((1, 3, 1, 4))
  time = jnp.array([0.5, 1.5, 7.0])[None]
  each = px.Each((time[..., None], jnp.arange(3)))
  got = px.attend(q, k, v, px.chain(_Shared(), px.Alibi(1)), q_positions=each, k_positions=each)
  np.testing.assert_allclose(got, v, rtol=1e-6)
  apart = px.chain(_Shared(), px.Alibi(1)).bias(
    q, k, *(px.Each((time[..., None], jnp.arange(3)[None])),) * 2)
  np.testing.assert_allclose(apart[0, 0, 2, 0], 6.5 - 2 * 2.0**-8)


@pytest.mark.parametrize("positions, error, message", [
  (jnp.ones(3, jnp.bfloat16), TypeError, r"q_positions: got bfloat16.*above 256"),
  (jnp.ones(3, jnp.float16), TypeError, r"q_positions: got float16.*above 2048"),
  (jnp.ones(3, bool), TypeError, r"q_positions: got bool, wanted int32"),
  (jnp.arange(4), ValueError, r"q_positions: got shape \(4,\), wanted .* with 3 positions"),
  (jnp.ones((1, 1, 3), jnp.int32), ValueError, r"q_positions: got shape \(1, 1, 3\)"),
  (jnp.int32(3), ValueError, r"q_positions: got shape \(\)"),
])
def test_positions_that_do_not_fit(positions, error, message):
  q = jnp.ones((2, 3, 1, 4))
  with pytest.raises(error, match=message):
    px.attend(q, q, q, px.Rotary(4), q_positions=positions, k_positions=positions)
