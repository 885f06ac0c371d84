# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Nothing that is read can run: no pickle, eval, exec, shell or YAML in what is shipped or run."""

import ast

import pytest

from tests.support.repository import python_sources

MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml", "ruamel",
           "ml_collections", "fiddle"}
CALLS = {"eval", "exec", "os.system", "os.popen"}


def name_of(node: ast.expr) -> str:
  """A dotted name, or what an attribute is called of something else."""
  if isinstance(node, ast.Name):
    return node.id
  return f"{name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def safety_faults(sources: dict[str, str]) -> list[str]:
  """Imports and calls that can run what they read."""
  faults = []
  for path, text in sources.items():
    for node in ast.walk(ast.parse(text)):
      told = []
      if isinstance(node, ast.Import):
        told = [a.name for a in node.names if a.name.split(".")[0] in MODULES]
      elif isinstance(node, ast.ImportFrom):
        told = [node.module or ""] if (node.module or "").split(".")[0] in MODULES else []
      elif isinstance(node, ast.Call):
        name, given = name_of(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name in CALLS or given.get("shell") == "True":
          told = [name]
        elif name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
          told = [f"{name} without allow_pickle=False"]
      faults += [f"{path}:{node.lineno}: {what}" for what in told]
  return faults


def test_nothing_that_is_read_can_run():
  sources = python_sources("posenc_jax", "experiments")
  assert len(sources) > 150
  assert safety_faults(sources) == []


@pytest.mark.parametrize("code, fault", [
  ("import pickle", "pickle"),
  ("def f():\n  from yaml import load", "yaml"),
  ("x = eval('1')", "eval"),
  ("exec(text)", "exec"),
  ("os.system('ls')", "os.system"),
  ("subprocess.run('ls', shell=True)", "subprocess.run"),
  ("np.load(path)", "np.load without allow_pickle=False"),
  ("np.load(path, allow_pickle=True)", "np.load without allow_pickle=False"),
])
def test_what_can_is_found(code, fault):
  found, = safety_faults({"good.py": "np.load(p, allow_pickle=False)\nmodel.eval()\n"
                          "jax.eval_shape(f)", "bad.py": code})
  assert found.startswith("bad.py:") and found.endswith(f": {fault}")
