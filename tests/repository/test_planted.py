# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The list of planted faults fits the repository, and the script that plants them judges right."""

import ast
import collections
import os
import re
import shlex
import subprocess

import pytest

from tests.support import plant
from tests.support.fault import Fault
from tests.support.planted import PLANTED
from tests.support.repository import ROOT, python_sources, repository_files


def missing_test(test: str, sources: dict[str, str]) -> str | None:
  """What is wrong with a fault's test, or None: its file, function and -k words must be there."""
  node, *options = shlex.split(test)
  path, *names = node.split("[")[0].split("::")
  if path not in sources:
    return f"there is no file {path}"
  scope = ast.parse(sources[path]).body
  for name in names:
    found = [n for n in scope if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name]
    if not found:
      return f"{path} has no {name}"
    scope = found[0].body
  if options and (options[0] != "-k" or len(options) != 2):
    return f"{test} is neither a node id nor a file with -k EXPRESSION"
  words = set(re.findall(r"\w+", options[1])) - {"and", "or", "not"} if options else ()
  return next((f"{path} says nowhere {word}" for word in words if word not in sources[path]), None)


def list_faults(planted: list[Fault], sources: dict[str, str]) -> list[str]:
  """What is wrong with a list of planted faults, given the files that it speaks of."""
  wrong = [f"{name}: {count} faults have this id"
           for name, count in collections.Counter(f.id for f in planted).items() if count > 1]
  for fault in planted:
    try:
      text = plant.plant(sources.get(fault.file, ""), fault)
      ast.parse(text)
      if text == sources[fault.file]:
        wrong.append(f"{fault.id}: nothing changes")
    except (plant.PatternNotFound, SyntaxError) as error:
      wrong.append(f"{fault.id}: {error}")
    why = missing_test(fault.test, sources)
    if why:
      wrong.append(f"{fault.id}: {why}")
  return wrong


def test_every_planted_fault_fits_the_repository():
  assert len(PLANTED) >= 60
  assert list_faults(PLANTED, python_sources()) == []


GOOD = Fault("sum", "sums.py", "a + b", "a - b", "test_sums.py::test_add")
SOURCES = {
  "sums.py": "def add(a, b):\n  return a + b\n",
  "test_sums.py": """import sums

def test_add():
  assert sums.add(1, 2) == 3

class TestAll:
  def test_it(self):
    pass
""",
}


@pytest.mark.parametrize("test", [
  "test_sums.py", "test_sums.py::test_add", "test_sums.py::test_add[case-1]",
  "test_sums.py::TestAll::test_it", "test_sums.py -k 'add and not it'"])
def test_tests_that_are_there_are_found(test):
  assert list_faults([GOOD._replace(test=test)], SOURCES) == []


@pytest.mark.parametrize("change, text", [
  (dict(old="a * b"), "sums.py has 0 times 'a * b'"),
  (dict(old="a"), "sums.py has 3 times 'a'"),
  (dict(file="other.py"), "other.py has 0 times"),
  (dict(new="a +"), "invalid syntax"),
  (dict(new="a + b"), "nothing changes"),
  (dict(test="test_other.py"), "there is no file test_other.py"),
  (dict(test="test_sums.py::test_sub"), "test_sums.py has no test_sub"),
  (dict(test="test_sums.py::TestAll::test_add"), "test_sums.py has no test_add"),
  (dict(test="test_sums.py -k 'add or sub'"), "test_sums.py says nowhere sub"),
  (dict(test="test_sums.py -x"), "is neither a node id nor a file with -k"),
])
def test_entries_that_do_not_fit_are_found(change, text):
  wrong = list_faults([GOOD._replace(**change)], SOURCES)
  assert len(wrong) == 1 and wrong[0].startswith("sum: ") and text in wrong[0]


def test_ids_are_unique():
  assert list_faults([GOOD, GOOD], SOURCES) == ["sum: 2 faults have this id"]


