# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every transform of JAX by every implementation, so that ``auto`` changes no program's meaning.

What is few tokens to one is many to another: ``auto`` is dense for T=8 and runs tiles for T=64, and
both must do whatever JAX asks.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support import transforms
from tests.support.transforms import ENCODINGS, TRANSFORMS


@pytest.fixture(autouse=True)
def cheap_compiles():
  """Each program runs once, on few tokens."""
  before = jax.config.jax_disable_most_optimizations
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", before)


def _same(got, wanted):
  assert jax.tree.structure(got) == jax.tree.structure(wanted)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, atol=3e-5 * (1 + float(jnp.abs(b).max(initial=0))))


@functools.cache
def _wanted(transform, name, length):
  make, traced = ENCODINGS[name]
  encoding = make()
  return TRANSFORMS[transform](transforms.call(encoding, traced, "reference"),
                               transforms.numbers(length, encoding))


@pytest.mark.parametrize("length", [8, 64])
@pytest.mark.parametrize("implementation", ["rows", "auto"])
@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_equals_the_reference(transform, name, implementation, length):
  make, traced = ENCODINGS[name]
  encoding = make()
  got = TRANSFORMS[transform](transforms.call(encoding, traced, implementation),
                              transforms.numbers(length, encoding))
  _same(got, _wanted(transform, name, length))
