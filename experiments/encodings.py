# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The encodings that scripts know by name: those of the table in ``posenc_jax.methods``."""

import difflib

import jax

import posenc_jax as px
from posenc_jax import methods
from posenc_jax._errors import explain_fault
from posenc_jax.methods import Sizes as Sizes

ENCODINGS: dict[str, methods.Build] = methods.builders()


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
