# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Parameters that are drawn together are those that are drawn one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.nn import draws


@pytest.mark.parametrize("most", [0, 2**22])
def test_a_model_is_the_same_drawn_together(monkeypatch, most):
  """Whether rows of all sizes share one draw or those of each size have their own."""
  monkeypatch.setattr(draws, "_MOST", most)

  def build(active, together):
    make = lambda: nn.TransformerLM(5, 8, 1, head_dim=4, encoding=px.Alibi(2), tied=False,
                                    active_width=active, rngs=nnx.Rngs(0))
    if not together:
      return nnx.split(make(), nnx.Param, ...)[1]
    with draws.together() as asked:
      model = make()
    return asked.fill(nnx.split(model, nnx.Param, ...)[1])

  one, all_ = jax.jit(lambda active: (build(active, False), build(active, True)))(jnp.int32(4))
  for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(all_),
                          strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7, err_msg=jax.tree_util.keystr(path))
    assert a.size == 1 or abs(a).max() > 0 or a.ndim == 1


def test_a_draw_that_was_computed_with_is_refused():
  with draws.together() as asked:
    drawn = draws.draw(jax.random.key(0), (2,))
  with pytest.raises(ValueError, match="together: fill: got a tree without 1 of the draws"):
    asked.fill({"w": drawn + 1})
