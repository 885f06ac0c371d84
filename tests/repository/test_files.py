# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the repository read the repository: no environment, no file that somebody left there."""

import pathlib
import shutil
import subprocess

import pytest

from tests.support.repository import repository_files

OWN = (".ci/run", ".github/workflows/ci.yml", ".gitignore", ".pre-commit-config.yaml", "README.md",
       "posenc_jax/base.py")
# What lies about in a clone: environments of any name, a text in another encoding, results.
FOREIGN = ("env/pyvenv.cfg", "env/lib/python3.11/site-packages/latin.py", "my/venv/pyvenv.cfg",
           "my/venv/bin/pip", "conda/conda-meta/history", "conda/lib/a.py", "runs/first/table.csv",
           ".idea/a.xml", "posenc_jax/__pycache__/a.pyc", "posenc_jax.egg-info/PKG-INFO")
NEW = "posenc_jax/encodings/new.py"


def clone(folder: pathlib.Path, git: bool) -> pathlib.Path:
  """A repository with foreign files in it."""
  for name in (*OWN, *FOREIGN):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\xe9")  # Latin-1, which UTF-8 cannot read
  if git:
    if shutil.which("git") is None:
      pytest.skip("there is no git here")
    for command in (["init", "-q"], ["add", *OWN]):
      subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
  (folder / NEW).parent.mkdir()
  (folder / NEW).write_text("")
  return folder


def test_with_git_what_it_tracks(tmp_path):
  assert repository_files(root=clone(tmp_path, git=True)) == OWN


def test_a_copy_takes_new_files_but_no_environment(tmp_path):
  clone(tmp_path, git=True)
  (tmp_path / ".gitignore").write_text("/runs/\n/.idea/\n__pycache__/\n*.egg-info/\n")
  found = repository_files(untracked=True, root=tmp_path)
  assert found == tuple(sorted((*OWN, NEW)))


@pytest.mark.parametrize("inside", [False, True])
def test_without_git_all_but_environments_and_leftovers(tmp_path, inside):
  """Also where the folder lies in a repository that is not its own."""
  if inside:
    clone(tmp_path, git=True)
  (tmp_path / "unpacked").mkdir()
  found = repository_files(root=clone(tmp_path / "unpacked", git=False))
  assert found == tuple(sorted((*OWN, NEW)))
