# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Positions against plain Python counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posenc_jax import positions
from tests import oracles

ROW = 9


@given(st.lists(st.booleans(), min_size=ROW, max_size=ROW))
def test_from_mask_counts_real_tokens(mask):
  got = positions.from_mask(jnp.array([mask]))
  assert got.tolist() == [[sum(mask[:i + 1]) - 1 for i in range(ROW)]]


@given(st.lists(st.integers(0, 2), min_size=ROW, max_size=ROW))
def test_from_segments_restarts(ids):
  wanted = []
  for i, x in enumerate(ids):
    wanted.append(wanted[-1] + 1 if i and ids[i - 1] == x else 0)
  assert positions.from_segments(jnp.array([ids])).tolist() == [wanted]


def test_from_lengths():
  got = positions.from_lengths(jnp.array([[0, 2], [4, 3]]), 4)
  assert got.tolist() == [[[-1] * 4, [0, 1, -1, -1]], [[0, 1, 2, 3], [0, 1, 2, -1]]]


@pytest.mark.parametrize("lengths", [[2, 5], [-1, 2]])
def test_from_lengths_refuses_more_tokens_than_there_are(lengths):
  with pytest.raises(ValueError, match=r"lengths: got \[.*\], wanted numbers from 0 to 4"):
    positions.from_lengths(lengths, 4)


def test_grid_is_row_major():
  got = np.asarray(positions.grid(2, 3, 4))
  assert got.tolist() == [[t, y, x] for t in range(2) for y in range(3) for x in range(4)]


def test_distance_has_the_sign_of_the_past():
  got = positions.distance(jnp.array([[5]]), jnp.array([[3, 9]]))
  assert got.tolist() == [[[2, -4]]]


def test_sorted_subset_is_a_uniform_sorted_subset():
  draw = jax.jit(jax.vmap(lambda k: positions.sorted_subset(k, 5, 20)))
  drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 500)))
  for row in drawn[:50]:
    assert not oracles.randomized_positions_faults(row, length=5, max_length=20)
  error = drawn.mean(0) - oracles.randomized_positions_mean(5, 20)
  assert np.abs(error).max() < 0.6  # about four standard errors
  with pytest.raises(ValueError, match=r"size: got 21, wanted at most maximum=20"):
    positions.sorted_subset(jax.random.key(0), 21, 20)


def test_a_mask_must_be_bool():
  with pytest.raises(TypeError, match="mask: got int32, wanted bool"):
    positions.from_mask(jnp.array([1, 0]))
