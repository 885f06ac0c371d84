# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lanes over several devices, shares of a sweep, and several processes.

JAX fixes the number of devices when it starts, so what needs several runs in processes of its own.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.devices import Lanes
from posenc_jax.sweeps.run import distributed
from posenc_jax.sweeps.store import lines
from tests.support import sweep_toy
from tests.support.sweep_toy import Line

ROOT = pathlib.Path(__file__).resolve().parents[2]

EIGHT = """
import json, sys
import jax, numpy as np
jax.config.update("jax_numpy_dtype_promotion", "strict")
from posenc_jax import sweeps
from posenc_jax.sweeps.run import program
from tests.support import sweep_toy

used = []
advance = program.Program.advance
def spy(self, state, traced, start, stop):
  used.append(len(state["w"].sharding.device_set))
  if sys.argv[2] == "die" and len(used) == 8:
    sys.exit(3)
  return advance(self, state, traced, start, stop)
program.Program.advance = spy
results = sweeps.run(
  sweep_toy.Line(), sweep_toy.cells(13), sys.argv[1], report=False, progress=False,
  checkpoint_seconds=0, chunk_seconds=1e-9, devices=int(sys.argv[3]) or None)
print(json.dumps({"used": sorted(set(used)), "chunks": len(used), "devices": jax.device_count()}))
"""


def start(code_or_script, *argv, **environment):
  command = [sys.executable, *code_or_script, *map(str, argv)]
  return subprocess.Popen(
    command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process, code=0):
  out, err = process.communicate(timeout=300)
  assert process.returncode == code, err
  return out


@pytest.fixture(scope="module")
def one_device():
  return sweeps.run(Line(), sweep_toy.cells(13), progress=False)


def check_equal(found, wanted):
  for a, b in zip(found, wanted, strict=True):
    assert a["cell"] == b["cell"] and a["status"] == "ok"
    np.testing.assert_allclose(a["series"]["loss"], b["series"]["loss"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(a["series"]["weights"], b["series"]["weights"], rtol=1e-6)


def test_uneven_lanes_spread_over_eight_devices(tmp_path, one_device):
  # Seven lanes of one program, six of the other: neither is a multiple of anything.
  argv = ("-c", EIGHT), tmp_path / "eight"
  end(start(*argv, "die", 0, JAX_NUM_CPU_DEVICES="8"), code=3)
  assert list((tmp_path / "eight" / "checkpoints").iterdir())
  said = json.loads(end(start(*argv, "go", 0, JAX_NUM_CPU_DEVICES="8")))
  assert said["devices"] == 8 and said["used"] == [6, 7]
  assert said["chunks"] < 2 * Line().steps  # It went on from the checkpoint.
  found = sweeps.load(tmp_path / "eight")
  assert found.manifest["devices"]["count"] == 8
  check_equal(found, one_device)
  said = json.loads(end(start(("-c", EIGHT), tmp_path / "four", "go", 4, JAX_NUM_CPU_DEVICES="8")))
  assert said["used"] == [3, 4]  # Six lanes are two on each of three devices: no lane is padding.
  check_equal(sweeps.load(tmp_path / "four"), one_device)


def test_one_device_has_no_mesh_and_no_padding():
  lanes = Lanes(5, jax.devices()[:1])
  assert lanes.mesh is None and lanes.padded == 5
  assert lanes.put(np.arange(5)).shape == (5,)


def test_shares_do_all_cells_once_and_are_merged(tmp_path, one_device):
  cells, quiet = sweep_toy.cells(13), dict(progress=False)
  for i in (2, 0, 1):
    part = sweeps.run(Line(), cells, tmp_path, shard=(i, 3), **quiet)
    assert part.missing or i == 1
  ids = []
  for i in range(3):
    own = [r["id"] for r in lines.scan(tmp_path / f"results-{i}-of-3.jsonl").records]
    assert 4 <= len(own) <= 5
    ids += own
  assert sorted(ids) == sorted(c.id for c in cells)
  check_equal(sweeps.load(tmp_path), one_device)
  # Nothing is left to do for a run of its own.
  sweeps.run(Line(), cells, tmp_path, report=False, **quiet)
  assert not (tmp_path / "results.jsonl").exists()


def test_shares_without_a_common_disk_are_merged_on_reading(tmp_path, one_device):
  cells = sweep_toy.cells(13)
  for i in range(2):
    sweeps.run(Line(), cells, tmp_path / str(i), shard=(i, 2), progress=False, memory_limit=1e9)
  check_equal(sweeps.load(tmp_path / "0", tmp_path / "1"), one_device)


def free_port():
  with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]


def test_two_processes_share_a_sweep(tmp_path, one_device):
  port = free_port()
  script = ("-m", "tests.support.sweep_toy")
  argv = (tmp_path / "out", "--cells", 13, "--max_lanes", 9, "--port", port)
  both = [start(script, *argv, "--process", i, JAX_NUM_CPU_DEVICES="2") for i in range(2)]
  try:
    for process in both:
      end(process)
  finally:
    for process in both:
      process.kill()
  for i in range(2):
    assert 6 <= len(lines.scan(tmp_path / "out" / f"results-{i}-of-2.jsonl").records) <= 7
  found = sweeps.load(tmp_path / "out")
  assert found.manifest["devices"] == {"backend": "cpu", "kind": "cpu", "count": 2, "processes": 2}
  check_equal(found, one_device)
  assert (tmp_path / "out" / "table.csv").read_text().count("\n") == 14


def test_waiting_ends_when_nothing_is_missing_or_a_signal_comes():
  left = [True, True, False]
  distributed.wait(lambda: left.pop(0), lambda: True, lambda: False, pause=0.0)
  assert not left
  distributed.wait(lambda: True, lambda: True, lambda: True)
  with pytest.raises(sweeps.SweepError, match="run: out: got .* no trace, wanted one on a disk"):
    distributed.wait(lambda: True, lambda: False, lambda: False, pause=0.0, patience=0.0)
