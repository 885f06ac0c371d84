# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Packaging metadata, the tested stacks, the changelog and the citation agree with each other."""

import ast
import configparser
import functools
import importlib
import pathlib
import re

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.repository import ROOT, repository_files, text_files


@functools.cache
def setup_cfg() -> configparser.ConfigParser:
  parser = configparser.ConfigParser(interpolation=None)
  parser.read_string((ROOT / "setup.cfg").read_text(encoding="utf-8"))
  return parser


def requirements(section: str, key: str) -> dict[str, Requirement]:
  lines = setup_cfg()[section][key].strip().splitlines()
  return {item.name: item for item in map(Requirement, lines)}


def stacks() -> dict[str, dict[str, str]]:
  """The version of each package in each stack's list."""
  pins = {}
  for name in repository_files():
    if re.fullmatch(r"\.ci/constraints/\w+\.txt", name):
      lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
      pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
      pins[pathlib.PurePath(name).stem] = dict(pairs)
  return pins


def test_version_is_written_once():
  version_file = (ROOT / "posenc_jax/_version.py").read_text(encoding="utf-8")
  body = ast.parse(version_file).body
  assert len(body) == 2 and isinstance(body[0], ast.Expr) and isinstance(body[1], ast.Assign)
  version = ast.literal_eval(body[1].value)
  assert re.fullmatch(r"\d+\.\d+\.\d+", version)
  assert setup_cfg()["metadata"]["version"] == "attr: posenc_jax._version.__version__"
  files = text_files()
  written = [
    name
    for name in files
    if name.startswith("posenc_jax/") or name in ("setup.cfg", "pyproject.toml", "CITATION.cff")
    if re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", files[name])
  ]
  assert written == ["posenc_jax/_version.py"]
  assert importlib.import_module("posenc_jax._version").__version__ == version


def test_changelog_keeps_its_form():
  text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
  headings = re.findall("^## (.*)$", text, re.MULTILINE)
  assert headings[0] == "[Unreleased]"
  for heading in headings[1:]:
    assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading), heading
  kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
  assert set(re.findall("^### (.*)$", text, re.MULTILINE)) <= kinds


def citation_faults(text: str) -> list[str]:
  faults = []
  if re.search(r"@\w+\s*\{", text):
    faults.append("BibTeX")
  try:
    citation = yaml.safe_load(text)
  except yaml.YAMLError:
    return [*faults, "not YAML"]
  if not isinstance(citation, dict):
    return [*faults, "not a mapping"]
  wanted = {"cff-version": "1.2.0", "type": "software", "license": "Apache-2.0"}
  faults += [key for key, value in wanted.items() if citation.get(key) != value]
  faults += [key for key in ("message", "title") if not isinstance(citation.get(key), str)]
  authors = citation.get("authors")
  if not isinstance(authors, list) or not all(isinstance(one, dict) and one for one in authors):
    faults.append("authors")
  elif not authors or any(set(one) - {"name", "family-names", "given-names"} for one in authors):
    faults.append("authors")
  known = {*wanted, "message", "title", "authors", "abstract", "keywords", "url", "date-released"}
  return faults + sorted(set(citation) - known)


def test_citation_can_be_read():
  assert citation_faults((ROOT / "CITATION.cff").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
  ("old", "new", "faults"),
  [
    ("authors:", "authors: nobody\nnames:", ["authors", "names"]),
    ("cff-version: 1.2.0", "cff-version: 1.0.0", ["cff-version"]),
    ("message: ", "massage: ", ["message", "massage"]),
    ("cff-version", "# @software{a, title = b}\ncff-version", ["BibTeX"]),
    ("cff-version", "{cff-version", ["not YAML"]),
  ],
)
def test_bad_citations_are_found(old, new, faults):
  text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
  assert citation_faults(text.replace(old, new, 1)) == faults


def test_wheel_holds_the_package_only():
  options = setup_cfg()["options"]
  assert options["packages"] == "find:"
  assert setup_cfg()["options.packages.find"]["include"] == "posenc_jax*"
  # A folder without __init__.py would be missing from the wheel, and work in a checkout.
  files = set(repository_files())
  folders = {name.rsplit("/", 1)[0] for name in files if re.match("posenc_jax/.*[.]py$", name)}
  assert [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in files] == []


def test_core_needs_neither_flax_nor_the_experiments():
  assert set(requirements("options", "install_requires")) == {"jax", "chex", "numpy"}


def test_every_stack_meets_the_floors():
  wanted = list(requirements("options", "install_requires").values())
  for extra in setup_cfg()["options.extras_require"]:
    wanted.extend(requirements("options.extras_require", extra).values())
  assert set(stacks()) == {"py311", "py313", "colab"}
  floors = ("jax", "flax", "optax", "chex", "absl-py")
  for requirement in wanted:
    if requirement.name == "posenc_jax":
      continue
    for stack, pins in stacks().items():
      assert requirement.name in pins, f"{stack} leaves {requirement.name} open"
      assert requirement.specifier.contains(pins[requirement.name]), f"{stack}: {requirement}"
    # The floors are the oldest stack's own versions: older ones are tried nowhere.
    if requirement.name in floors:
      assert str(requirement.specifier) == f">={stacks()['colab'][requirement.name]}"
  assert set(floors) <= {requirement.name for requirement in wanted}


def test_build_notes_name_the_tested_versions():
  rows = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "BUILD.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|")
  ]
  header = rows[0]
  table = {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows[2:5]}
  assert set(table) == set(stacks())
  for stack, pins in stacks().items():
    for name in ("jax", "flax", "optax", "chex", "absl-py", "numpy"):
      assert table[stack][name] == pins[name], f"{stack}: {name}"
