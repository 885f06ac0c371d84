# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The repository's own files, for the tests that read them."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def repository_files() -> tuple[str, ...]:
  """The repository's files, new ones included and ignored ones left out."""
  command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
  try:
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = sorted(set(listed.splitlines()))
  except (OSError, subprocess.CalledProcessError):
    # An unpacked source archive: everything in it, but for what building and testing leave there.
    names = [
      path.relative_to(ROOT).as_posix()
      for path in sorted(ROOT.rglob("*"))
      if not re.search(r"/(\.[^c][^/]*|build|dist|__pycache__|[^/]*\.egg-info)/", f"{path}/")
    ]
  return tuple(name for name in names if (ROOT / name).is_file())


def python_sources(*folders: str) -> dict[str, str]:
  """The text of each Python file, all of them or those below the folders."""
  return {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in repository_files()
    if name.endswith(".py") and (not folders or name.split("/")[0] in folders)
  }


def text_files() -> dict[str, str]:
  """The text of each file that is text."""
  texts = {}
  for name in repository_files():
    content = (ROOT / name).read_bytes()
    if b"\0" not in content:
      texts[name] = content.decode("utf-8")
  return texts
