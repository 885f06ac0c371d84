# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Imports run one way, between modules and between rooms; flax and absl stay where they belong.

A room is a folder of a package, or a module beside the folders.

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
  **dict.fromkeys([f"posenc_jax.{name}" for name in ("_version", "_compat", "_numerics")], 0),
  "posenc_jax._errors": 1,
  **dict.fromkeys(["posenc_jax._tree", "posenc_jax._kinds", "posenc_jax._align",
                   "posenc_jax._definition", "posenc_jax._guard", "posenc_jax._heads",
                   "posenc_jax._scripts"], 2),
  **dict.fromkeys(["posenc_jax.base", "posenc_jax._frequencies"], 3),
  **dict.fromkeys(
    [f"posenc_jax.{name}" for name in ("chain", "combinators", "positions", "phases")], 4
  ),
  "posenc_jax.encodings": 5,
  "posenc_jax.attention": 6,
  **dict.fromkeys([f"posenc_jax.{name}" for name in ("functions", "interop", "precision")], 7),
  "posenc_jax.selfcheck": 8,
  "posenc_jax": 9,
  **dict.fromkeys([f"posenc_jax.{name}" for name in ("nn", "sweeps", "testing")], 10),
  **dict.fromkeys(["posenc_jax.methods", "posenc_jax.plots"], 11),
  "posenc_jax.__main__": 12,
  **dict.fromkeys(["experiments", "benchmarks"], 12),
  "tests": 13,
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


# Inside a package, a room may import rooms of a lower level only. "landing" is all modules beside
# the folders that are not named here. The package's __init__ and __main__ stand above all rooms.
ROOMS = {
  "posenc_jax.sweeps": {"landing": 0, "plan": 1, "store": 1, "show": 1, "run": 2, "rounds": 3},
  "posenc_jax.attention": {
    "answers": 0,
    "settings": 0,
    "visibility": 0,
    "hiding": 0,
    **dict.fromkeys(["call", "arguments", "strip"], 1),
    **dict.fromkeys(["semantics", "bias"], 2),
    **dict.fromkeys(["tiles", "fused"], 3),
    "dispatch": 4,
    "api": 5,
    "context": 6,
  },
  "posenc_jax.encodings": {
    "landing": 0,
    **dict.fromkeys(["inputs", "rotations", "biases"], 1),
    **dict.fromkeys(["content", "softmax", "positions"], 2),
    "layers": 3,
  },
}
# Modules that every room of their package may import, whatever its level.
SHARED = {"posenc_jax.encodings.rotations.rotary"}


def room_of(package: str, rest: list[str], modules: set[str]) -> str | None:
  """The room of `package` that the dotted name package.rest belongs to; None if it has no level."""
  if not rest or rest[0] == "__main__" or f"{package}.{rest[0]}" not in modules:
    return "the package"  # `from package import name` asks its __init__ for the name.
  if rest[0] in ROOMS[package]:
    return rest[0]
  is_folder = any(name.startswith(f"{package}.{rest[0]}.") for name in modules)
  return "landing" if "landing" in ROOMS[package] and not is_folder else None


def room_faults(sources: dict[str, str]) -> list[str]:
  """Imports between rooms of one package that do not lead to a lower level."""
  faults = []
  names = {path: module_name(path) for path in sources}
  modules = {".".join(n.split(".")[:i]) for n in names.values() for i in range(n.count(".") + 2)}
  for package, levels in ROOMS.items():
    depth = package.count(".") + 1
    top = {"the package": max(levels.values()) + 1}
    for path, text in sources.items():
      module = names[path]
      if not f"{module}.".startswith(f"{package}."):
        continue
      room = room_of(package, module.split(".")[depth:], modules)
      if room is None:
        faults.append(f"{path} is in no room; add it to ROOMS[{package!r}]")
        continue
      for imported in imports_of(path, text):
        if not f"{imported.name}.".startswith(f"{package}."):
          continue
        other = room_of(package, imported.name.split(".")[depth:], modules)
        shared = any(f"{imported.name}.".startswith(f"{name}.") for name in SHARED)
        if other in (room, None) or shared:
          continue
        if (levels | top)[other] >= (levels | top)[room]:
          faults.append(f"{path} imports {imported.name}; {other} is not below {room}")
  return faults


