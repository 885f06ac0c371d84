# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context parallelism: 8 virtual devices against one, in a process of its own; and mistakes."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention.context.api import context_attend, unzigzag, zigzag, zigzag_order


def _errors(*arguments):
  """What the script prints. Cheap compiles, as it runs each program once, on a few tokens."""
  settings = dict(JAX_NUM_CPU_DEVICES="8", JAX_PLATFORMS="cpu", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
  command = [sys.executable, "-W", "error", "-m", "tests.support.context_script", *arguments]
  done = subprocess.run(command, cwd=pathlib.Path(__file__).parents[2], env=os.environ | settings,
                        capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr[-4000:]
  return json.loads(done.stdout)


@pytest.mark.slow
def test_every_encoding_equals_unsharded_values_and_gradients():
  from tests.encodings.test_contract import CASES  # a contract that does not import fails here only

  results = _errors("every")
  assert len(results) == len(CASES)
  assert not {case: e for case, e in results.items() if not all(x < 1e-12 for x in e)}


def test_equals_unsharded_values_and_gradients_and_shares_the_work():
  # One test, so that the script runs once however tests are spread over processes.
  results = _errors()
  # Tiles of 4 rows, 2 a device: device i of 8 sees i + 1 of 8 shards of keys ..
  assert results.pop("work contiguous") == [2 * (i + 1) for i in range(8)]
  # .. or, in 16 chunks, chunk c sees c + 1 of them, and device i holds c = i and c = 15 - i.
  assert results.pop("work zigzag") == [17] * 8
  assert len(results) == 24
  for case, errors in results.items():
    assert len(errors) >= 4, case
  most = lambda case: 2e-2 if case == "bfloat16" else 1e-12
  wrong = {case: errors for case, errors in results.items()
           if not all(error < most(case) for error in errors)}
  assert not wrong


@pytest.mark.parametrize("shards", [1, 2, 3, 8])
def test_zigzag_gives_device_i_the_ith_chunk_from_either_end(shards):
  length = 2 * shards * 3
  order = zigzag_order(length, shards)
  chunks = np.arange(length).reshape(2 * shards, 3).tolist()
  expected = [chunks[i] + chunks[2 * shards - 1 - i] for i in range(shards)]
  assert order.reshape(shards, -1).tolist() == expected
  x = np.arange(2 * length).reshape(2, length)
  there = zigzag(x, shards, axis=1)
  np.testing.assert_array_equal(there, x[:, order])
  np.testing.assert_array_equal(unzigzag(there, shards, axis=1), x)


def mesh():
  return jax.sharding.Mesh(np.array(jax.devices()[:1]), ("sequence",))


def test_no_tokens_and_no_keys():
  q, empty = jnp.ones((4, 2, 8)), jnp.ones((0, 2, 8))
  assert context_attend(empty, empty, empty, mesh=mesh(), axis="sequence").shape == (0, 2, 8)
  out = context_attend(q, empty, empty, mesh=mesh(), axis="sequence", layout="zigzag")
  assert out.shape == (4, 2, 8) and not out.any()


Q = np.zeros((4, 2, 8), np.float32)


class Half:
  """A mesh that claims two devices, as errors come before any of them is asked."""

  axis_names = ("sequence",)
  shape = {"sequence": 2}


@pytest.mark.parametrize("error,match,changes", [
    (TypeError, "mesh: got int, wanted a jax.sharding.Mesh", dict(mesh=3)),
    (ValueError, r"axis: got 'time', wanted one of the mesh's axes \('sequence',\)",
     dict(axis="time")),
    (ValueError, "layout: got 'zig-zag', .* Did you mean 'zigzag'", dict(layout="zig-zag")),
    (ValueError, "collective: got 'rings'", dict(collective="rings")),
    (ValueError, "tile: got 0", dict(tile=0)),
    (ValueError, "q: got 3 tokens, wanted a multiple of 2. Pad", dict(q=Q[:3], mesh=Half())),
    (ValueError, "k, v: got 3 tokens, wanted a multiple of 2",
     dict(k=Q[:3], v=Q[:3], mesh=Half())),
    (ValueError, "q: got 6 tokens, wanted a multiple of 4",
     dict(q=np.zeros((6, 2, 8), np.float32), mesh=Half(), layout="zigzag")),
    (ValueError, "collective: got 'ring', .* its scores hook needs whole rows",
     dict(encoding=px.Cope(np.zeros((4, 8), np.float32)), collective="ring")),
    (ValueError, "collective: got 'ring', .* a dense mask needs whole rows",
     dict(mask=np.ones((1, 4, 4), bool), collective="ring")),
    (ValueError, "q_positions, k_positions", dict(k=Q[:2], v=Q[:2], encoding=px.Alibi(2))),
    (ValueError, "q, k, v: got q", dict(q=Q[0])),
    (TypeError, "encoding: got 3, wanted an encoding or None", dict(encoding=3)),
])
def test_mistakes_are_named(error, match, changes):
  arguments = dict(q=Q, k=Q, v=Q, mesh=mesh(), axis="sequence") | changes
  with pytest.raises(error, match=match):
    context_attend(**arguments)


def test_zigzag_length_is_named():
  with pytest.raises(ValueError, match="length: got 6 tokens, wanted a multiple of 4"):
    zigzag(np.zeros(6), 2)


@pytest.mark.parametrize("x, shards, axis, error, match", [
    (np.zeros(8), 0, 0, ValueError, "shards: got 0"),
    (np.zeros(8), 2.0, 0, TypeError, "shards: got 2.0"),
    (np.zeros(8), 2, 1, ValueError, "axis: got 1, wanted one of the 1 axes"),
    (np.zeros(8), 2, None, TypeError, "axis: got None"),
])
def test_zigzag_mistakes_are_named(x, shards, axis, error, match):
  with pytest.raises(error, match=match):
    zigzag(x, shards, axis=axis)
