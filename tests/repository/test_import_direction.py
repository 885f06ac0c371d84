# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Imports run one way, and flax and absl stay where they belong.

Each check is a function that returns the faults it finds, so that it can be tried on a bad example
right beside the repository.
"""

import ast
import collections
import dataclasses

import pytest

from tests.support.repository import python_sources

# A module may import what stands on its own level or below. "posenc_jax" alone is the package's
# __init__, which gathers the public names.
LEVELS = {
  **dict.fromkeys(["posenc_jax._version", "posenc_jax._compat", "posenc_jax._errors"], 0),
  "posenc_jax.base": 1,
  **dict.fromkeys(["posenc_jax.positions", "posenc_jax.phases"], 2),
  "posenc_jax.encodings": 3,
  "posenc_jax.attention": 4,
  **dict.fromkeys(["posenc_jax.interop", "posenc_jax.precision"], 5),
  "posenc_jax": 6,
  **dict.fromkeys([f"posenc_jax.{name}" for name in ("nn", "sweeps", "testing")], 7),
  **dict.fromkeys(["experiments", "benchmarks"], 8),
  "tests": 9,
}


@dataclasses.dataclass(frozen=True)
class Import:
  """One imported dotted name, and whether it is imported only when a function runs."""

  name: str
  lazy: bool


def module_name(path: str) -> str:
  parts = path.removesuffix(".py").split("/")
  return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: str, text: str) -> list[Import]:
  """Every import in a file; `from a import b` counts as `a.b`, relative ones are resolved."""
  found = []
  package = path.split("/")[:-1]

  def visit(node: ast.AST, lazy: bool) -> None:
    if isinstance(node, ast.Import):
      found.extend(Import(alias.name, lazy) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      base = package[: len(package) - node.level + 1] if node.level else []
      parent = ".".join([*base, *([node.module] if node.module else [])])
      found.extend(Import(f"{parent}.{alias.name}", lazy) for alias in node.names)
    inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
      visit(child, lazy or inner)

  visit(ast.parse(text), False)
  return found


def unit_of(name: str) -> str | None:
  """The entry of LEVELS that a dotted name belongs to; None for other packages."""
  top, *rest = name.split(".")
  if top != "posenc_jax":
    return top if top in LEVELS else None
  # `from posenc_jax import Rotary` asks the package itself, `... import base` asks the module.
  return f"posenc_jax.{rest[0]}" if rest and f"posenc_jax.{rest[0]}" in LEVELS else top


def direction_faults(sources: dict[str, str]) -> list[str]:
  faults, edges = [], collections.defaultdict(set)
  for path, text in sources.items():
    module = module_name(path)
    unit = unit_of(module)
    if unit is None or (unit == "posenc_jax" and module != "posenc_jax"):
      faults.append(f"{path} stands on no level; add {module} to LEVELS")
      continue
    for imported in imports_of(path, text):
      other = unit_of(imported.name)
      if other is None or other == unit:
        continue
      edges[unit].add(other)
      if LEVELS[other] > LEVELS[unit]:
        faults.append(f"{path} imports {imported.name}, which stands above it")
  for unit, others in edges.items():
    faults.extend(
      f"{unit} and {other} import each other"
      for other in others
      if unit < other and unit in edges.get(other, ())
    )
  return faults


def test_imports_run_one_way():
  folders = {name.split(".")[0] for name in LEVELS}
  assert direction_faults(python_sources(*folders)) == []


@pytest.mark.parametrize(
  ("sources", "fault"),
  [
    ({"posenc_jax/base.py": "from posenc_jax.encodings import alibi"}, "stands above it"),
    ({"posenc_jax/base.py": "from posenc_jax import encodings"}, "stands above it"),
    ({"posenc_jax/base.py": "from . import encodings"}, "stands above it"),
    ({"posenc_jax/encodings/a.py": "from ..attention import rows"}, "stands above it"),
    ({"posenc_jax/encodings/a.py": "from posenc_jax import attend"}, "stands above it"),
    ({"posenc_jax/encodings/a.py": "import posenc_jax as px"}, "stands above it"),
    ({"posenc_jax/attention/a.py": "def f():\n  import posenc_jax.nn"}, "stands above it"),
    ({"posenc_jax/__init__.py": "from posenc_jax import nn"}, "stands above it"),
    ({"posenc_jax/testing.py": "from experiments import data"}, "stands above it"),
    ({"experiments/a.py": "import tests.oracles"}, "stands above it"),
    (
      {
        "posenc_jax/phases.py": "import posenc_jax.positions",
        "posenc_jax/positions.py": "from posenc_jax.phases import turns",
      },
      "import each other",
    ),
    ({"posenc_jax/news.py": "x = 1"}, "stands on no level"),
  ],
)
def test_imports_the_wrong_way_are_found(sources, fault):
  faults = direction_faults({"posenc_jax/attention/b.py": "from .. import base", **sources})
  assert len(faults) == 1 and fault in faults[0]


def third_party_faults(sources: dict[str, str]) -> list[str]:
  """flax below posenc_jax/nn only, in testing inside functions; absl in experiments only."""
  faults = []
  for path, text in sources.items():
    for imported in imports_of(path, text):
      top = imported.name.split(".")[0]
      testing = path.startswith("posenc_jax/testing")
      if (
        top == "flax" and not path.startswith("posenc_jax/nn/") and not (testing and imported.lazy)
      ):
        faults.append(f"{path} imports {imported.name}")
      if top == "absl":
        faults.append(f"{path} imports {imported.name}")
  return faults


def test_the_package_imports_flax_in_nn_and_flags_nowhere():
  assert third_party_faults(python_sources("posenc_jax")) == []


@pytest.mark.parametrize(
  ("path", "text", "bad"),
  [
    ("posenc_jax/base.py", "import flax", True),
    ("posenc_jax/sweeps/run.py", "def f():\n  from flax import nnx", True),
    ("posenc_jax/nn/lm.py", "from flax import nnx", False),
    ("posenc_jax/testing.py", "from flax import nnx", True),
    ("posenc_jax/testing.py", "def f():\n  from flax import nnx", False),
    ("posenc_jax/nn/lm.py", "from absl import flags", True),
    ("posenc_jax/sweeps/run.py", "import absl.app", True),
  ],
)
def test_third_party_imports_in_the_wrong_place_are_found(path, text, bad):
  assert bool(third_party_faults({path: text})) == bad
