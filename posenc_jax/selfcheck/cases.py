# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The calls that are checked: one for each way in which an encoding and a mask reach attention."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._kinds import learn
from posenc_jax.base import Encoding
from posenc_jax.encodings.biases.alibi import Alibi
from posenc_jax.encodings.biases.fire import Fire
from posenc_jax.encodings.biases.t5 import T5Bias
from posenc_jax.encodings.content.cope import Cope
from posenc_jax.encodings.content.shaw import Shaw
from posenc_jax.encodings.rotations.rotary import Rotary


class Case(NamedTuple):
  """A call of ``attend``.

  Attributes:
    name: what the table calls it.
    make: (N, H) to an encoding.
    options: T to the options of ``attend`` but for the implementation.
    timed: whether its speed is measured too.
    queries: the last so many tokens are the queries; None for all.
    t: tokens where values are compared: fewer for programs that compile slowly.
  """

  name: str
  make: Callable[[int, int], Encoding | None]
  options: Callable[[int], dict[str, Any]]
  timed: bool = False
  queries: int | None = None
  t: int = 256


def _causal(t: int) -> dict[str, Any]:
  del t
  return {"causal": True}


def _cut(t: int) -> np.ndarray:
  """Two documents in a row, of unequal lengths, off the blocks of every kernel."""
  return (np.arange(t) >= t // 2 - 3).astype(np.int32)


_key = jax.random.key
CASES = (
    Case("no bias", lambda n, h: None, _causal, timed=True),
    Case("ALiBi", lambda n, h: learn(Alibi(n), "slopes"), _causal, timed=True),
    Case("T5", lambda n, h: T5Bias.init(_key(1), n, stddev=1.0), _causal, timed=True),
    Case("rotary, two documents", lambda n, h: Rotary(h),
         lambda t: {"causal": True, "segments": _cut(t)}),
    Case("T5 both ways, window", lambda n, h: T5Bias.init(_key(2), n, bidirectional=True,
                                                          stddev=1.0),
         lambda t: {"window": t // 3}),
    Case("no bias, padding", lambda n, h: None, lambda t: {"lengths": np.asarray(t - 5)}),
    Case("FIRE", lambda n, h: Fire.init(_key(3), n), _causal),
    Case("Shaw", lambda n, h: Shaw.init(_key(4), h, stddev=0.3), _causal, t=96),
    Case("CoPE", lambda n, h: Cope.init(_key(5), 16, h, stddev=0.3), _causal, t=96),
    Case("T5, one new token", lambda n, h: T5Bias.init(_key(6), n, stddev=1.0),
         lambda t: {"causal": True, "q_positions": np.asarray([t - 1]),
                    "k_positions": np.arange(t)}, queries=1),
)


def arrays(case: Case, *, t: int, n: int, k: int, h: int) -> tuple[Any, ...]:
  """(q, k, v, a gradient of the output) of one example, in numbers that bfloat16 holds."""
  keys = jax.random.split(jax.random.key(0), 4)
  rows = case.queries or t
  shapes = (1, rows, n, h), (1, t, k, h), (1, t, k, h), (1, rows, n, h)
  return tuple(jax.random.normal(key, shape, jnp.bfloat16).astype(jnp.float32)
               for key, shape in zip(keys, shapes, strict=True))