@pytest.fixture
def tree(tmp_path):
  for name, text in SOURCES.items():
    (tmp_path / name).write_text(text)
  # Neither the settings of this repository nor plugins that take seconds to import.
  return plant.Tree(tmp_path, environment={
    "PYTEST_ADDOPTS": "-c /dev/null --rootdir=. -p xdist", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def test_a_fault_is_killed_or_survives_in_a_copy(tree):
  """With pytest itself; slips of one length within a second must not share byte code."""
  runs, run = [], tree.run
  tree.run = lambda test: runs.append(test) or run(test)
  verdicts = [tree.judge(GOOD._replace(new=new)).verdict for new in ("a - b", "b + a", "a * b")]
  assert verdicts == ["killed", "survived", "killed"]
  assert len(runs) == 4  # Once without a fault, and once with each.
  assert (tree.directory / "sums.py").read_text() == SOURCES["sums.py"]
  assert run("test_sums.py::test_gone")[0] not in (plant.PASSED, plant.FAILED)


@pytest.mark.parametrize("change, without, planted, verdict", [
  ({}, 0, 1, "killed"),
  ({}, 0, 0, "survived"),
  ({}, 1, 1, "red without it"),
  ({}, 4, 4, "broken"),
  ({}, 0, 2, "broken"),
  (dict(old="a * b"), 0, 1, "pattern not found"),
  (dict(old="a"), 0, 1, "pattern not found"),
  (dict(file="gone.py"), 0, 1, "pattern not found"),
])
def test_verdicts(tree, change, without, planted, verdict):
  def run(test):
    assert test == GOOD.test
    clean = (tree.directory / "sums.py").read_text() == SOURCES["sums.py"]
    return without if clean else planted, "its output"

  tree.run = run
  found = tree.judge(GOOD._replace(**change))
  assert found.verdict == verdict
  assert ("its output" in str(found)) == (verdict in ("red without it", "broken"))
  assert (tree.directory / "sums.py").read_text() == SOURCES["sums.py"]


def test_a_test_that_does_not_end_has_failed(tree, monkeypatch):
  def run(command, timeout, **kwargs):
    raise subprocess.TimeoutExpired(command, timeout)

  monkeypatch.setattr(subprocess, "run", run)
  assert tree.run("test_sums.py") == (plant.FAILED, "no end after 600 s")


def test_shares_hold_every_fault_once_and_faults_of_one_test_together():
  faults = [GOOD._replace(id=str(i), test=f"test_{i % 5}") for i in range(17)]
  shares = [plant.choose(faults, shard=f"{i}/3") for i in range(3)]
  assert sorted(f.id for share in shares for f in share) == sorted(f.id for f in faults)
  tests = [{f.test for f in share} for share in shares]
  assert sum(map(len, tests)) == len(set.union(*tests)) == 5
  assert plant.choose(faults, ["3", "1"]) == [faults[1], faults[3]]
  for arguments in (dict(only=["x"]), dict(shard="3/3"), dict(shard="1"), dict(shard="-1/2")):
    with pytest.raises(ValueError, match="got .*, wanted"):
      plant.choose(faults, **arguments)


def test_the_exit_status_is_that_of_the_verdicts(monkeypatch, capsys):
  ends = iter(["killed", "killed", "killed", "survived"])
  monkeypatch.setattr(plant, "PLANTED", [GOOD, GOOD._replace(id="other")])
  monkeypatch.setattr(plant, "repository_files", lambda untracked: ())
  monkeypatch.setattr(plant.Tree, "judge",
                      lambda self, fault: plant.Verdict(fault, next(ends), 1.0))
  assert plant.main([]) == 0 and "2 of 2 killed" in capsys.readouterr().out
  assert plant.main([]) == 1 and "1 of 2 killed" in capsys.readouterr().out
  with pytest.raises(SystemExit) as stop:
    plant.main(["--only", "gone"])
  assert stop.value.code == 2


def test_the_copy_is_whole(tmp_path):
  plant.copy_tree(ROOT, repository_files(), tmp_path)
  copied = {os.path.relpath(os.path.join(folder, name), tmp_path).replace(os.sep, "/")
            for folder, _, names in os.walk(tmp_path) for name in names}
  assert copied == set(repository_files())


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(4))
def test_every_planted_fault_is_killed(shard, capsys):
  assert plant.main(["--shard", f"{shard}/4"]) == 0, capsys.readouterr().out
