# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The self-check: what it finds right here, what it says of an implementation that is wrong."""

import importlib
import json
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention.tiles import rows
from posenc_jax.selfcheck import __main__, cases, measure
from tests.support.repository import ROOT


@pytest.fixture
def two_cases(monkeypatch):
  """Two cases in place of all, of few tokens; the speed of one."""
  some = (cases.CASES[0]._replace(t=32), cases.CASES[2]._replace(t=32, timed=False))
  # The package's attribute of this name is the function.
  monkeypatch.setattr(importlib.import_module("posenc_jax.selfcheck.check"), "CASES", some)
  monkeypatch.setattr(measure, "_milliseconds", lambda compiled, given, seconds: 1.5)


@pytest.mark.usefixtures("two_cases")
def test_all_is_well_here(capsys):
  assert __main__.main(["--length=64", "--seconds=600"]) == 0
  table, line = capsys.readouterr().out.strip().rsplit("\n\n", 1)
  found = json.loads(line)
  assert found["ok"] and found["failed"] == found["left_out"] == []
  assert found["machine"]["jax"] == jax.__version__
  assert found["angle_error"] < 2e-7
  assert [(r["case"], r["dtype"], r["implementation"]) for r in found["values"]] == [
      ("no bias", "float32", "rows"), ("no bias", "bfloat16", "rows"),
      ("T5", "float32", "rows"), ("T5", "bfloat16", "rows")]
  assert all(0 <= r["error"] <= r["limit"] for r in found["values"])
  assert {(r["dtype"], r["implementation"], r["t"]) for r in found["speed"]} == {
      (d, i, 64) for d in ("float32", "bfloat16") for i in ("rows", "reference")}
  assert all(r["both_ms"] == 1.5 and r["temporary_mib"] > 0 for r in found["speed"])
  assert found["auto"]["T5, bfloat16"] == "reference"
  for word in ("no bias", "bfloat16", "rows", "what auto takes", "all is well"):
    assert word in table


@pytest.mark.usefixtures("two_cases")
@pytest.mark.parametrize("wrong", ["gradient", "nan", "error"])
def test_an_implementation_that_fails_is_named(monkeypatch, capsys, wrong):
  right = rows.run

  def run(call):
    if wrong == "error":
      raise RuntimeError("the compiler gave up\nfor a long reason")
    out = right(call)
    if wrong == "nan":
      return out.at[..., 0, 0, 0].set(jnp.nan)
    return 1.2 * out - jax.lax.stop_gradient(out - out * 0.8)

  monkeypatch.setattr(rows, "run", run)
  assert __main__.main(["--length=64", "--seconds=600"]) == 1
  table, line = capsys.readouterr().out.strip().rsplit("\n\n", 1)
  assert json.loads(line)["failed"] == ["rows"]
  assert "FAILED: rows" in table
  assert 'px.config(disable=("rows",)), or set POSENC_JAX_DISABLE=rows' in table
  assert ("RuntimeError: the compiler gave up" in table) == (wrong == "error")


@pytest.mark.usefixtures("two_cases")
def test_what_was_left_out_is_in_the_verdict():
  report = px.selfcheck(seconds=1e-6)
  text = str(report)
  assert report.ok and "all is well" not in text
  assert re.search(r"no fault in 0 checks; 8 checks left out for lack of time \(\d+ s\): "
                   r"seconds=120 gives more$", text)
  assert "speed, one example, 8 heads of 64 dims: milliseconds; MiB; seconds: none measured" in text
  assert "compile side by side" not in text and "  limit" not in text  # no header over nothing


@pytest.mark.parametrize("given", [[1], "60", True, None, np.ones(2)])
def test_seconds_are_a_number(given):
  with pytest.raises(TypeError, match="seconds: got .*, wanted a positive, finite number. Give it"):
    px.selfcheck(seconds=given)


@pytest.mark.usefixtures("two_cases")
def test_what_is_off_is_not_run():
  with px.config(disable="rows"):
    report = px.selfcheck(length=64)
  assert report.ok and report.values == ()
  assert {row["implementation"] for row in report.speed} == {"reference"}


@pytest.mark.usefixtures("two_cases")
def test_a_reference_that_fails_is_named(monkeypatch):
  right = measure.values

  def values(case, implementation, dtype):
    if implementation == "reference":
      raise RuntimeError("no memory")
    return right(case, implementation, dtype)

  monkeypatch.setattr(measure, "values", values)
  assert px.selfcheck(length=64).failed == ("reference",)


def test_the_cases_reach_every_kernel_of_a_tpu():
  kernels = set()
  for case in cases.CASES:
    with px.config(platform="tpu"):
      chosen, obstacles = measure.choices(case, "bfloat16", measure.small(case))
    able = {name for name, obstacle in obstacles.items() if obstacle is None}
    assert chosen in able and (not case.timed or {"splash", "strip"} & able)
    kernels |= able
  assert kernels == {"reference", "rows", "splash", "strip"}


def test_distance_counts_every_array():
  one = [np.ones(3), np.full(2, 10.0)]
  assert measure.distance(one, one) == 0
  assert measure.distance([np.ones(3), np.full(2, 9.0)], one) == 0.1
  assert measure.distance([np.full(3, np.nan), one[1]], one) == float("inf")
  assert measure.distance([np.zeros(0), one[1]], [np.zeros(0), one[1]]) == 0


def test_mistakes_are_named(capsys):
  with pytest.raises(ValueError, match="seconds: got 0, wanted a positive"):
    px.selfcheck(seconds=0)
  with pytest.raises(SystemExit):
    __main__.main(["--length=0"])
  assert "length: got 0, wanted an int, at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_machine_in_a_process_of_its_own():
  run = subprocess.run(
      [sys.executable, "-W", "error", "-m", "posenc_jax.selfcheck", "--seconds=600",
       "--length=512"], cwd=ROOT, env={**os.environ, "XLA_FLAGS": ""}, capture_output=True,
      text=True, check=False)
  assert run.returncode == 0, run.stdout + run.stderr
  assert json.loads(run.stdout.strip().split("\n")[-1])["left_out"] == []
