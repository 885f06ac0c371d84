# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``posenc-compare``, and which packages an install has."""

import ast
import importlib.util
import os
import subprocess
import sys

import pytest

from posenc_jax import _scripts
from tests.support.repository import ROOT


def test_the_command_is_the_module(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["posenc-compare", "--help"])
  # Another test may have imported it, of which the command's own process knows nothing.
  monkeypatch.delitem(sys.modules, "experiments.compare", raising=False)
  with pytest.raises(SystemExit) as stop:
    _scripts.compare()
  assert not stop.value.code and "--encodings" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["experiments", "experiments.compare"])
def test_where_the_scripts_are_missing_it_says_how_to_get_them(missing, monkeypatch, capsys):
  find = importlib.util.find_spec
  monkeypatch.setattr(importlib.util, "find_spec",
                      lambda name: None if name == missing else find(name))
  with pytest.raises(SystemExit) as stop:
    _scripts.compare()
  told = capsys.readouterr().err
  assert stop.value.code == 2 and "posenc-compare: got an installation without experiments" in told
  assert "git clone" in told and "pip install -e '.[experiments]'" in told


WITHOUT = """
import sys

class Missing:
  def find_spec(self, name, path=None, target=None):
    if name.partition(".")[0] in {names!r}:
      raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.mark.parametrize("names, words, wanted, status", [
  (["optax"], ["-m", "experiments.compare"], "error: experiments: got an environment without optax,"
   " wanted one that has it. Run: pip install -e '.[experiments]'.", 2),
  (["optax", "flax"], ["-c", "from posenc_jax import _scripts; _scripts.compare()"], "error: "
   "experiments: got an environment without flax, optax, wanted one that has them. Run: pip", 2),
  (["optax"], ["-c", "import experiments.fields"], "ModuleNotFoundError: experiments: got an "
   "environment without optax", 1),
  (["flax"], ["-c", "from posenc_jax import nn"], "ModuleNotFoundError: posenc_jax.nn: got an "
   "environment without flax, wanted one that has it. Run: pip install 'posenc_jax[flax]'.", 1),
  (["flax", "optax"], ["-c", "import posenc_jax.methods, posenc_jax.sweeps"], "", 0),
])
def test_a_missing_package_is_told_with_the_extra_that_has_it(names, words, wanted, status,
                                                              tmp_path):
  """A bare "No module named 'optax'" under a traceback did not say what to install."""
  (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(names=names))
  done = subprocess.run(
    [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300,
    env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])})
  assert done.returncode == status and wanted in done.stderr, done.stderr
  assert ("Traceback" in done.stderr) == (status == 1)


def test_scripts_are_in_editable_installs_only(monkeypatch):
  tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
  call = tree.body.pop()  # the one of setup()
  assert ast.unparse(call) == "setuptools.setup(packages=packages(sys.argv))"
  scope: dict = {}
  exec(compile(tree, "setup.py", "exec"), scope)  # noqa: S102
  monkeypatch.chdir(ROOT)
  for command in ("bdist_wheel", "sdist", "egg_info"):
    found = scope["packages"](["setup.py", command])
    assert "posenc_jax.sweeps.show" in found and "experiments" not in found
    assert not [name for name in found if not name.startswith("posenc_jax")]
  assert "experiments" in scope["packages"](["setup.py", "editable_wheel"])


@pytest.mark.parametrize("words", [
  pytest.param(["posenc_jax", "T5"], marks=pytest.mark.slow), ["experiments.compare", "--help"],
  pytest.param(["experiments.compare", "--dry_run", "--preset=quick"], marks=pytest.mark.slow)])
def test_a_reader_that_has_enough_ends_a_command_quietly(words):
  """It ended in the traceback of a BrokenPipeError, or in an "Exception ignored"."""
  reader, writer = os.pipe()
  os.close(reader)
  try:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=writer, text=True,
                          stderr=subprocess.PIPE, timeout=300)
  finally:
    os.close(writer)
  assert (done.returncode, done.stderr) == (141, "")


def test_a_broken_pipe_of_something_else_is_told():
  with pytest.raises(BrokenPipeError), _scripts.piped():
    raise BrokenPipeError
