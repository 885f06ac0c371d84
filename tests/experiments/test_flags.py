# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Flags: lists, bounds, every fault at once, exit status 2 before anything is compiled."""

import subprocess
import sys

import pytest
from absl import flags as absl_flags

from experiments import flags

ROOT = __file__.rsplit("/", 3)[0]


@pytest.fixture
def values(monkeypatch):
  """A fresh set of flags, so that tests do not share them."""
  fresh = absl_flags.FlagValues()

  def define(flag, *args, **kwargs):
    fresh[flag.name] = flag

  monkeypatch.setattr(absl_flags, "DEFINE_flag", define)
  flags.integers("width", [8], "widths", low=2, high=64)
  flags.floats("rate", [0.1], "rates", high=1.0)
  flags.words("names", ["a"], "names")
  return fresh


def test_lists_by_comma_and_by_repeating(values):
  assert flags.parse(["x", "--width=4,16", "--width", "32", "--rate=0.5, 1e-3"], values) == []
  assert values["width"].value == [4, 16, 32]
  assert values["rate"].value == [0.5, 0.001]
  assert values["names"].value == ["a"]


def test_every_fault_is_told(values):
  faults = flags.parse(["x", "--width=1", "--rate=2,nan", "--naems=b", "--names=", "stray",
                        "--width=4.5"], values)
  text = "\n".join(faults)
  for part in ("--width=1: got 1, wanted 2 to 64", "got 2, wanted 0.0 to 1.0", "naems", "names",
               "got an empty value, wanted", "got 'stray', wanted flags only"):
    assert part in text, (part, text)


def _run(*arguments):
  return subprocess.run([sys.executable, "-m", "experiments.compare", *arguments], cwd=ROOT,
                        capture_output=True, text=True, timeout=300)


def test_a_script_lists_all_faults_and_exits_with_2(tmp_path):
  (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 100)
  done = _run("--encodings=rotry,alibi", "--d_model=20,32", "--head_dim=15", "--steps=0",
              f"--data_file={tmp_path / 'latin.txt'}", "--sheed=1", f"--out={tmp_path / 'run'}")
  assert done.returncode == 2, done.stderr
  for part in ("Did you mean 'rotary'", "--d_model: got 20, wanted a multiple of --head_dim=15",
               "steps", "latin.txt", "byte", "sheed", "Nothing was run"):
    assert part in done.stderr, (part, done.stderr)
  assert not (tmp_path / "run").exists()


def test_a_missing_file_and_an_odd_head(tmp_path):
  done = _run("--encodings=rotary", "--d_model=15", "--head_dim=15",
              f"--data_file={tmp_path / 'nowhere.txt'}")
  assert done.returncode == 2
  assert "nowhere.txt" in done.stderr and "--head_dim: got 15, wanted an even one" in done.stderr


def test_dry_run_prints_the_plan_and_runs_nothing(tmp_path):
  done = _run("--dry_run", "--encodings=none,alibi", f"--out={tmp_path / 'run'}")
  assert done.returncode == 0, done.stderr
  assert "24 cells" in done.stdout and "compile" in done.stdout
  assert not (tmp_path / "run").exists()


def test_help_names_every_flag():
  done = _run("--help")
  for name in ("encodings", "d_model", "seq_len", "eval_multiples", "seeds", "steps", "layers",
               "learning_rate", "head_dim", "data_file", "out", "dry_run", "batching"):
    assert f"--{name}" in done.stdout or f"--[no]{name}" in done.stdout, name
