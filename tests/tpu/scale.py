# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compiles context-parallel attention for 256 chips and writes the tables of docs/scale.md.

    JAX_PLATFORMS=cpu python -m tests.tpu.scale                     all rows: five minutes
    JAX_PLATFORMS=cpu python -m tests.tpu.scale --only ALiBi        rows that begin so

Needs ``pip install 'jax[tpu]'``, and no TPU. A program that does not fit is a row that says so.
"""

import argparse
import dataclasses
import importlib.metadata
import math
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import posenc_jax as px
from tests.support.follow import between
from tests.tpu import compiling
from tests.tpu.collectives import collectives, received
from tests.tpu.programs import ENCODINGS, HEADS

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "scale.md"
PLACES = ("ring", "gather")
CHIP, H = "v5e:16x16", 64
WIDTH, MILLION, MIB = HEADS * H, 2**20, 2**20


class Kind(NamedTuple):
  """What of an encoding crosses between chips; counted by hand, not read from the library.

  Attributes:
    make: the encoding.
    wide: how many times H wide the keys are that travel.
    integers, floats: int32 and float32 numbers a token that travel with its key as positions.
    sums: float32 numbers whose gradients are summed over chips.
    whole: whether it needs whole rows of keys.
  """

  make: Callable[[int], px.Encoding | None]
  wide: int = 1
  integers: int = 0
  floats: int = 0
  sums: int = 0
  whole: bool = False


KINDS = {
    "no bias": Kind(ENCODINGS["no bias"]),
    "rotary": Kind(ENCODINGS["rotary"]),
    "PoPE": Kind(ENCODINGS["PoPE"], wide=2, sums=2 * WIDTH),  # of cosines and sines apart
    "ALiBi": Kind(ENCODINGS["ALiBi"], integers=1, sums=HEADS),
    "T5": Kind(ENCODINGS["T5"], integers=1, sums=32 * HEADS),
    "FIRE": Kind(ENCODINGS["FIRE"], integers=1, sums=322),
    "Transformer-XL": Kind(ENCODINGS["Transformer-XL"], integers=1, sums=(WIDTH + 2) * WIDTH),
    # Its gates act before attention; their gradient here is zero, and summed all the same.
    "FoX": Kind(lambda h: px.Fox.init(jax.random.key(0), WIDTH, HEADS), floats=2 * HEADS,
                sums=(WIDTH + 1) * HEADS),
    "SSMax": Kind(ENCODINGS["SSMax"], sums=HEADS, whole=True),
    "Shaw": Kind(ENCODINGS["Shaw"], integers=1, sums=2 * 33 * H, whole=True),
}


class Bytes(NamedTuple):
  """Bytes of one chip: what the formula says, or a program.

  Attributes:
    forward, backward: what a chip receives in one hop, or at once where keys are gathered.
    once: what it receives in the backward pass beside: gradients of its keys, on their last hop
      home or scattered, and sums of gradients of parameters.
    memory: temporary memory, beside arguments and results.
  """

  forward: int
  backward: int
  once: int
  memory: int

  def total(self, hops: int) -> int:
    """All that a chip receives."""
    return hops * (self.forward + self.backward) + self.once


@dataclasses.dataclass(frozen=True)
class Program:
  """One call of ``context_attend`` on all chips, in bfloat16, B 1, N = K = 8, H 64, causal.

  Attributes:
    kind: a name of ``KINDS``.
    collective: "ring" or "gather".
    tokens: T and S.
    both: whether gradients of q, k, v, the parameters and driven positions are taken.
    chip: a topology.
  """

  kind: str
  collective: str
  tokens: int
  both: bool = True
  chip: str = CHIP

  @property
  def name(self) -> str:
    return (f"{self.kind} | {self.tokens // MILLION}M | "
            f"{'both passes' if self.both else 'forward'}")

  @property
  def chips(self) -> int:
    return math.prod(map(int, self.chip.partition(":")[2].split("x")))

  @property
  def hops(self) -> int:
    return self.chips - 1 if self.collective == "ring" else 1

  def formula(self) -> Bytes:
    """What has to cross, and what has to be held, by counting: the letters of docs/scale.md."""
    kind, n = KINDS[self.kind], self.chips
    local, keys = self.tokens // n, (kind.wide + 1) * WIDTH
    gathers, order = self.collective == "gather", 4
    # One array of int32 serves as positions and as order where both are gathered.
    token = 2 * keys + 4 * kind.floats + (4 * kind.integers if not gathers else 0) + order
    gradient = (2 if kind.whole else 4) * keys + 4 * kind.floats
    held = local * token * (n if gathers else 2)
    rows = 4 * local * (WIDTH + 2 * HEADS)  # an unfinished softmax, or d_out and two sums a row
    moved = local * token * (n - 1 if gathers else 1)
    if not self.both:
      return Bytes(moved, 0, 0, held + rows)
    rows += 4 * local * (kind.wide * WIDTH + kind.floats)
    gradients = local * gradient * (n if gathers else 2)
    sums = 2 * 4 * kind.sums * (n - 1) // n
    if gathers:
      again = 0 if kind.whole else moved
      return Bytes(moved, again, local * gradient * (n - 1) + sums, held + rows + gradients)
    home = local * (2 * keys + 4 * kind.floats)  # the compiler rounds to the keys' dtype before
    return Bytes(moved, moved + local * gradient, home + sums, held + rows + gradients)

  def compile(self) -> compiling.Compiled:
    """Compiles it for every chip of the topology."""
    mesh = compiling.mesh(self.chip, "tokens")
    parameters, rest = px.partition(KINDS[self.kind].make(H))
    driven = KINDS[self.kind].floats > 0

    def forward(q, k, v, parameters, positions):
      where: Any = {"q_positions": positions, "k_positions": positions,
                    "applied": ("layer",)} if driven else {}
      whole = KINDS[self.kind].whole
      return px.context_attend(q, k, v, px.combine(parameters, rest), mesh=mesh, axis="tokens",
                               causal=True, collective="auto" if whole else self.collective,
                               layout="zigzag", **where)

    def both(gradient, *arrays):
      out, pull = jax.vjp(forward, *arrays)
      return out, pull(gradient)

    of_tokens = lambda shape, dtype: compiling.along(
        jax.ShapeDtypeStruct((1, self.tokens, *shape), dtype), mesh, None, "tokens")
    q = of_tokens((HEADS, H), jnp.bfloat16)
    positions = of_tokens((2, HEADS), jnp.float32) if driven else ()
    arrays = q, q, q, compiling.along(parameters, mesh), positions
    return compiling.compile_for_tpu(*((both, q) if self.both else (forward,)), *arrays)

  def measured(self) -> Bytes:
    """What the compiled program says: a loop's collectives stand in it once, so they are a hop's.

    Raises:
      jax.errors.JaxRuntimeError: it does not fit on a chip.
    """
    compiled, ring = self.compile(), self.collective == "ring"
    found = collectives(compiled.text)
    # Where keys are gathered, what goes backward is all but the gathering.
    keys = [c for c in found if (c.loop if ring else c.kind == "all-gather")]
    total = lambda some: sum(received(c, self.chips) for c in some)
    return Bytes(total(c for c in keys if not c.backward), total(c for c in keys if c.backward),
                 total(c for c in found if c not in keys), round(compiled.memory_mib * MIB))


def programs() -> list[Program]:
  """All rows."""
  ring = [Program(name, "ring", tokens * MILLION)
          for name, kind in KINDS.items() if not kind.whole for tokens in (1, 10)]
  gather = [Program(name, "gather", MILLION, both)
            for name in ("rotary", "ALiBi", "PoPE", "FoX", "SSMax", "Shaw")
            for both in (False, True)]
  return [*ring, *gather, Program("rotary", "gather", 10 * MILLION, False)]


def line(program: Program) -> str:
  """A program's line of its table: its own numbers / the formula's, in MiB, and the sum in GiB."""
  said = program.formula()
  sums = lambda some: f"{some.total(program.hops) / 2**30:.2f}"
  try:
    found = program.measured()
    numbers = [f"{_mib(a)} / {_mib(b)}" for a, b in zip(found, said, strict=True)]
    numbers.insert(3, f"{sums(found)} / {sums(said)}")
  except jax.errors.JaxRuntimeError as error:
    needed = re.search(r"temporaries \(([\d.]+)G\)", str(error))
    if not needed:
      raise
    numbers = [f"- / {_mib(b)}" for b in said[:3]]
    numbers += [f"- / {sums(said)}",
                f"**{1024 * float(needed[1]):.0f}: does not fit** / {_mib(said.memory)}"]
  return f"| {program.name} | {' | '.join(numbers)} |\n"


def _mib(count: int) -> str:
  return f"{count / MIB:.{0 if count >= 1000 * MIB else 3 if count < MIB else 2}f}"


def table(place: str, old: str, only: str) -> str:
  """A table: new lines for programs whose name begins with ``only``, those of ``old`` else."""
  lines = []
  for program in (p for p in programs() if p.collective == place):
    kept = re.search(rf"^\| {re.escape(program.name)} \|.*\n", old, re.M)
    if kept and not program.name.startswith(only):
      lines.append(kept[0])
    else:
      lines.append(line(program))
      print(place, lines[-1], end="", flush=True)
  hop = "a hop" if place == "ring" else "at once"
  head = ("encoding", "tokens", "passes", f"forward, {hop}", f"backward, {hop}", "once",
          "received in all, GiB", "temporary memory")
  versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "libtpu"))
  return f"\n{versions}.\n\n| {' | '.join(head)} |\n{'|---' * len(head)}|\n{''.join(lines)}\n"


def main() -> int:
  """Writes the tables; returns the exit status."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
  parser.add_argument("--only", default="", help="how the rows begin that are made anew")
  options = parser.parse_args()
  if compiling.missing():
    parser.error(str(compiling.missing()))
  for place in PLACES:
    page = PAGE.read_text(encoding="utf-8")
    start, end = f"<!-- tests.tpu.scale, {place} -->\n", f"<!-- end of {place} -->"
    old = page.partition(start)[2].partition(end)[0]
    PAGE.write_text(between(page, start, end, table(place, old, options.only)), encoding="utf-8")
  return 0


if __name__ == "__main__":
  sys.exit(main())
