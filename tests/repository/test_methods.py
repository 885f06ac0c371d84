# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What should follow from the table of methods does: a new one is a file, an oracle and a row."""

import ast
import dataclasses
import os
import re
import subprocess
import sys

import pytest

import posenc_jax as px
from experiments import encodings
from posenc_jax import functions, methods
from posenc_jax.methods import METHODS, builders
from tests.encodings.test_contract import CASES
from tests.support import follow
from tests.support.plant import copy_tree
from tests.support.repository import ROOT, python_sources, repository_files


@pytest.mark.parametrize("page", follow.PAGES)
def test_pages_are_what_the_table_says(page):
  text = (ROOT / page).read_text(encoding="utf-8")
  assert text == follow.PAGES[page](text), "run python -m tests.support.follow"


@pytest.mark.parametrize("page, old, new", [
  ("posenc_jax/__init__.py", "``Alibi``, ", ""),
  ("posenc_jax/__init__.py", "import Alibi, alibi_bias", "import Alibi as A, alibi_bias"),
  ("posenc_jax/__init__.py", '"Alibi",', '"alibi",'),
  ("posenc_jax/functions.py", "import alibi_bias, alibi_slopes", "import alibi_bias"),
  ("posenc_jax/functions.py", "heads                        ", "a head                       "),
  ("README.md", "| softmax: on the softmax", "| softmax: of the softmax"),
  ("docs/methods.md", "| FIRE (2023) | `fire` |", "| FIRE (2023) | `firs` |"),
  ("docs/design.md", "yes: `Fire`", "no"),
])
def test_a_page_that_says_otherwise_is_found(page, old, new):
  text = (ROOT / page).read_text(encoding="utf-8")
  assert old in text
  changed = text.replace(old, new, 1)
  assert changed != follow.PAGES[page](changed)


def test_every_file_of_a_method_has_a_row():
  rows = {f"posenc_jax/encodings/{m.module.replace('.', '/')}.py" for m in METHODS}
  files = [f for f in python_sources("posenc_jax") if f.startswith("posenc_jax/encodings/")]
  assert sorted(rows) == [f for f in files if not f.split("/")[-1].startswith("_")]


def test_every_public_function_of_a_method_has_a_row():
  """Those that a file defines and does not hide; helpers begin with _."""
  sources = python_sources("posenc_jax")
  for module in {m.module for m in METHODS}:
    told = {n for m in METHODS if m.module == module for n in (*m.functions, *m.more, m.cls)}
    tree = ast.parse(sources[f"posenc_jax/encodings/{module.replace('.', '/')}.py"])
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {n for n in defined if not n.startswith("_")} == told - {""}, module


def test_names_are_exported_and_methods_are_tried():
  for method in METHODS:
    assert all(hasattr(px, name) for name in follow.exported(method))
    assert all(hasattr(functions, name) for name in (*method.functions, *method.more))
    assert set(method.cases or method.builds) <= set(CASES)
    assert not method.cls or method.cases or method.builds
  assert set(px.__all__) >= {name for m in METHODS for name in follow.exported(m)}
  assert set(encodings.ENCODINGS) == set(builders())


def test_a_name_belongs_to_one_method():
  """Without this the later row would win, and an experiment train another method than it says."""
  alibi = next(m for m in METHODS if "alibi" in m.builds)
  named = dict(alibi.builds)
  with pytest.raises(ValueError, match=r"row 'ALiBi \(2021\)': got the names \['alibi'\], wanted"):
    methods._add(named, alibi.builds, alibi)


def unproven(methods, oracles: set[str], fuzz: str) -> list[str]:
  """Classes of methods that neither a file of ``tests/oracles`` nor the random calls compare."""
  return [m.cls for m in methods if m.cls and m.module.split(".")[-1] not in oracles
          and not re.search(rf"\bpx\.{m.cls}\b", fuzz)]


def compared(sources) -> set[str]:
  """Files of ``tests/oracles`` that a test imports; one that nothing reads proves nothing."""
  found: set[str] = set()
  for path, tree in sources.items():
    if path.startswith("tests/oracles/"):
      continue
    for node in ast.walk(tree):
      if isinstance(node, ast.ImportFrom) and node.module == "tests.oracles":
        found |= {a.name for a in node.names}
      elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.oracles."):
        found.add(node.module.split(".")[2])  # type: ignore[union-attr]
  return found


