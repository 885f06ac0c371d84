# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The bytes that a compiled program sends between chips, read from its text."""

import math
import re
from typing import NamedTuple

KINDS = ("collective-permute", "all-gather", "reduce-scatter", "all-reduce", "all-to-all")
# "name = type kind(operands), .."; of an asynchronous pair the end, whose type is the result.
_INSTRUCTION = re.compile(rf"^\s*(?:ROOT )?%?[\w.-]+ = (\(.*?\)|\S+) ({'|'.join(KINDS)})"
                          r"(-start|-done)?\(")
_ARRAY = re.compile(r"\b(pred|[subf]f?\d+)\[([\d,]*)\]")
_NAME = re.compile(r'op_name="([^"]*)"')


class Collective(NamedTuple):
  """One instruction.

  Attributes:
    kind: one of ``KINDS``.
    bytes: of its result on one chip, without padding.
    loop: whether it stands in a loop, where the text shows one turn.
    backward: whether it belongs to the backward pass.
  """

  kind: str
  bytes: int
  loop: bool
  backward: bool


def collectives(text: str) -> list[Collective]:
  """Every collective of a compiled program's text.

  Example:
    >>> collectives('%p = bf16[2,3]{1,0} collective-permute(%x), metadata={op_name="f/while/body"}')
    [Collective(kind='collective-permute', bytes=12, loop=True, backward=False)]
  """
  found = []
  for line in text.splitlines():
    match = _INSTRUCTION.match(line)
    if match and match[3] != "-start":
      name = "".join(_NAME.findall(line)[:1])
      found.append(Collective(match[2], sum(map(_bytes, _ARRAY.findall(match[1]))),
                              "/while/body" in name, "transpose(" in name))
  return found


def received(collective: Collective, chips: int) -> int:
  """Bytes that reach a chip where data go round in parts, which no algorithm undercuts by much."""
  result, others = collective.bytes, chips - 1
  return {"collective-permute": result, "all-gather": result * others // chips,
          "reduce-scatter": result * others, "all-reduce": 2 * result * others // chips,
          "all-to-all": result * others // chips}[collective.kind]


def _bytes(array):
  kind, sizes = array
  bits = 8 if kind == "pred" else int(re.sub(r"\D", "", kind))
  return math.prod(map(int, filter(None, sizes.split(",")))) * bits // 8
