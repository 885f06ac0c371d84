# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A constructor written by hand is inherited, or its loss is refused; it is never dropped."""

import jax
import numpy as np
import pytest

import posenc_jax as px


@px.encoding
class Steeper(px.Alibi):
  """No field of its own, so ALiBi's constructor and its checks stay."""

  def distance_bias(self, distance):
    return 2 * super().distance_bias(distance)


@px.encoding
class Capped(px.Alibi):
  """A field of its own, so a constructor of its own."""

  cap: float = 1.0

  def __init__(self, num_heads: int, *, cap: float):
    super().__init__(num_heads)
    self.set_fields(cap=cap)

  def distance_bias(self, distance):
    return jax.numpy.maximum(super().distance_bias(distance), -self.cap)


def test_a_subclass_without_fields_keeps_the_constructor():
  assert np.array_equal(Steeper(12).slopes, px.alibi_slopes(12))
  with pytest.raises(TypeError, match=r"num_heads: got 8\.0, wanted an int, at least 1"):
    Steeper(8.0)
  with pytest.raises(TypeError, match=r"Steeper: got an argument 'heads', wanted one of num_heads"):
    Steeper(heads=8)
  assert type(jax.tree.map(lambda x: x, Steeper(2))) is Steeper


def test_fields_beside_an_inherited_constructor_are_refused():
  with pytest.raises(TypeError, match=r"class Lost: got new fields \(cap\) beside the "
                     r"__init__ that Alibi wrote by hand, wanted an __init__ .*super"):
    @px.encoding
    class Lost(px.Alibi):
      cap: float = 1.0
  with pytest.raises(TypeError, match=r"class Later: .*Alibi wrote by hand"):
    @px.encoding
    class Later(Steeper):
      cap: float = 1.0


def test_with_a_constructor_of_its_own_they_are_not():
  e = Capped(4, cap=0.5)
  assert e.cap.dtype == np.float32 and np.array_equal(e.slopes, px.alibi_slopes(4))
  assert float(e.distance_bias(np.int32(100)).min()) == -0.5
