# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``posenc-compare``, and which packages an install has."""

import ast
import importlib.util
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
