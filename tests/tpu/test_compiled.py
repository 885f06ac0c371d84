# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every program compiles for its chip, within its budget of time and memory.

Needs the wheel of the TPU compiler, which .ci/run installs in an environment of its own.
"""

import pytest

from tests.tpu import compiling, table
from tests.tpu.programs import LONG, SHORT, Attention


def _id(program):
  return f"{program.chip}: {program.name}"


def test_names_are_told_apart_and_the_page_has_a_place_for_each_table():
  assert len({_id(p) for p in (*SHORT, *LONG)}) == len(SHORT) + len(LONG)
  page = table.PAGE.read_text(encoding="utf-8")
  for place in table.PLACES:
    assert "\nnew table\n" in table.written(page, place, "\nnew table\n")
  for program in SHORT:
    assert f"| {program.name} |" in page


@pytest.mark.skipif(compiling.missing() is not None, reason=str(compiling.missing()))
def test_rows_that_were_not_asked_for_are_kept(monkeypatch):
  monkeypatch.setattr(table, "line", lambda program: f"| v5e | {program.name} | new |\n")
  old = "".join(f"| v5e | {program.name} | old |\n" for program in SHORT[1:])
  new = table.table(SHORT, old, ["rotary"])
  assert [f"| {program.name} | new |" in new for program in SHORT] == [
      program.name.startswith("rotary") or program is SHORT[0] for program in SHORT]
  assert new.count("| old |") == len(SHORT) - new.count("| new |")


@pytest.mark.skipif(compiling.missing() is not None, reason=str(compiling.missing()))
@pytest.mark.parametrize("program", [
    *(pytest.param(p, id=_id(p)) for p in SHORT),
    *(pytest.param(p, id=_id(p), marks=pytest.mark.slow) for p in LONG)])
def test_it_compiles_within_its_budget(program, record_property):
  found = program.compile()
  for name in ("seconds", "memory_mib", "code_kib"):
    record_property(name, round(getattr(found, name), 1))
  path = program.path() if isinstance(program, Attention) else program.path
  assert ("tpu_custom_call" in found.text) == (path in ("splash", "strip"))
  assert found.memory_mib <= program.mib, f"{found.memory_mib:.1f} MiB of temporary memory"
  assert found.seconds <= program.seconds, f"{found.seconds:.1f} s of the processor to compile"
