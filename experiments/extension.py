# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ways to extend the context of a rotary model, as encodings for its weights.

Each takes what the model was trained with and the factor s by which its context is to grow. Methods
of one family differ in numbers alone, so that one program serves them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import posenc_jax as px
from posenc_jax import functions
from posenc_jax._errors import value_error
from posenc_jax.base import Encoding

PAPERS_BETA_FAST = 32.0


@dataclasses.dataclass(frozen=True)
class Rope:
  """The rotary of a trained model.

  Attributes:
    dim: r, how many dims of a head turn.
    length: L, the trained length.
    base: B.
    pairing: of dims, see ``Rotary``.
  """

  dim: int
  length: int
  base: float = 10_000.0
  pairing: str = "half"

  def of(self, frequencies: object, attention_scaling: float = 1.0) -> Encoding:
    """The rotary with other frequencies."""
    return px.Rotary.from_frequencies(frequencies, attention_scaling=attention_scaling,
                                      pairing=self.pairing)


def beta_fast(rope: Rope) -> float:
  """How often a pair turns within L to be kept whole by NTK-by-parts: 32, or as the fastest does.

  The fastest pair turns L / (2 pi) times: 20 times for L 128, where the paper's 32 would slow down
  every pair. The ramp of YaRN's released code stops at the fastest pair in the same way.

  Example:
    >>> beta_fast(Rope(16, 4096)), round(beta_fast(Rope(16, 128)), 2)
    (32.0, 20.37)
  """
  return max(min(PAPERS_BETA_FAST, rope.length / (2 * math.pi)), 1.0)


def group_of(rope: Rope, factor: float) -> tuple[int, int]:
  """Self-Extend's window, a quarter of L, and its smallest group that serves s L positions.

  Example:
    >>> group_of(Rope(16, 128), 4)
    (32, 8)
  """
  window = max(rope.length // 4, 1)
  for group in range(1, window + 1):
    if window % group == 0 and (rope.length - window) * group + window >= factor * rope.length:
      return window, group
  raise value_error("factor", factor, f"a factor that groups of {window} positions at most serve",
                    "Leave out self-extend, or take smaller factors")


def _none(rope, factor, found):
  return (rope.of(functions.rotary_frequencies(rope.dim, base=rope.base)),)


def _pi(rope, factor, found):
  return (rope.of(functions.linear_frequencies(rope.dim, factor, base=rope.base)),)


def _ntk(rope, factor, found):
  base = functions.ntk_base(rope.base, factor, rope.dim)
  return (rope.of(functions.rotary_frequencies(rope.dim, base=base)),)


def _by_parts(rope, factor, found):
  return (rope.of(functions.by_parts_frequencies(
    rope.dim, factor=factor, original=rope.length, base=rope.base, beta_fast=beta_fast(rope))),)


def _yarn(rope, factor, found):
  return (functions.yarn_rotary(rope.dim, factor=factor, original=rope.length, base=rope.base,
                                pairing=rope.pairing),)


def longrope(rope: Rope, factor: float, found: Sequence[float]) -> Encoding:
  """LongRoPE's encoding of searched factors."""
  scaling = functions.longrope_attention_scaling(factor, rope.length)
  return rope.of(functions.longrope_frequencies(rope.dim, list(found), base=rope.base), scaling)


def _longrope(rope, factor, found):
  return (longrope(rope, factor, found),)


def _stretches(rope, factor):
  """Lengths of the text so far, at which dynamic methods change their numbers: L, 2 L, .. s L."""
  return [(i + 1) * rope.length for i in range(int(factor))]


def _dynamic_ntk(rope, factor, found):
  return tuple(functions.dynamic_ntk_rotary(rope.dim, length=n, original=rope.length,
                                            base=rope.base, pairing=rope.pairing)
               for n in _stretches(rope, factor))


def _dynamic_yarn(rope, factor, found):
  return tuple(functions.dynamic_yarn_rotary(rope.dim, length=n, original=rope.length,
                                             base=rope.base, pairing=rope.pairing)
               for n in _stretches(rope, factor))


def _self_extend(rope, factor, found):
  window, group = group_of(rope, factor)
  return (px.SelfExtend(rope.dim, window=window, group=group, base=rope.base,
                        pairing=rope.pairing),)


def _rerope(rope, factor, found):
  return (px.ReRope(rope.dim, window=max(rope.length // 2, 1), base=rope.base,
                    pairing=rope.pairing),)


def _dual_chunk(rope, factor, found):
  return (px.DualChunk(rope.dim, chunk=max(3 * rope.length // 4, 1), local=rope.length // 8,
                       base=rope.base, pairing=rope.pairing),)


@dataclasses.dataclass(frozen=True)
class Method:
  """A way to extend.

  Attributes:
    family: methods of one have encodings of one structure.
    make: (rope, factor, searched factors or None) to an encoding for all tokens, or to one for each
      stretch of L tokens.
    trains: whether it is meant to be trained on at the new length.
    told: one sentence for the page.
  """

  family: str
  make: Callable[..., tuple[Encoding, ...]]
  trains: bool
  told: str


METHODS: dict[str, Method] = {
  "none": Method("frequencies", _none, True, "the model as it was trained"),
  "pi": Method("frequencies", _pi, True, "position interpolation: all frequencies / s"),
  "ntk": Method("frequencies", _ntk, True, "NTK-aware: the base B s^(r / (r - 2))"),
  "by-parts": Method("frequencies", _by_parts, True, "NTK-by-parts, by turns within L"),
  "yarn": Method("frequencies", _yarn, True, "YaRN: a ramp over pairs, and scaled attention"),
  "longrope": Method("frequencies", _longrope, True, "LongRoPE: a searched factor for each pair"),
  "dynamic-ntk": Method("on read", _dynamic_ntk, False, "NTK for the length so far, in steps of L"),
  "dynamic-yarn": Method("on read", _dynamic_yarn, False,
                         "YaRN for the length so far, in steps of L"),
  "self-extend": Method("self-extend", _self_extend, False, "far positions in groups, window L/4"),
  "rerope": Method("rerope", _rerope, False, "distances stop growing at L/2"),
  "dual-chunk": Method("dual-chunk", _dual_chunk, False, "chunks of 3/4 L, local window L/8"),
}
TRAINED = tuple(name for name, method in METHODS.items() if method.trains)


def encodings(name: str, rope: Rope, factor: float, found: Sequence[float] | None = None
              ) -> tuple[Encoding, ...]:
  """The encodings of a method: one for all tokens, or one for each stretch of L tokens.

  Args:
    name: of METHODS.
    rope: what the model was trained with.
    factor: s, a whole number for dynamic methods.
    found: the searched factors ``[r // 2]`` of "longrope".

  Example:
    >>> encodings("pi", Rope(4, 128), 2.0)
    (Rotary(frequencies=Frequencies([0.5, 0.005])),)
    >>> len(encodings("dynamic-ntk", Rope(4, 128), 4))
    4
  """
  return METHODS[name].make(rope, factor, found)