def test_rooms_import_lower_rooms_only():
  assert room_faults(python_sources("posenc_jax")) == []


@pytest.mark.parametrize(
  ("path", "text", "fault"),
  [
    ("sweeps/results.py", "from posenc_jax.sweeps.store.lines import scan", "store is not below"),
    ("sweeps/results.py", "def f():\n  from .store import lines", "store is not below landing"),
    ("sweeps/cells.py", "from posenc_jax.sweeps import show", "show is not below landing"),
    ("sweeps/plan/planner.py", "import posenc_jax.sweeps.store.lines", "store is not below plan"),
    ("sweeps/store/lines.py", "from ..plan import planner", "plan is not below store"),
    ("sweeps/show/svg.py", "from posenc_jax.sweeps.store import lines", "store is not below show"),
    ("sweeps/show/svg.py", "from posenc_jax.sweeps.run import runner", "run is not below show"),
    ("sweeps/run/runner.py", "from posenc_jax.sweeps import Cell", "the package is not below run"),
    ("sweeps/run/runner.py", "from posenc_jax import sweeps", "the package is not below run"),
    ("sweeps/run/runner.py", "from posenc_jax.sweeps import __main__", "the package is not below"),
    ("sweeps/attic/old.py", "x = 1", "is in no room"),
    ("attention/news.py", "x = 1", "is in no room"),
    ("attention/call.py", "from .bias import columns", "bias is not below call"),
    ("attention/tiles/rows.py", "from ..fused import cudnn", "fused is not below tiles"),
    ("attention/dispatch.py", "from posenc_jax.attention import api", "api is not below dispatch"),
    ("attention/strip/forward.py", "from ..bias import columns", "bias is not below strip"),
    ("encodings/biases/t5.py", "from ..rotations import pope", "rotations is not below biases"),
    ("encodings/_checks.py", "from .biases import t5", "biases is not below landing"),
    ("encodings/rotations/rotary.py", "from ..biases.t5 import t5_bucket", "biases is not below"),
  ],
)
def test_imports_between_rooms_the_wrong_way_are_found(path, text, fault):
  around = [
    *(f"sweeps/{name}.py" for name in ("__init__", "__main__", "cells", "plan/planner")),
    *(f"sweeps/{name}.py" for name in ("store/lines", "show/svg", "run/runner")),
    *(f"attention/{name}.py" for name in ("api", "bias/columns", "fused/cudnn")),
    *(f"encodings/{name}.py" for name in ("rotations/pope", "biases/t5")),
  ]
  sources = {**{f"posenc_jax/{name}": "" for name in around}, f"posenc_jax/{path}": text}
  faults = room_faults(sources)
  assert len(faults) == 1 and f"posenc_jax/{path} " in faults[0] and fault in faults[0]


@pytest.mark.parametrize(
  ("path", "text"),
  [
    ("sweeps/__main__.py", "from posenc_jax import sweeps"),
    ("sweeps/__init__.py", "from posenc_jax.sweeps.run.runner import run"),
    ("sweeps/run/runner.py", "from posenc_jax.sweeps.store import lines"),
    ("sweeps/store/lines.py", "from posenc_jax.sweeps import cells"),
    ("sweeps/store/lock.py", "from posenc_jax.sweeps.store import lines"),
    ("encodings/content/xl.py", "from posenc_jax.encodings.rotations.rotary import rotate"),
    ("encodings/content/xl.py", "from posenc_jax import base"),
  ],
)
def test_imports_to_a_lower_room_are_fine(path, text):
  around = ["sweeps/cells", "sweeps/store/lines", "sweeps/run/runner", "encodings/rotations/rotary"]
  sources = {f"posenc_jax/{name}.py": "" for name in around}
  assert room_faults({**sources, f"posenc_jax/{path}": text}) == []


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
