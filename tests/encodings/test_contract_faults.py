# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Broken encodings fail the check of the contract that names them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import testing


@px.encoding
class _Broken(px.Encoding):
  """Alibi with one fault, chosen by a static name."""

  slopes: jax.Array
  fault: str = px.static(default="")

  relative = True

  def distance_bias(self, distance):
    slopes = self.slopes
    if self.fault == "no gradient":
      slopes = jax.lax.stop_gradient(slopes)
    if self.fault == "dead leaf":
      slopes = jnp.full((4,), 0.5, jnp.float32)
    return px.alibi_bias(distance, slopes)

  def bias(self, tile):
    if self.fault == "lengths":  # positions from the shape: zero in every decode step
      q_positions, k_positions = (
        jnp.arange(x.shape[-3], dtype=jnp.int32)[None] for x in (tile.q, tile.k))
      tile = tile._replace(q_positions=q_positions, k_positions=k_positions)
    bias = super().bias(tile)
    if self.fault == "absolute":
      bias = bias * jnp.cos(tile.q_positions.astype(bias.dtype))[..., None, :, None]
    if self.fault == "batch of one":
      bias = bias[:1]
    if self.fault == "future":
      bias = bias + jnp.mean(tile.k[..., 0, 0], axis=-1)[..., None, None, None] * bias
    return bias

  def has(self, hook):
    return hook == "bias" or (hook not in ("distance_bias", "bias_columns") and super().has(hook))

  def qk(self, q, k, q_positions, k_positions):
    if self.fault == "rows":  # depends on which rows are computed together
      q = q + jnp.mean(q, axis=-3, keepdims=True)
    return q, k


@pytest.mark.parametrize("fault, check, message", [
  ("no gradient", "gradients", "finite differences"),
  ("dead leaf", "vmap", "changes nothing"),
  ("lengths", "decode", "decode: off by"),
  ("lengths", "left_padding", "off by"),
  ("lengths", "cross_lengths", "off by"),
  ("absolute", "shift", "shift by 1000"),
  ("batch of one", "left_padding", "off by"),
  ("future", "future", "future: off by"),
  ("rows", "packed", "packed: off by"),
])
def test_contract_finds_faults(fault, check, message):
  encoding = _Broken(px.alibi_slopes(4), fault)
  with pytest.raises(AssertionError, match=message):
    testing.check_encoding(encoding, only=check)


def test_contract_passes_the_same_class_without_a_fault():
  testing.check_encoding(_Broken(px.alibi_slopes(4)),
                         only=tuple(c for c in testing.CHECKS if c != "chains"))


@px.encoding
class _Claims(px.Encoding):
  """Alibi with claims that are not true of it, or that are, if there is no fault."""

  slopes: jax.Array
  fault: str = px.static(default="")

  relative = True

  def distance_bias(self, distance):
    dtype = jnp.bfloat16 if self.fault == "bf16" else jnp.float32
    far = jnp.abs(distance).astype(dtype).astype(jnp.float32)
    slopes = jnp.asarray(self.slopes, jnp.float32)
    return -slopes.reshape(slopes.shape + (1,) * far.ndim) * far[None]

  def bias(self, tile):
    return super().bias(tile) * (2 if self.fault == "twice" else 1)

  def bias_columns(self, q_positions, k_positions):
    a, b = px.Alibi(slopes=self.slopes).bias_columns(q_positions, k_positions)
    return a, -b if self.fault == "sign" else b


@pytest.mark.parametrize("fault, check, message", [
  ("sign", "auto", "known on the host: off by"),
  ("sign", "claims", "bias_columns at 0"),
  ("twice", "auto", "known on the host: off by"),
  ("twice", "claims", "distance_bias at 0"),
  ("bf16", "precision", "converts int32 numbers to bfloat16"),
])
def test_contract_finds_false_claims(fault, check, message):
  with pytest.raises(AssertionError, match=message):
    testing.check_encoding(_Claims(px.alibi_slopes(4), fault), only=check)


def test_contract_passes_true_claims():
  report = testing.check_encoding(_Claims(px.alibi_slopes(4)),
                                  only=("auto", "claims", "precision", "integers", "heads"))
  assert report.parameters == () and report.others == ("slopes",)
  assert list(report.seconds) == ["auto", "claims", "precision", "integers", "heads"]
  assert "not trained  slopes" in str(report)


@px.encoding
class _FirstHeads(px.Encoding):
  """Turns the first four heads, whatever their number: the others go without, silently."""

  def qk(self, q, k, q_positions, k_positions):
    turned = px.rotate(q[..., :4, :], q_positions, px.rotary_frequencies(8))
    return q.at[..., :4, :].set(turned), k


def test_contract_finds_heads_that_go_without():
  with pytest.raises(AssertionError, match="heads: twice as many"):
    testing.check_encoding(_FirstHeads(), only="heads")


def test_contract_asks_for_positions_of_several_axes():
  with pytest.raises(ValueError, match="make_positions=lambda p"):
    testing.check_encoding(px.MRotary((2, 1, 1)))
  testing.check_encoding(px.MRotary((2, 1, 1)), only="shift",
                         make_positions=lambda p: jnp.stack([p // 3, p % 3, p], axis=-1))


def test_contract_names_a_misspelt_check():
  with pytest.raises(ValueError, match="Did you mean 'decode'"):
    testing.check_encoding(px.Alibi(4), only="decoed")


def test_report_names_what_is_trained():
  report = testing.check_encoding(px.chain(px.Rotary(8), px.T5Bias(np.zeros((32, 4), np.float32))),
                                  only="precision")
  assert report.parameters == ("members[1].table",)


def test_a_weakly_typed_leaf_is_no_fault():
  """jnp.full(4, 0.5) is weakly typed, as jnp.full(4, 0.5, jnp.float32) is not."""
  slopes = jnp.full(4, 0.5)
  assert slopes.weak_type
  testing.check_encoding(testing.Case(px.Alibi(slopes=slopes)), only="jit")
