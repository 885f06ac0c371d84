# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations beside rotary-embedding-torch, and beside Equinox where it is installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import goldens

AT = np.arange(9, dtype=np.int32)
FREQUENCIES = {
  "plain": lambda: px.rotary_frequencies(8),
  "base": lambda: px.rotary_frequencies(8, base=500.0),
  "interpolated": lambda: px.Rotary.from_frequencies(
    px.rotary_frequencies(8).radians / 4).frequencies,
  "ntk": lambda: px.rotary_frequencies(8, base=1e4 * 4 ** (8 / 6)),
}


@pytest.mark.parametrize("name", FREQUENCIES)
def test_neighbours_beside_rotary_embedding_torch(name):
  g = goldens.load("packages")
  x = jnp.asarray(np.swapaxes(g["x"], -3, -2), jnp.float32)  # theirs is [B, N, T, H]
  found = px.rotate(x, AT, FREQUENCIES[name](), pairing="interleaved")
  np.testing.assert_allclose(found, np.swapaxes(g[name], -3, -2), rtol=0, atol=2e-6)


def test_halves_beside_equinox():
  eqx = pytest.importorskip("equinox")
  x = jax.random.normal(jax.random.key(0), (9, 8))
  with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
    wanted = eqx.nn.RotaryPositionalEmbedding(8, theta=500.0)(x)
  found = px.rotate(x[:, None], AT, px.rotary_frequencies(8, base=500.0))[:, 0]
  np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)