def test_every_method_has_an_oracle():
  fuzz = (ROOT / "tests/support/fuzz_encodings.py").read_text(encoding="utf-8")
  oracles = compared({p: ast.parse(text) for p, text in python_sources("tests").items()})
  oracles &= {path.stem for path in (ROOT / "tests/oracles").glob("*.py")}
  assert unproven(METHODS, oracles, fuzz) == []
  new = dataclasses.replace(METHODS[0], module="biases.invented", cls="Invented")
  assert unproven([new], oracles, fuzz) == ["Invented"]
  assert unproven([new], oracles | {"invented"}, fuzz) == []


FILE = '''# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""An invented bias that fades with the square root of the distance, planted by a test."""

import jax
import jax.numpy as jnp

from posenc_jax.base import Encoding, encoding, parameter


def root_decay_bias(distance, weight):
  """-weight_h (sqrt(1 + |d|) - 1)."""
  far = jnp.sqrt(1 + jnp.abs(distance).astype(jnp.float32)) - 1
  return -weight.reshape(weight.shape + (1,) * far.ndim) * far[None]


@encoding
class RootDecay(Encoding):
  """Adds ``root_decay_bias``."""

  weight: jax.Array = parameter()

  relative = True

  @classmethod
  def init(cls, key, num_heads):
    """Draws the weights."""
    return cls(jax.random.uniform(key, (num_heads,), minval=0.5))

  def distance_bias(self, distance):
    return root_decay_bias(distance, self.weight)
'''

ORACLE = '''
import math


def root_decay_bias(d, weight):
  return [-w * (math.sqrt(1 + abs(d)) - 1) for w in weight]
'''

ROW = '''  Method(
    "root decay, invented", "biases.root_decay", "RootDecay", "scores",
    {"root_decay_bias": ("distance, weight", "bias ``[N, ...]``")},
    builds={"root-decay": lambda s, key: px.RootDecay.init(key, s.heads)}, arxiv="0000.00000"),
)
'''

TEST = '''# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The invented bias against its oracle."""

import numpy as np

import posenc_jax as px
from tests.oracles.root_decay import root_decay_bias


def test_root_decay():
  ours = px.functions.root_decay_bias(np.int32(3), np.float32([1, 2]))
  np.testing.assert_allclose(ours, root_decay_bias(3, [1, 2]), rtol=1e-6)
'''

SCRIPT = '''
import posenc_jax as px
from experiments import encodings
from posenc_jax import functions, testing
from tests.encodings.test_contract import CASES
from tests.repository import test_docs, test_readme

assert isinstance(CASES["root-decay"]().encoding, px.RootDecay) and "RootDecay" in px.__all__
assert "root-decay" in encodings.ENCODINGS and "``root_decay_bias``" in functions.__doc__
test_readme.test_the_table_counts_every_method()
page = test_docs.DESIGN_PAGE
row = "| root decay, invented | `distance_bias` | acts on scores | 0000.00000 | yes: `RootDecay` |"
assert row in page
assert test_docs.hook_faults(page, test_docs.exported()) == []
assert test_docs.form_faults(page) == []
testing.check_encoding(CASES["root-decay"](), only=("rows", "decode"))
'''


@pytest.mark.slow
def test_a_new_method_is_three_edits(tmp_path):
  copy_tree(ROOT, repository_files(untracked=True), tmp_path)
  rows = tmp_path / "posenc_jax/methods/biases.py"
  (tmp_path / "posenc_jax/encodings/biases/root_decay.py").write_text(FILE, encoding="utf-8")
  (tmp_path / "tests/oracles/root_decay.py").write_text(ORACLE, encoding="utf-8")
  (tmp_path / "tests/encodings/test_root_decay.py").write_text(TEST, encoding="utf-8")
  rows.write_text(rows.read_text(encoding="utf-8").removesuffix(")\n") + ROW, encoding="utf-8")
  environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
  for command in (["-m", "tests.support.follow"], ["-c", SCRIPT],
                  ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
                   "tests/repository/test_methods.py", "tests/encodings/test_root_decay.py"],
                  ["-m", "ruff", "check", "posenc_jax/functions.py", "posenc_jax/__init__.py"]):
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
