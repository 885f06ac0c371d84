# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The README and the pages that it sends newcomers to: their code runs, what they quote is so."""

import configparser
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import posenc_jax as px
from experiments import encodings
from posenc_jax.methods import METHODS, Sizes
from tests.support.repository import ROOT, repository_files


def page(name: str) -> str:
  return (ROOT / name).read_text(encoding="utf-8")


README = page("README.md")


def blocks(text: str) -> list[str]:
  return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(name: str) -> dict:
  """The names that a page's code leaves."""
  scope = {"__name__": "page"}
  for block in blocks(page(name)):
    exec(compile(block, name, "exec"), scope)  # noqa: S102
  return scope


def test_the_ten_lines_run(capsys):
  assert len(blocks(README)) == 1
  scope = run("README.md")
  assert f"# prints {capsys.readouterr().out.strip()}\n" in README
  assert scope["out"].shape == scope["turned"].shape == (2, 128, 8, 64)
  assert jnp.allclose(scope["last"], scope["out"][:, -1:], atol=1e-5)
  assert scope["gradient"].shape == (32, 8) and scope["gradient"].any()


def test_the_tour_runs(capsys):
  assert len(blocks(page("docs/tour.md"))) >= 9
  scope = run("docs/tour.md")
  assert scope["out"].shape == (2, 128, 8, 64)
  assert scope["swept"].shape == (3, 2, 128, 8, 64)
  assert scope["slope_gradient"].shape == (8,) and scope["slope_gradient"].any()
  assert [x.shape for x in jax.tree.leaves(scope["gradients"])] == [(32, 8)]
  assert scope["logits"].shape == (1, 10, 256)
  assert scope["rope"].frequencies.shape == (64,)
  assert "positions up to 10,000,000" in capsys.readouterr().out


def test_the_notes_on_compare_run(capsys):
  assert len(run("docs/compare.md")["config"].cells()) == 4
  assert "4 lanes to run in 2 groups" in capsys.readouterr().out


def test_one_page_leads_to_an_encoding_in_the_comparison(tmp_path):
  """Its code, put where it says, in an empty directory, is what its commands name."""
  text = page("docs/your_encoding.md")
  first, look, check, maker = blocks(text)
  for where, block in (("this into `fading.py`", first), ("this into `look.py` beside it", look),
                       ("Add this to `look.py`", check), ("to the end of `fading.py`", maker)):
    assert where in text.partition(block)[0].split("```")[-2], where
  (tmp_path / "fading.py").write_text(f"{first}\n\n{maker}", encoding="utf-8")
  # The check is cut to its quickest: what all of them say is tested with the contract.
  quick = check.replace('only="decode"', 'only="heads"')
  (tmp_path / "look.py").write_text(f"{look}\n{quick}", encoding="utf-8")
  done = subprocess.run([sys.executable, "look.py"], cwd=tmp_path, capture_output=True, text=True,
                        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=600)
  assert done.returncode == 0, done.stderr
  assert "Fading(strength=f32[4])" in done.stdout and "trained      strength" in done.stdout
  named = re.findall(r"--encodings='?(fading\.py:fading[^,' \n]*)", text)
  assert named == ["fading.py:fading", "fading.py:fading(high=4.0)"]
  for name, high in zip(named, (2.0, 4.0), strict=True):
    built = encodings.build(f"{tmp_path}/{name}", Sizes(32, 2, 16, 64, 32), jax.random.key(0))
    assert isinstance(built, px.Encoding) and built.strength.tolist() == [0.5, high]
  assert "--vary=fading.low=" in text and encodings.parse(
    f"{tmp_path}/{named[0]}").has("fading")


def test_the_made_up_encoding_is_the_tests_own():
  made_up = page("tests/support/made_up.py")
  assert made_up.split('"""', 2)[2].strip() in page("docs/your_encoding.md")
  assert len(made_up.splitlines()) <= 60


def test_the_table_counts_every_method():
  table = page("README.md").split("| where | how many | methods |")[1].split("\n\n")[0]
  rows = [line.strip("| ").split(" | ") for line in table.split("\n") if line.startswith("| ")]
  assert sum(int(count) for _, count, _ in rows) == len(METHODS) >= 100
  for _, count, names in rows:
    more = re.search(r" and (\d+) more$", names)
    assert names.count(",") + 1 + (int(more[1]) if more else 0) <= int(count)


def test_measured_numbers_are_those_of_the_page_of_performance():
  table = README.split("## Speed")[1].split("## Beside others")[0]
  told, measured = re.findall(r"\b0\.\d\d\b|1/\d+", table), page("docs/performance.md")
  assert len(told) >= 10
  assert [number for number in told if number not in measured] == []
  for version in re.findall(r"\b(?:jax|torch) [\d.]+\d", table):
    assert version in measured


def test_versions_of_peers_are_those_of_the_script():
  script = page("tests/goldens/measure_peers.py")
  head = next(line for line in README.split("\n") if line.startswith("| | here |"))
  for name, version in re.findall(r"\| (\S+) ([\d.]+)", head):
    assert f"{name}=={version}" in script
  assert head.count("|") == 5


def test_it_is_short_and_leads_to_pages_that_exist():
  assert README.count("\n") <= 150
  files = set(repository_files(untracked=True))
  for name in ("README.md", "CONTRIBUTING.md", *(f for f in files if re.fullmatch("docs/.*md", f))):
    folder = name.rpartition("/")[0]
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page(name)):
      path = re.sub(r"(?<!\.)[^/]+/\.\./", "", f"{folder}/{target}".lstrip("/"))
      # The site's front page leads to pages that its build makes; the build looks whether it does.
      made = name == "docs/index.md" and target.startswith("generated/")
      assert made or path in files, f"{name}: {target}"


def badge_faults(readme: str, setup: str) -> list[str]:
  """Addresses of the repository that the README's Colab badges lack, or have without any."""
  parser = configparser.ConfigParser(interpolation=None)
  parser.read_string(setup)
  urls = dict(line.split(" = ") for line in
              parser["metadata"].get("project_urls", "").strip().splitlines())
  badges = re.findall(r"https://colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/", readme)
  source = urls.get("Source", "").removeprefix("https://github.com/").rstrip("/")
  if not source:
    return [f"a badge for {name}, but no address in setup.cfg" for name in badges]
  return ([] if badges else ["no badge"]) + [name for name in badges if name != source]


def test_badges_follow_the_address_of_the_project():
  assert badge_faults(README, page("setup.cfg")) == []


@pytest.mark.parametrize("urls, link, faults", [
  ("", "", []),
  ("", "a/b", ["a badge for a/b, but no address in setup.cfg"]),
  ("https://github.com/a/b", "a/b", []),
  ("https://github.com/a/b", "c/d", ["c/d"]),
  ("https://github.com/a/b", "", ["no badge"]),
])
def test_wrong_badges_are_found(urls, link, faults):
  setup = "[metadata]\n" + (f"project_urls =\n  Source = {urls}\n" if urls else "")
  badge = f"(https://colab.research.google.com/github/{link}/blob/main/n.ipynb)" if link else ""
  assert badge_faults(badge, setup) == faults


def test_nothing_is_left_to_fill_in():
  assert not re.findall(r"\b[A-Z]{4,}_[A-Z]{4,}\b", README)
  for name in ("README.md", "docs/compare.md"):
    for image in re.findall(r"!\[.*?\]\((.*?)\)", page(name)):
      assert ((ROOT / name).parent / image).stat().st_size > 10_000
