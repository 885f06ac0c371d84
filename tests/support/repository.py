# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The repository's own files, for the tests that read them."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Folders and files of tools, where nothing says what belongs to the repository.
_LEFT_BEHIND = re.compile(r"/(\.(?!ci/|git(hub|ignore)/|pre-commit)[^/]*|build|dist|runs"
                          r"|__pycache__|[^/]*\.egg-info)/")


@functools.cache
def repository_files(untracked: bool = False, root: pathlib.Path = ROOT) -> tuple[str, ...]:
  """The files that git tracks; without git all but environments and what tools leave behind.

  Args:
    untracked: new files too, unless they are ignored or in an environment; what a copy needs.
    root: of the repository.
  """
  command = ["git", "ls-files", "--cached"]
  command += ["--others", "--exclude-standard"] if untracked else []
  try:
    # A folder inside somebody else's repository is not one of its own.
    top = _output(["git", "rev-parse", "--show-toplevel"], root)
    if pathlib.Path(top.strip()).resolve() != root.resolve():
      raise FileNotFoundError(root / ".git")
    names = sorted(set(_output(command, root).splitlines()))
  except (OSError, subprocess.CalledProcessError):
    # An unpacked source archive: everything in it, but for what building and testing leave there.
    names = [
      path.relative_to(root).as_posix()
      for path in sorted(root.rglob("*"))
      if not _LEFT_BEHIND.search(f"/{path.relative_to(root).as_posix()}/")
    ]
  environments = _environments(root)
  return tuple(name for name in names if (root / name).is_file()
               and not name.startswith(environments))


def _output(command: list[str], folder: pathlib.Path) -> str:
  return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _environments(root: pathlib.Path) -> tuple[str, ...]:
  """Folders of virtual environments, whatever they are called; as prefixes of names."""
  marks = [*root.glob("*/pyvenv.cfg"), *root.glob("*/*/pyvenv.cfg"), *root.glob("*/conda-meta")]
  return tuple(f"{mark.parent.relative_to(root).as_posix()}/" for mark in marks)


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
