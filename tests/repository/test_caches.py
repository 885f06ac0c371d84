# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""No module has a container that its functions fill: it is a hidden global, and looks like code.

A fingerprint of code sees the globals that code names, so a list of what was asked before makes the
code of a second run another one. ``functools.cache`` is no such container: nobody else can read it.
"""

import ast

import pytest

from tests.support.repository import python_sources

MAKES = {"dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque", "Registry"}
CHANGES = {"append", "add", "update", "pop", "popitem", "setdefault", "clear", "extend", "insert",
           "remove", "discard", "appendleft"}
# Classes that are noted where they are defined; those of ``_tree`` are Registries, which a
# fingerprint leaves out, and ``_fixed`` decides what is learned.
ALLOWED = {"posenc_jax/_kinds.py: _fixed", "posenc_jax/_tree.py: _registered",
           "posenc_jax/_tree.py: _watchers"}


def containers(tree: ast.Module) -> set[str]:
  """Names of a module's own lists, dicts and sets."""
  found = set()
  for node in tree.body:
    value = getattr(node, "value", None)
    called = isinstance(value, ast.Call) and getattr(value.func, "attr", getattr(
      value.func, "id", None)) in MAKES
    if isinstance(node, ast.Assign | ast.AnnAssign) and (called or isinstance(
        value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)):
      targets = node.targets if isinstance(node, ast.Assign) else [node.target]
      found |= {t.id for t in targets if isinstance(t, ast.Name)}
  return found


def changed(function: ast.AST) -> set[str]:
  """Names whose contents a function changes, but for its own."""
  own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)
         and isinstance(n.ctx, ast.Store)} | {n.arg for n in ast.walk(function)
                                              if isinstance(n, ast.arg)}
  shared = {name for n in ast.walk(function) if isinstance(n, ast.Global) for name in n.names}
  found = set(shared)
  for node in ast.walk(function):
    inner = None
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
      inner = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
        node.func.attr in CHANGES):
      inner = node.func.value
    if isinstance(inner, ast.Name) and inner.id not in own - shared:
      found.add(inner.id)
  return found


def faults(sources: dict[str, str]) -> list[str]:
  found = []
  for path, text in sources.items():
    tree = ast.parse(text)
    names = containers(tree)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    found += [f"{path}: {name}" for name in sorted(names & set().union(*map(changed, functions)))]
  return [fault for fault in found if fault not in ALLOWED]


@pytest.mark.parametrize("folder", ["posenc_jax", "experiments"])
def test_no_function_fills_a_container_of_its_module(folder):
  assert faults(python_sources(folder)) == []
  assert all(fault.split(":")[0] in python_sources("posenc_jax") for fault in ALLOWED)


@pytest.mark.parametrize("text, bad", [
  ("_seen: dict = {}\ndef f(x):\n  _seen[x] = 1", True),
  ("import collections\n_seen = collections.defaultdict(list)\ndef f(x):\n  _seen[x] = 1", True),
  ("a = []\nclass C(list):\n  def f(self, x):\n    a.append(x)", True),
  ("a = set()\nf = lambda x: a.add(x)", True),
  ("a = {}\ndef f():\n  global a\n  a = {}", True),
  ("a = {}\ndef f(x):\n  del a[x]", True),
  ("a = {}\ndef f(x):\n  return a[x]", False),
  ("a = {}\ndef f(x):\n  a = {}\n  a[x] = 1", False),
  ("a = {}\ndef f(a):\n  a[0] = 1", False),
  ("a = {}\na[0] = 1", False),
])
def test_those_that_do_are_found(text, bad):
  assert bool(faults({"m.py": text})) == bad
