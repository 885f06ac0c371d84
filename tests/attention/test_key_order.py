# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings that sum over keys refuse keys that are known to stand in another order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px

KEY = jax.random.key(0)
Q = jax.random.normal(KEY, (1, 6, 2, 8))
UP = np.arange(6)
ENCODINGS = {
  "stick-breaking": px.StickBreaking(),
  "cope": px.Cope.init(KEY, 4, 8),
  "dape-v2": px.Dape.init(KEY, 2, None, taps=3),
  "in a chain": px.chain(px.Rotary(8), px.StickBreaking()),
}


def attend(e, positions, **how):
  return px.attend(Q, Q, Q, e, causal=True, q_positions=UP, k_positions=positions, **how)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_known_order_that_falls_is_refused(name):
  e = ENCODINGS[name]
  with pytest.raises(ValueError, match="k_positions: got an order that falls along S, and (Stick|Co"
                                       "pe|Dape).*Sort k, v and their positions"):
    attend(e, UP[::-1].copy())
  attend(e, UP)


def test_what_is_in_order_within_a_document_or_hidden_passes():
  restarted = np.array([0, 1, 2, 0, 1, 2])
  e = ENCODINGS["stick-breaking"]
  packed = px.attend(Q, Q, Q, e, causal=True, segments=jnp.asarray([0, 0, 0, 1, 1, 1])[None],
                     q_positions=restarted, k_positions=restarted)
  assert packed.shape == Q.shape
  with pytest.raises(ValueError, match="an order that falls"):
    px.attend(Q, Q, Q, e, causal=True, q_positions=restarted, k_positions=restarted)
  seen = jnp.asarray(np.tril(np.ones((1, 6, 6), bool)))
  assert attend(e, np.array([0, 1, 2, 3, 4, 0]), mask=seen).shape == Q.shape
  jax.eval_shape(lambda at: attend(e, at), jnp.asarray(UP[::-1].copy()))  # Nothing is known of it.


def test_what_needs_no_order_gets_the_same_in_any():
  back = UP[::-1].copy()
  for e in (px.Rotary(8), px.Dape.init(KEY, 2, px.Alibi(2))):
    found = px.attend(Q, Q[:, back], Q[:, back], e, causal=True, q_positions=UP, k_positions=back)
    np.testing.assert_allclose(found, attend(e, UP), atol=2e-6)
