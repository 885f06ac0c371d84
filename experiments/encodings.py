# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The encodings that scripts know by name: one line each."""

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any

import jax

import posenc_jax as px
from posenc_jax._errors import explain_fault


@dataclasses.dataclass(frozen=True)
class Sizes:
  """What an encoding is built for.

  Attributes:
    d_model: D; heads: N; head_dim: H.
    length: the longest sequence it will ever see, evaluation included.
    train_length: the longest sequence it is trained on.
    base: of rotary and sinusoidal frequencies; may be traced.
  """

  d_model: int
  heads: int
  head_dim: int
  length: int
  train_length: int
  base: Any = 10_000.0


ENCODINGS: dict[str, Callable[[Sizes, jax.Array], px.Encoding]] = {
    "none": lambda s, key: px.Encoding(),
    "sinusoidal": lambda s, key: px.Sinusoidal(s.d_model, base=s.base),
    # As large as a token's embedding: from 0.02, as in BERT, short runs hardly learn the table.
    "learned": lambda s, key: px.Learned.init(key, s.length, s.d_model, stddev=0.5),
    "rotary": lambda s, key: px.Rotary(s.head_dim, base=s.base),
    "alibi": lambda s, key: px.Alibi(s.heads),
    "t5": lambda s, key: px.T5Bias.init(key, s.heads),
    "shaw": lambda s, key: px.Shaw.init(key, s.head_dim),
    "transformer-xl": lambda s, key: px.TransformerXL.init(key, s.heads, s.head_dim, base=s.base),
    "fire": lambda s, key: px.Fire.init(key, s.heads, threshold=s.train_length / 4),
    "cope": lambda s, key: px.Cope.init(key, s.train_length, s.head_dim),
    "fox": lambda s, key: px.Fox.init(key, s.d_model, s.heads),
    "dape": lambda s, key: px.Dape.init(key, s.heads, px.Alibi(s.heads)),
    "dape-v2": lambda s, key: px.Dape.init(key, s.heads, px.Alibi(s.heads), taps=3),
    "pope": lambda s, key: px.Pope.init(key, s.heads, s.head_dim, base=s.base),
    "vo-rotary": lambda s, key: px.chain(px.Rotary(s.head_dim, base=s.base),
                                         px.VORotary(s.head_dim, base=s.base)),
    "log-n": lambda s, key: px.LogNTemperature(s.train_length),
    "ssmax": lambda s, key: px.SSMax.init(key, s.heads),
    "randomized": lambda s, key: px.Randomized(s.length, maximum=4 * s.length),
}


def build(name: str, sizes: Sizes, key: jax.Array) -> px.Encoding:
  """The encoding of that name; ``+`` chains, as in ``rotary+alibi``."""
  return px.chain(*(ENCODINGS[part](sizes, jax.random.fold_in(key, i))
                    for i, part in enumerate(name.split("+"))))


def faults(names: list[str], head_dim: int) -> list[str]:
  """What is wrong with names of encodings, the nearest known name offered."""
  found = []
  for name in names:
    for part in name.split("+"):
      if part not in ENCODINGS:
        near = difflib.get_close_matches(part, ENCODINGS, n=1, cutoff=0.0)[0]
        found.append(explain_fault(
          "--encodings", repr(part), f"some of {', '.join(ENCODINGS)} (joined by + to chain)",
          f"Did you mean {near!r}?"))
      elif part in ROTATING and head_dim % 2:
        found.append(explain_fault("--head_dim", head_dim, f"an even one for {part!r}",
                                   f"Use {head_dim + 1}"))
  return found


ROTATING = frozenset({"rotary", "vo-rotary"})
