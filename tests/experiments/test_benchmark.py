# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The benchmark: no flag is ignored, and a step of decoding is timed beside the same attention."""

import numpy as np
import pytest

from experiments import benchmark, peers, script
from posenc_jax.attention import attend


def config(*flags):
  return script.from_flags(benchmark.Config, ["benchmark", *flags])


@pytest.mark.parametrize("flags, wanted", [
  (["--parts=attention", "--decode_batch=4"], "Add decode to --parts"),
  (["--parts=angles", "--length=7"], "Add attention or decode to --parts"),
  (["--parts=table", "--encodings=t5"], "none beside --parts=table, as nothing would read it"),
  (["--parts=decode", "--peers=jax.nn,torch"], "got torch, wanted peers of --parts=decode"),
  (["--parts=rotary", "--dtype=float32,bfloat16"], "wanted one for --parts=rotary"),
])
def test_flags_that_no_part_reads_are_refused(flags, wanted):
  with pytest.raises(ValueError, match=wanted):
    config(*flags)


def test_every_flag_has_parts_that_read_it():
  flags = set(benchmark.fields.options_of(benchmark.Config)) - {"parts", "out"}
  assert flags == set(benchmark._READ_BY)
  assert set().union(*benchmark._READ_BY.values()) <= set(benchmark.PARTS)
  assert config("--parts=decode", "--decode_batch=2").decode_batch == 2


@pytest.mark.parametrize("name", ["none", "alibi", "t5"])
def test_peers_do_the_same_step(name, rng):
  encoding, leaf, dense = benchmark._encoding(name, 4)
  k, v = rng.standard_normal((2, 2, 9, 4, 8)).astype(np.float32)
  q = k[:, -1:] + 1
  want = attend(q, k, v, encoding, causal=True, q_positions=np.array([8]),
                k_positions=np.arange(9))
  np.testing.assert_allclose(peers.jax_nn_step(q, k, v, leaf, dense), want, rtol=1e-5, atol=1e-6)


def test_peers_of_parts_are_peers():
  assert set().union(*benchmark._PEERS_OF.values()) == set(benchmark.PEERS)
  assert set(benchmark._PEERS_OF) == set(benchmark._READ_BY["peers"])


def test_rows_say_when_there_is_no_peer():
  made = benchmark.Config(parts=("decode",), encodings=("t5",), dtype=("float32",), length=16,
                          decode_batch=2, heads=2, head_dim=8, repeats=1, peers=("torch",))
  rows = list(benchmark.decode(made))
  assert [(row.measure, row.peer) for row in rows] == [
    ("t5, one new token, B 1", "no peer"), ("t5, one new token, B 2", "no peer")]
  assert all(row.ours > 0 for row in rows)
