# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The locks of CI hold every package of an environment by its hashes, at the stacks' versions."""

import importlib.util
import re

import pytest
from packaging.requirements import Requirement

from tests.repository.test_metadata import stacks
from tests.support.repository import ROOT

SETUP = (ROOT / "setup.cfg").read_text(encoding="utf-8")
STACKS = ("py311", "py313", "colab")


def _locked():
  spec = importlib.util.spec_from_file_location("locked", ROOT / ".ci" / "locked.py")
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


locked = _locked()


def lock(stack):
  return (ROOT / ".ci" / "constraints" / f"{stack}.lock").read_text(encoding="utf-8")


def versions(text):
  """Package to its versions; there are two where systems differ."""
  found = {}
  for line in re.findall(r"^([a-z0-9].*?) \\$", text, re.MULTILINE):
    requirement = Requirement(line)
    exact, = requirement.specifier
    assert exact.operator == "==", line
    found.setdefault(requirement.name, set()).add(exact.version)
  return found


@pytest.mark.parametrize("stack", STACKS)
def test_a_lock_has_the_versions_of_its_stack_and_hashes_for_all(stack):
  """Each pin of the list is in the lock, and each package of the lock has hashes."""
  text = lock(stack)
  found = versions(text)
  pins = {locked.canonical(name): {version} for name, version in stacks()[stack].items()}
  assert {name: found.get(name) for name in pins} == pins
  for name, entry, _ in locked.blocks(text):
    hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?: \\)?$", entry, re.MULTILINE)
    assert len(hashes) == entry.count("\n") >= 1, name
  # Wheels of jaxlib are for one Python and one system each: five systems at least.
  jaxlib, = (entry for name, entry, _ in locked.blocks(text) if name == "jaxlib")
  assert jaxlib.count("--hash") >= 5
  assert "://" not in text and "/home" not in text


@pytest.mark.parametrize("stack", STACKS)
def test_the_compiler_of_tpus_is_locked_by_itself(stack):
  text = lock(f"{stack}.tpu")
  assert list(versions(text)) == ["libtpu"] and text.count("--hash") >= 1
  assert "libtpu" not in versions(lock(stack))


def test_a_part_is_what_its_extras_lead_to():
  part = lambda *names: set(versions(locked.part(lock("py311"), SETUP, list(names))))
  alone, flax, test = part(), part("flax"), part("test")
  assert {"jax", "jaxlib", "chex", "numpy", "ml-dtypes", "setuptools"} <= alone
  assert not {"flax", "pytest", "matplotlib", "sphinx"} & alone
  assert alone | {"flax", "optax"} <= flax < test | {"flax"}
  # Of extras that name extras: test names experiments, which names report.
  assert {"pytest", "vl-convert-python", "safetensors", "optuna", "pythonbible"} <= test
  assert "sphinx" in part("docs") and "pytest" not in part("docs")
  assert part("flax", "hypothesis") == flax | part("hypothesis")


@pytest.mark.parametrize("stack", STACKS)
def test_every_extra_has_its_part(stack):
  for extra, named in locked.extras(SETUP).items():
    part = versions(locked.part(lock(stack), SETUP, [extra] if extra else []))
    assert named <= set(part), (stack, extra)


def test_what_is_not_in_the_lock_is_told():
  with pytest.raises(ValueError, match="names: got 'tests', wanted an extra of setup.cfg or"):
    locked.part(lock("py311"), SETUP, ["tests"])
  with pytest.raises(ValueError, match="lock: got no newcomer, .* again with .ci/lock"):
    locked.part(lock("py311"), SETUP.replace("  chex>=", "  newcomer>=1\n  chex>="), [])


def test_the_command(capsys):
  assert locked.main(["locked.py"]) == 2 and "pip install" in capsys.readouterr().err
  assert locked.main(["locked.py", "py312"]) == 2 and "py312.lock" in capsys.readouterr().err
  assert locked.main(["locked.py", "colab", "flax"]) == 0
  assert versions(capsys.readouterr().out)["jax"] == {"0.7.2"}


def test_ci_installs_nothing_without_a_hash():
  """But for this package itself, which is installed without what it depends on."""
  for name in (".ci/run", ".github/workflows/ci.yml"):
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    calls = re.findall(r"pip install\b.*", text)
    calls = [call for call in calls if not call.startswith("pip install -e\"")]  # a text
    assert len(calls) >= 2, name
    for call in calls:
      assert "--require-hashes" in call or "--no-deps" in call, (name, call)
