# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The living table says what the code does, and `python -m posenc_jax` prints it."""

import dataclasses
import json

import jax
import pytest

import posenc_jax as px
from posenc_jax import __main__ as command
from posenc_jax.methods import METHODS, living
from tests.support import follow


@pytest.fixture(scope="module")
def rows():
  return {row.title: row for row in follow.rows()}


def by_name(rows, name):
  return next(row for row in rows.values() if name in row.names)


def test_every_method_has_a_row(rows):
  assert len(rows) == len(METHODS) + 1
  assert list(rows)[1:] == [method.title for method in METHODS]
  for row in rows.values():
    assert set(row.behaviour) <= set(living.BEHAVIOUR)
    assert not row.hooks or {"reference", "rows"} <= set(row.paths), row.title


# By hand, from the papers: a wrong row would mislead whoever caches or packs.
@pytest.mark.parametrize("name, hooks, behaviour, learns", [
  ("sinusoidal", ("inputs",), ("absolute",), ()),
  ("learned", ("inputs",), ("absolute",), ("table",)),
  ("rotary", ("qk",), ("written",), ()),
  ("alibi", ("bias",), ("relative",), ()),
  ("t5", ("bias",), ("relative",), ("table",)),
  ("fire", ("bias",), ("origin",), ("w1", "b1", "w2", "c", "multiplier")),
  ("cope", ("scores",), ("content",), ("table",)),
  ("fox", ("layer", "bias"), ("scan",), ("gate_weight", "gate_bias")),
  ("none", (), ("none",), ()),
])
def test_rows_by_hand(rows, name, hooks, behaviour, learns):
  row = by_name(rows, name)
  assert (row.hooks, row.behaviour, row.parameters) == (hooks, behaviour, learns)


def test_kernels_that_take_no_bias_are_not_named(rows):
  assert "cudnn" in by_name(rows, "rotary").paths and "cudnn" not in by_name(rows, "cope").paths
  assert {"strip", "splash"} <= set(by_name(rows, "alibi").paths)


def test_what_an_encoding_learns_and_asks_of_a_cache_follows_from_it():
  learned = px.learn(px.Alibi(4), "slopes")
  assert living._parameters(learned) == ("slopes",)
  assert living.behaviour(px.HardAlibi(4, 2)) == ("mask",)
  assert living.behaviour(px.chain(px.Rotary(8), px.Alibi(2))) == ("written", "relative")
  assert living.behaviour(px.MRotary((2, 1, 1))) == ("grid", "written")


def test_the_command_prints_rows_and_json(capsys, monkeypatch, rows):
  monkeypatch.setattr(living, "rows", lambda: iter(rows.values()))
  monkeypatch.setenv("COLUMNS", "60")
  assert command.main(["t5", "bias"]) == 0
  told = capsys.readouterr().out
  assert "relative, T5's buckets" in told and "FIRE" not in told
  assert max(map(len, told.splitlines())) <= 60
  assert command.main(["--json"]) == 0
  found = json.loads(capsys.readouterr().out)
  assert len(found) == len(rows) and found[0]["title"] == "no position encoding"
  assert set(found[0]) == {field.name for field in dataclasses.fields(living.Row)}
  assert command.main(["no such method at all"]) == 1
  told = capsys.readouterr()
  assert told.out == "" and "words: got no such method at all, wanted words that stand" in told.err


def test_paths_need_no_values(monkeypatch):
  """The table of a hundred methods is asked for in seconds: nothing is computed."""
  monkeypatch.setattr(jax, "block_until_ready", None)
  assert "rows" in living._paths(living._case(METHODS[0], jax.random.key(0)), None)
