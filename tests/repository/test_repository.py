# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What holds for every file: licences, names, docstrings, no path of anybody's machine.

Each check is a function that returns the faults it finds, so that it can be tried on a bad example
right beside the repository.
"""

import collections
import dataclasses
import hashlib
import importlib
import inspect
import re
import types

import pytest

from tests.support.repository import ROOT, python_sources, repository_files, text_files

LICENCE = "# Copyright 2026 The posenc_jax Authors.\n# SPDX-License-Identifier: Apache-2.0\n"


def test_the_files_are_found():
  names = repository_files()
  for name in ("setup.cfg", "LICENSE", ".ci/run", "posenc_jax/_version.py", "tests/conftest.py"):
    assert name in names
  assert not any("__pycache__" in name or ".egg-info" in name for name in names)


def licence_faults(sources: dict[str, str]) -> list[str]:
  return [
    name for name, text in sources.items() if not text.removeprefix("\ufeff").startswith(LICENCE)
  ]


def test_every_python_file_has_the_licence_lines():
  assert licence_faults(python_sources()) == []


@pytest.mark.parametrize(
  "text", ["", '"""Docstring first."""\n' + LICENCE, LICENCE.replace("2026", "2025"), LICENCE[:-5]]
)
def test_missing_licence_lines_are_found(text):
  assert licence_faults({"good.py": LICENCE + "x = 1\n", "bad.py": text}) == ["bad.py"]


def test_licence_is_the_standard_text():
  content = (ROOT / "LICENSE").read_bytes()
  # The same 11358 bytes as the file that JAX, optax and chex carry.
  wanted = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
  assert hashlib.sha256(content).hexdigest() == wanted


def path_faults(files: dict[str, str]) -> list[str]:
  """Absolute paths of somebody's machine, and hosts of package indexes."""
  machine = re.compile(
    r"(?<![\w.~$}-])/(?:work|opt|tmp|root|home|Users|mnt|scratch)/|\b[A-Z]:\\\w|\bpy(?:pi\.|thonhosted)"
  )
  return [
    f"{name}:{number}: {line.strip()}"
    for name, text in files.items()
    for number, line in enumerate(text.split("\n"), start=1)
    if machine.search(line)
  ]


def test_no_file_names_a_machine():
  assert path_faults(text_files()) == []


@pytest.mark.parametrize("folder", ["work", "opt", "tmp", "root", "home", "Users", "mnt"])
def test_machine_paths_are_found(folder):
  for line in (f"/{folder}/x", f"see '/{folder}/x'", f"a=/{folder}/x"):
    assert path_faults({"a.md": f"first\n{line}"}) == [f"a.md:2: {line}"]
  for line in (f"tests/{folder}/x", f"https://example.org/{folder}/x", f"$DIR/{folder}/x"):
    assert path_faults({"a.md": line}) == []
  assert path_faults({"a.md": "C:" + "\\Users", "b.md": "py" + "pi.org"}) != []


def name_faults(names: list[str]) -> list[str]:
  """Top-level names that are one on a disk that ignores case, or collide with setuptools' build."""
  counts = collections.Counter(name.lower() for name in names)
  return sorted(name for name in names if counts[name.lower()] > 1 or name.lower() == "build")


def test_top_level_names_differ_without_case():
  assert name_faults(sorted({name.split("/")[0] for name in repository_files()})) == []


def test_colliding_names_are_found():
  assert name_faults(["BUILD.md", "docs", "tests"]) == []
  assert name_faults(["BUILD", "docs"]) == ["BUILD"]
  assert name_faults(["docs", "Docs", "tests"]) == ["Docs", "docs"]


def docstring_faults(module: types.ModuleType) -> list[str]:
  """Public names without a docstring of their own; data without methods has none to give."""
  faults = []
  for name, value in vars(module).items():
    if name.startswith("_") or not (
      inspect.isclass(value) or inspect.ismodule(value) or callable(value)
    ):
      continue
    own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    # A dataclass without a docstring is given its signature instead.
    if not own or own.startswith(f"{name}("):
      faults.append(name)
  return faults


def test_every_public_name_has_a_docstring():
  posenc_jax = importlib.import_module("posenc_jax")
  assert sum(not name.startswith("_") for name in vars(posenc_jax)) > 20
  assert docstring_faults(posenc_jax) == []


def test_missing_docstrings_are_found():
  module = types.ModuleType("module")

  @dataclasses.dataclass
  class Bare:
    size: int

  class Told:
    """Says what it is."""

  class Heir(Told):
    pass

  def silent():
    return 1

  vars(module).update(
    Bare=Bare,
    Told=Told,
    Heir=Heir,
    silent=silent,
    _hidden=silent,
    SIZE=3,
    inner=types.ModuleType("i"),
  )
  assert docstring_faults(module) == ["Bare", "Heir", "silent", "inner"]
