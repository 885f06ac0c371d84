# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a method costs: numbers to train, bytes in a cache, and the class of its work.

Numbers to train and bytes are counted on the encoding itself, at the sizes of ``WIDE``, by shapes
alone: nothing is computed.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import posenc_jax as px
from posenc_jax import nn
from posenc_jax.methods import Method, Sizes

WIDE = Sizes(d_model=256, heads=4, head_dim=64, length=1024, train_length=512)
SIZES = "4 heads of 64 dims, width 256, trained at 512 tokens, 1024 at most"
# Hook or form of the bias to (class of its work, what is done). T queries, S keys, N heads, H dims
# of a head, D width.
WORK = {
  "inputs": ("T D", "one pass over the embeddings, once a model call"),
  "positions": ("T", "new positions, once a model call"),
  "layer": ("T D", "one pass over the input of every layer"),
  "qk": ("T N H", "one pass over new queries and keys, when they are written"),
  "values": ("T N H", "one pass over new values, when they are written"),
  "expand": ("S N H", "one pass over all keys, whenever they are read"),
  "visible": ("0", "it only hides, and work that is hidden is left out"),
  "bias": ("N T S", "a number for each pair and head, made in tiles: no array `T x S` is kept"),
  "distance_bias": ("N (T + S)", "a number for each distance and head"),
  "bias_columns": ("N (T + S)", "a few columns more in the product of queries and keys"),
  "scores": ("N T S", "whole rows of scores of all heads at a time"),
  "weights": ("N T S", "whole rows of scores in place of the softmax"),
  "value_bias": ("N T S", "whole rows of weights"),
  "outputs": ("T N H", "one pass over the outputs")}


class Cost(NamedTuple):
  """Of one attention layer.

  Attributes:
    parameters: how many numbers a model trains.
    keys, values: bytes a token and head in a cache, in bfloat16.
    positions: bytes a token of what the cache knows of positions, for all heads.
    state: bytes that do not grow with the tokens.
  """

  parameters: int
  keys: int
  values: int
  positions: int
  state: int


def _bytes(tree: Any) -> int:
  return sum(int(np.prod(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(tree))


def cost(method: Method) -> Cost | None:
  """The cost of a method at ``WIDE``; None for one that experiments do not build.

  Example:
    >>> from posenc_jax.methods import METHODS
    >>> cost(next(m for m in METHODS if m.cls == "T5Bias"))
    Cost(parameters=128, keys=128, values=128, positions=4, state=0)
  """
  if not method.builds:
    return None
  build = next(iter(method.builds.values()))
  found: list[Cost] = []

  def count(key):
    e = build(WIDE, key)
    learned = [x for x, yes in zip(jax.tree.leaves(e), jax.tree.leaves(px.is_parameter(e)),
                                   strict=True) if yes]
    layer = nn.MultiHeadAttention(WIDE.d_model, WIDE.heads, encoding=e, causal=True,
                                  rngs=nnx.Rngs(0))
    at = jnp.zeros((1, e.position_axes) if e.position_axes else (1,), jnp.int32)
    one, two = (layer.init_cache((), n, jnp.bfloat16, positions=at) for n in (1, 2))
    grown = lambda name: _bytes(getattr(two, name)) - _bytes(getattr(one, name))
    found.append(Cost(
      sum(int(np.prod(x.shape)) for x in learned), grown("keys") // WIDE.heads,
      grown("values") // WIDE.heads, grown("positions"), _bytes(one.carry)))

  jax.eval_shape(count, jax.random.key(0))
  return found[0]


def cells(method: Method, answered: tuple[str, ...]) -> dict[str, str]:
  """Rows of a card's table on what a method costs that answers these hooks and claims."""
  done = [name for name in answered if name in WORK]
  if {"distance_bias", "bias_columns"} & set(done):
    done = [name for name in done if name != "bias"]
  work = "; ".join(f"*{WORK[name][0]}*: {WORK[name][1]}" for name in done)
  rows = {"Work, beside the *N T S H* of attention": work or "none"}
  found = cost(method)
  if found is not None:
    plain = 2 * WIDE.head_dim
    same = found.keys == found.values == plain
    keys = (f"{plain} + {plain} bytes a token and head, as without it" if same else
            f"{found.keys} + {found.values} bytes a token and head; {plain} + {plain} without it")
    rows["Numbers to train"] = (f"{found.parameters:,} in a layer" if found.parameters else "none")
    rows["In a cache, keys + values in bfloat16"] = keys + (
      f"; positions: {found.positions} bytes a token" if found.positions else "; no positions") + (
      f"; a state of {found.state:,} bytes" if found.state else "")
    rows["Counted for"] = SIZES
  return rows
