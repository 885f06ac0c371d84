# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Directories that came from somebody else: caps on what is read, names that stay inside."""

import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import files
from posenc_jax.sweeps.store import arrays, lines, reading


def too_long(path):
  """A file of more bytes than are read, none of them on the disk."""
  with open(path, "wb") as file:
    file.truncate(files.MOST_BYTES + 1)
  return path


def test_a_file_beyond_the_cap_is_not_read(tmp_path):
  with pytest.raises(OSError, match=f"it has {files.MOST_BYTES + 1} bytes, more than the "):
    files.read(too_long(tmp_path / "a"))
  (tmp_path / "b").write_bytes(b"12345")
  assert files.read(tmp_path / "b", 5) == b"12345"
  with pytest.raises(OSError, match="it has 5 bytes, more than the 4 that are read"):
    files.read(tmp_path / "b", 4)


def test_logs_and_manifests_are_read_to_the_cap(tmp_path):
  with pytest.raises(sweeps.CorruptStore, match="results.jsonl: got what cannot be read: it has"):
    lines.scan(too_long(tmp_path / "results.jsonl"))
  too_long(tmp_path / "manifest.json")
  with pytest.raises(sweeps.CorruptStore, match="manifest.json: got what cannot be read: .*more"):
    reading.read_manifest(tmp_path)


def test_packed_arrays_that_would_fill_the_memory_are_refused(tmp_path):
  path = tmp_path / "bomb.npz"
  np.savez_compressed(path, header=np.zeros(10, np.uint8), leaf0=np.zeros(1 << 24, np.uint8))
  assert path.stat().st_size < 1 << 20
  content, why = arrays.read(path)
  assert content is None and "is packed, which a run does not do" in why


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../a", "/a", "-rf", ".hidden", "a\nb",
                                  "a b", "a\x00", "x" * 101, "~", "C:a"])
def test_a_name_of_a_run_is_one_safe_component(name, tmp_path):
  one = sweeps.simple(lambda static: lambda traced, key: {"loss": traced["lr"]})
  with pytest.raises(ValueError, match=r"run: name: got .*, wanted 1 to 100 of A-Z a-z 0-9"):
    sweeps.run(one, sweeps.grid(lr=[0.1], seed=[0]), tmp_path / "out", name=name)
  assert list(tmp_path.iterdir()) == []
