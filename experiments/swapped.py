# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A trained language model under an encoding that it was not trained with."""

import warnings
from collections.abc import Iterator
from typing import Any

import jax

import posenc_jax as px
from experiments import encodings
from experiments.encodings import Sizes
from posenc_jax import nn


def swapped(model: Any, encoding: str, length: int, train_length: int | None, seed: int) -> Any:
  """The model's weights with another encoding for all layers; warns of what is not trained.

  Args:
    model: a ``TransformerLM``.
    encoding: as ``--encoding`` names it.
    length: the most tokens that it will see.
    train_length: that scalings are for; None for ``length``.
    seed: of the encoding's parameters.

  Raises:
    ValueError: there is no such encoding, or it does not fit the model.
  """
  heads, head_dim = model.stack.layers[0].attention.query.shape[1:]
  sizes = Sizes(model.stack.d_model, heads, head_dim, length, train_length or length)
  try:
    made = encodings.build(encoding, sizes, jax.random.key(seed))
    found = nn.with_encoding(model, made)
  except (ValueError, TypeError) as error:
    text = str(error)
    raise ValueError(text.replace("--encodings", "--encoding", 1) if text.startswith("--encoding")
                     else f"--encoding: {encoding!r} does not fit: {text}") from error
  for text in untrained(made):
    warnings.warn(f"--encoding: {encoding!r}: {text}", UserWarning, stacklevel=2)
  return found


def untrained(made: px.Encoding) -> Iterator[str]:
  """What a causal model that was not trained with an encoding makes of it: a line each.

  Example:
    >>> list(untrained(px.T5Bias.init(jax.random.key(0), num_heads=2, num_buckets=8)))
    ['its parameters (16) are initial values from --seed, not trained ones']
    >>> list(untrained(px.Rotary(8)))
    []
  """
  count = sum(x.size for x in jax.tree.leaves(px.partition(made)[0]))
  if count:
    yield f"its parameters ({count}) are initial values from --seed, not trained ones"
  if any(getattr(part, "bidirectional", False) for part, *_ in made.parts()):
    yield ("it is of both directions, and the model sees no later tokens: what is for those is "
           "never read")
