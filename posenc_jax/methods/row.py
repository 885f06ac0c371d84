# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a row of the table of methods holds."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

from posenc_jax.base import Encoding
from posenc_jax.testing import Case


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


Build = Callable[..., Encoding]  # (sizes, key, **settings)


@dataclasses.dataclass(frozen=True)
class Method:
  """One row of the table.

  Attributes:
    title: what the README calls it.
    module: its file below ``posenc_jax.encodings``, such as "biases.alibi"; the folder is its room.
    cls: the name of its class, or "" for functions alone.
    acts_on: what it changes, for the README.
    functions: name to (what goes in, what comes out), exported by ``posenc_jax`` and
      ``posenc_jax.functions``.
    more: the same of functions that only ``posenc_jax.functions`` exports.
    builds: name in experiments to ``(sizes, key, **settings) -> encoding``, such as a ``Maker``.
    cases: name in the contract to ``key -> Case``; None takes ``builds`` at the contract's sizes.
    catalogue: its row in ``docs/design.md``, if that has another name than the title.
    arxiv: the paper's id, or "-" where there is no paper.
    directions: "causal", "bidirectional" or "both": the attention that it is meant for.
    goldens: what the numbers are compared with beside the oracle: a package and its version, or the
      published code; "" where nothing independent could be run.
  """

  title: str
  module: str
  cls: str
  acts_on: str
  functions: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
  more: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
  builds: Mapping[str, Build] = dataclasses.field(default_factory=dict)
  cases: Mapping[str, Callable[[jax.Array], Case]] | None = None
  catalogue: str = ""
  arxiv: str = "-"
  directions: str = "both"
  goldens: str = ""
