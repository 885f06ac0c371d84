# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What contributors meet: short notes, one version of ruff, CI of the three stacks, notebooks."""

import ast
import json
import re

import pytest
import yaml

from tests.repository.test_metadata import stacks
from tests.support import notebooks
from tests.support.repository import ROOT, repository_files


def page(name: str) -> str:
  return (ROOT / name).read_text(encoding="utf-8")


def test_contributing_is_short_and_names_what_there_is():
  text = page("CONTRIBUTING.md")
  assert text.count("\n") < 60
  files = set(repository_files(untracked=True))
  folders = {name.rsplit("/", i)[0] + "/" for name in files for i in range(1, 4)}
  for name in re.findall(r"(?:posenc_jax|tests|docs|\.ci)/[\w./]*", text):
    assert name in files or name.rstrip("/") + "/" in folders, name


def test_pre_commit_runs_the_ruff_of_ci():
  repos = yaml.safe_load(page(".pre-commit-config.yaml"))["repos"]
  revisions = {repo["repo"].rsplit("/", 1)[1]: repo["rev"] for repo in repos}
  assert {f"v{pins['ruff']}" for pins in stacks().values()} == {revisions["ruff-pre-commit"]}
  assert [hook["id"] for repo in repos for hook in repo["hooks"]] == ["ruff-check"]
  assert '"$scratch/main/bin/ruff" check .' in page(".ci/run")


def test_the_workflow_runs_ci_and_every_stack():
  jobs = yaml.safe_load(page(".github/workflows/ci.yml"))["jobs"]
  assert {"run": "bash .ci/run"} in jobs["all"]["steps"]
  rows = jobs["suite"]["strategy"]["matrix"]["include"]
  assert {row["stack"] for row in rows} == set(stacks())
  table = [line.split(" | ") for line in page("BUILD.md").split("\n") if line.startswith("| `py")
           or line.startswith("| `colab")]
  tested = {cells[0].strip("| `"): cells[1] for cells in table if len(cells) > 4}
  assert all(row["python"] in tested[row["stack"]] for row in rows)


@pytest.mark.parametrize("name", ["method.yml", "wrong-number.yml"])
def test_issue_templates_can_be_read(name):
  form = yaml.safe_load(page(f".github/ISSUE_TEMPLATE/{name}"))
  assert {"name", "description", "body"} <= set(form)
  assert all(part["attributes"]["label"] for part in form["body"])


NOTEBOOKS = {name: json.loads(page(name)) for name in notebooks.NOTEBOOKS}


def test_the_notebooks_are_there():
  stems = [name.split("/")[1] for name in NOTEBOOKS]
  assert stems == ["colab.ipynb", "write_your_own.ipynb", "your_model.ipynb"]
  text = page("README.md")
  assert all(name in text for name in NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_short_clean_and_python(name):
  notebook = NOTEBOOKS[name]
  assert len(notebook["cells"]) <= 14
  for cell in notebook["cells"]:
    assert not cell.get("outputs") and cell.get("execution_count") is None
    assert not cell["metadata"]
  code = notebooks.code_of(notebook)
  assert len(code) >= 6
  for cell in code:
    ast.parse(notebooks.without_magics(cell))
  for target in re.findall(r"\]\(([^)]+)\)", "".join(map("".join, (
      cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")))):
    assert f"notebooks/{target}" in NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_first_cell_installs_and_moves_nothing(name):
  first = notebooks.code_of(NOTEBOOKS[name])[0]
  assert "git clone" in first and "%cd" in first and "%pip install" in first
  assert not re.search(r"(-U|--upgrade|==|>=)\b", first) and "jax[" not in first


def test_warnings_of_cells_are_found():
  out = {"name": "stderr", "text": ["a.py:3: UserWarning: old\n", "  call()\n"]}
  alarm = {"name": "stderr", "text": ["slow compile\n"]}
  cells = [{"outputs": [alarm]}, {"outputs": [{"name": "stdout", "text": "x"}, out]}, {}]
  assert notebooks.warned({"cells": cells}) == ["cell 1: a.py:3: UserWarning: old"]
