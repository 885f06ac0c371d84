# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cuts of a cache and generation, for every encoding that has a name in experiments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.methods import METHODS, Sizes
from tests.support.nn_models import FAST

V, D, N, H, ROOM = 13, 16, 2, 8, 16
BUILDS = {name: build for method in METHODS if method.directions != "bidirectional"
          for name, build in method.builds.items()}


def _model(name):
  """A model of one layer; learned numbers are moved, as some begin at zero."""
  e = BUILDS[name](Sizes(D, N, H, ROOM, ROOM), jax.random.key(1))
  moved = lambda x, learned: x + 0.3 * jax.random.normal(jax.random.key(5), x.shape,
                                                         x.dtype) if learned else x
  e = jax.tree.map(moved, e, px.is_parameter(e))
  model = nn.TransformerLM(V, D, 1, N, encoding=e, rngs=nnx.Rngs(0))
  graphdef, state = nnx.split(model)
  # What draws positions draws the same at every step, as nn.generate does from this key.
  rngs = lambda: nnx.Rngs(positions=jax.random.fold_in(jax.random.key(3), 0))
  step = lambda tokens, cache, mask=None: nnx.merge(graphdef, state)(
      tokens, cache=cache, mask=mask, rngs=rngs())
  full = lambda tokens, mask=None: nnx.merge(graphdef, state)(tokens, mask=mask, rngs=rngs())
  return model, *(jax.jit(f, compiler_options=FAST) for f in (step, full))


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDS)
def test_a_cut_cache_goes_on_and_what_is_written_is_likeliest(name):
  model, step, full = _model(name)
  tokens = jnp.asarray(np.random.default_rng(0).integers(1, V, (2, 8)), jnp.int32)
  wrong, wanted = (tokens + 5) % V, full(tokens)
  _, cache = step(tokens[:, :4], model.init_cache(2, ROOM, rollback=4))
  _, cache = step(jnp.concatenate([tokens[:, 4:5], wrong[:, 5:]], 1), cache)
  cache = tuple(c.crop(5) for c in cache)
  got, cache = step(jnp.concatenate([tokens[:1, 5:], wrong[1:, 5:]]), cache)
  np.testing.assert_allclose(got[0], wanted[0, 5:], atol=3e-5)
  cache = tuple(c.crop(jnp.array([7, 5])) for c in cache)
  got, _ = step(jnp.concatenate([tokens[:1, 7:], tokens[1:, 5:6]]), cache)
  np.testing.assert_allclose(got[0, 0], wanted[0, 7], atol=3e-5)
  np.testing.assert_allclose(got[1, 0], wanted[1, 5], atol=3e-5)

  prompt = tokens.at[1, 3:].set(0)
  written = nn.generate(model, prompt, 4, mask=prompt != 0, key=jax.random.key(3), top_k=1).tokens
  # All rows at once: what draws positions draws them for the whole batch.
  lengths = np.array([8, 3])
  text = np.zeros((2, 12), np.int32)
  for row, length in enumerate(lengths):
    text[row, :length], text[row, length:length + 4] = tokens[row, :length], written[row]
  scores = np.asarray(full(jnp.asarray(text), jnp.arange(12)[None] < lengths[:, None] + 4))
  for row, length in enumerate(lengths):
    likely = scores[row, length - 1:length + 3]
    chosen = np.take_along_axis(likely, np.asarray(written[row])[:, None], axis=-1)[:, 0]
    np.testing.assert_allclose(chosen, likely.max(-1), atol=1e-4)  # a tie may go either way
