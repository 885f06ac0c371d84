# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What 256 chips send and hold is what docs/scale.md's formula says."""

import pytest

from tests.tpu import compiling, scale
from tests.tpu.collectives import Collective, collectives, received
from tests.tpu.scale import MILLION, Bytes, Program

compiled = pytest.mark.skipif(compiling.missing() is not None, reason=str(compiling.missing()))


def test_collectives_are_read_from_a_program_each_once():
  text = """
  %a = bf16[1,4]{1,0:T(8,128)(2,1)S(1)} collective-permute(%x), metadata={op_name="f/while/body/p"}
  %b = (f32[2]{0}, u32[]{:S(2)}) collective-permute-start(%x), metadata={op_name="transpose(f)/p"}
  ROOT %c = f32[2]{0} collective-permute-done(%b), metadata={op_name="transpose(f)/p"}
  %d = (f32[8]{0:T(128)}, pred[3]{0}) all-reduce(%x, %y), to_apply=%add
  %e = f32[8]{0} fusion(%all-gather.1), kind=kLoop
"""
  assert collectives(text) == [Collective("collective-permute", 8, True, False),
                               Collective("collective-permute", 8, False, True),
                               Collective("all-reduce", 35, False, False)]


@pytest.mark.parametrize("kind, result, wanted", [
    ("collective-permute", 8, 8), ("all-gather", 8, 6), ("reduce-scatter", 2, 6),
    ("all-reduce", 8, 12), ("all-to-all", 8, 6)])
def test_what_a_chip_of_four_receives(kind, result, wanted):
  assert received(Collective(kind, result, False, False), 4) == wanted


def test_the_formula_counts_what_four_chips_send():
  # L 4; k and v of 512 numbers each, a position and an order; twice 32 x 8 numbers are summed.
  ring = Program("T5", "ring", 16, chip="v5e:2x2").formula()
  assert ring[:3] == (4 * 2056, 4 * (2056 + 4096), 4 * 2048 + 2 * 1024 * 3 // 4)
  assert ring.total(3) == 3 * 4 * (2 * 2056 + 4096) + 4 * 2048 + 1536
  gather = Program("FoX", "gather", 16, False, chip="v5e:2x2").formula()
  assert gather[:3] == (3 * 4 * (2048 + 4 + 64), 0, 0)


def test_the_page_has_a_row_for_each_program():
  page = scale.PAGE.read_text(encoding="utf-8")
  names = [program.name for program in scale.programs()]
  for name in names:
    assert page.count(f"| {name} |") == names.count(name)


@compiled
@pytest.mark.parametrize("program", [
    Program("FoX", "ring", MILLION), Program("FoX", "gather", MILLION, False),
    pytest.param(Program("PoPE", "ring", MILLION), marks=pytest.mark.slow),
    pytest.param(Program("FIRE", "ring", 10 * MILLION), marks=pytest.mark.slow)],
    ids=lambda program: f"{program.name}, {program.collective}")
def test_a_program_sends_what_the_formula_says(program):
  found, said = program.measured(), program.formula()
  assert found[:3] == said[:3]
  assert found.memory <= 4 * said.memory
  assert isinstance(found, Bytes) and found.total(program.hops) == said.total(program.hops)
