# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""No compiled program holds numbers for pairs of tokens: XLA would compute them while compiling."""

import math
import re

import jax
import jax.numpy as jnp
import pytest

import posenc_jax as px

T, HEADS = 64, 2


@pytest.mark.parametrize("implementation", ["reference", "rows"])
@pytest.mark.parametrize("make", [lambda key: px.Shaw.init(key, 4, max_distance=3),
                                  lambda key: px.T5Bias.init(key, HEADS)], ids=["shaw", "t5"])
def test_a_gradient_holds_no_indices_of_pairs(make, implementation):
  q = jnp.ones((1, T, HEADS, 4))
  loss = lambda e, q: px.attend(q, q, q, e, causal=True, implementation=implementation).sum()
  text = jax.jit(jax.grad(loss)).lower(make(jax.random.key(0)), q).compile().as_text()
  shapes = re.findall(r"= \w+\[([\d,]*)\]\S* constant\(", text)
  sizes = [math.prod(map(int, filter(None, shape.split(",")))) for shape in shapes]
  assert sizes and max(sizes) < T * T
