# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small networks of distances: how their layers are drawn, checked and applied."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _numerics
from posenc_jax.encodings import _checks

_DEPTHS = ("L", "M")  # numbers of square layers, of which a network may have none


def draw(key: jax.Array, inputs: int, *shape: int) -> jax.Array:
  """U(-1/sqrt(inputs), 1/sqrt(inputs)): a PyTorch layer's start."""
  return jax.random.uniform(key, shape, jnp.float32, -(inputs**-0.5), inputs**-0.5)


def check(shapes: Mapping[str, str], given: Mapping[str, Any], mend: str, *,
          optional: tuple[str, ...] = ("b_out",), stacked: bool = False) -> None:
  """Raises unless arrays have those shapes, in which each letter stands for one size.

  Args:
    shapes: name to letters, such as {"w": "[L, W, W]"}.
    given: name to what came.
    mend: how to build them.
    optional: names of what may be None.
    stacked: whether axes of lanes may stand in front (in constructors).
  """
  sizes: dict[str, int] = {}
  for name, letters in shapes.items():
    if given[name] is None and name in optional:
      continue
    names = letters.strip("[]").split(", ")
    known = {n: sizes[n] for n in names if n in sizes} | {n: int(n) for n in names if n.isdigit()}
    x = _checks.floats(name, given[name], letters, mend, sizes=known, stacked=stacked,
                       empty=_DEPTHS)
    sizes |= dict(zip(names, x.shape[len(x.shape) - len(names):], strict=True))


def layers(shapes: Mapping[str, str], given: Mapping[str, Any], mend: str) -> list[Any]:
  """The arrays, checked, in float32, or float64 if one is float64; or None."""
  check(shapes, given, mend)
  arrays = [None if given[name] is None else jnp.asarray(given[name]) for name in shapes]
  dtype = _numerics.wide(*[x for x in arrays if x is not None])
  return [None if x is None else x.astype(dtype) for x in arrays]


def fields(e: Any, shapes: Mapping[str, str]) -> dict[str, Any]:
  """Name to field of an encoding, for those names."""
  return {name: getattr(e, name) for name in shapes}


def linear(x: jax.Array, weight: jax.Array, bias: jax.Array | None) -> jax.Array:
  """x ``[..., I]`` times weight ``[I, O]``, plus bias ``[O]``."""
  y = jnp.einsum("...i,io->...o", x, weight)
  return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + bias.shape)
