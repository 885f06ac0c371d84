# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The README's code runs, and what it quotes is what there is."""

import pathlib
import re

import jax

from posenc_jax.methods import METHODS

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_runs(capsys):
  blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
  assert len(blocks) >= 12
  scope = {"__name__": "readme"}
  for block in blocks:
    exec(compile(block, "README.md", "exec"), scope)  # noqa: S102
  assert scope["out"].shape == (2, 128, 8, 64)
  assert scope["swept"].shape == (3, 2, 128, 8, 64)
  assert scope["slope_gradient"].shape == (8,) and scope["slope_gradient"].any()
  assert [x.shape for x in jax.tree.leaves(scope["gradients"])] == [(32, 8)]
  assert scope["logits"].shape == (1, 10, 256)
  assert scope["rope"].frequencies.shape == (64,)
  assert "positions up to 10,000,000" in capsys.readouterr().out


def test_the_made_up_encoding_is_the_tests_own():
  made_up = (ROOT / "tests" / "support" / "made_up.py").read_text(encoding="utf-8")
  assert made_up.split('"""', 2)[2].strip() in README
  assert len(made_up.splitlines()) <= 60


def test_the_table_counts_every_method():
  table = README.split("| where | how many | methods |")[1].split("\n\n")[0]
  counts = [int(line.split(" | ")[1]) for line in table.split("\n") if line.startswith("| ")]
  assert sum(counts) == len(METHODS) >= 100


def test_nothing_is_left_to_fill_in():
  assert not re.findall(r"\b[A-Z]{4,}_[A-Z]{4,}\b", README)
  for image in re.findall(r"!\[.*?\]\((.*?)\)", README):
    assert (ROOT / image).stat().st_size > 10_000
