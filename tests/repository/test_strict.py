# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The test settings themselves: were they off, other tests would pass for no reason."""

import pkgutil
import warnings
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags

from posenc_jax._compat import enable_x64


def test_dtypes_and_ranks_are_not_promoted():
  with pytest.raises(ValueError, match="strict"):
    jnp.ones(3, jnp.int32) + jnp.ones(3, jnp.float32)
  with pytest.raises(ValueError, match="rank_promotion"):
    jnp.ones(3) + jnp.ones((2, 3))


def test_raw_keys_are_refused():
  with pytest.raises(ValueError, match="Legacy uint32 key array"):
    jax.random.uniform(jnp.zeros(2, jnp.uint32))


def test_warnings_are_errors():
  with pytest.raises(UserWarning, match="noise"):
    warnings.warn("noise", stacklevel=1)


def test_flags_can_be_read():
  assert flags.FLAGS.is_parsed()


def test_one_device():
  assert jax.device_count() == 1 or jax.default_backend() != "cpu"


def test_x64_fixture_allows_float64(x64):
  assert jnp.arange(3.0).dtype == jnp.float64
  assert jax.jit(lambda x: x * 2)(np.float64(1.5)).dtype == jnp.float64


def test_x64_ends_with_its_context():
  assert jnp.arange(3.0).dtype == jnp.float32
  with enable_x64():
    with enable_x64(False):
      assert jnp.arange(3.0).dtype == jnp.float32
    assert jnp.arange(3.0).dtype == jnp.float64
  assert jnp.arange(3.0).dtype == jnp.float32


@pytest.mark.parametrize("case", ["a", "b"])
def test_rng_is_seeded_by_the_test_name(rng, case):
  name = f"test_strict.py::test_rng_is_seeded_by_the_test_name[{case}]"
  expected = np.random.default_rng(zlib.adler32(name.encode())).normal(size=4)
  np.testing.assert_array_equal(rng.normal(size=4), expected)


def test_slow_examples_are_examples():
  """A name that has moved would be an example that is in neither suite."""
  from tests.conftest import SLOW_EXAMPLES

  for name in SLOW_EXAMPLES:
    assert ">>>" in (pkgutil.resolve_name(f"posenc_jax.{name}").__doc__ or ""), name
